"""Every limit of Slack that we obey, and that the local workspace enforces. Holds numbers only: no I/O, no code.

Sources, as read in November 2026 (the name in brackets says which one a constant comes from):

[events]   https://docs.slack.dev/apis/events-api/
[socket]   https://docs.slack.dev/apis/events-api/using-socket-mode
[rates]    https://docs.slack.dev/apis/web-api/rate-limits
[blocks]   https://docs.slack.dev/reference/block-kit/blocks, one page per block
[elements] https://docs.slack.dev/reference/block-kit/block-elements, one page per element
[objects]  https://docs.slack.dev/reference/block-kit/composition-objects, one page per object
[views]    https://docs.slack.dev/surfaces/modals and https://docs.slack.dev/reference/views
[post]     https://docs.slack.dev/reference/methods/chat.postMessage
[stream]   https://docs.slack.dev/reference/methods/chat.startStream, .appendStream, .stopStream
[agents]   https://docs.slack.dev/ai/developing-ai-apps and assistant.threads.setStatus, .setSuggestedPrompts
[respond]  https://docs.slack.dev/interactivity/handling-user-interaction
[manifest] https://docs.slack.dev/reference/app-manifest
[measured] not documented; what others measured and reported in public issue threads

Texts are counted in characters unless the name says bytes; times are in seconds.
"""

# Taking events in

ACK_S = 3.0
"""[events] An envelope must be acknowledged within this time, or Slack sends it again."""

RETRY_AFTER_S = (0.0, 60.0, 300.0)
"""[events] Waits before the three retries of an event that was not acknowledged."""

TRIGGER_S = 3.0
"""[views] A `trigger_id` opens one view and expires after this time."""

EVENTS_PER_HOUR = 30_000
"""[events] Events a workspace sends one app; beyond it Slack sends `app_rate_limited`."""

SOCKETS = 10
"""[socket] Open Socket Mode connections per app; each event goes to one of them."""

RESPONSE_URL_USES = 5
"""[respond] Posts that one `response_url` takes."""

RESPONSE_URL_S = 30 * 60.0
"""[respond] Life of a `response_url`."""

# Posting

POSTS_PER_CHANNEL_S = 1.0
"""[rates] Posts a second into one channel; short bursts are tolerated, then 429 with `Retry-After`."""

TIER_1_PER_MINUTE = 1
"""[rates] Tier 1; also `conversations.history` and `.replies` for apps sold outside the Marketplace."""

TIER_2_PER_MINUTE = 20
"""[rates] Tier 2: `chat.startStream`, `chat.stopStream`, `conversations.list`, `bookmarks.add`, `canvases.create`."""

TIER_3_PER_MINUTE = 50
"""[rates] Tier 3: `chat.update`, `conversations.history` and `.replies`, `reactions.add`, `canvases.edit`."""

TIER_4_PER_MINUTE = 100
"""[rates] Tier 4: `chat.appendStream`, `chat.postEphemeral`, `views.*`, `users.info`, uploads."""

MESSAGE_TEXT = 40_000
"""[post] `text` is cut here; Slack recommends 4,000."""

MESSAGE_BLOCKS_TEXT = 13_200
"""[measured] All text in the blocks of one message; more gives `msg_too_long`."""

METADATA_BYTES = 16_000
"""[post] Serialized `metadata` of a message; more gives `metadata_too_large`."""

# Streaming and agents

STREAM_APPEND_TEXT = 12_000
"""[stream] `markdown_text` of one call."""

STREAM_BYTES = 10_600
"""[measured] UTF-8 bytes, cards included, at which a streamed message was refused: the lowest of 10.6 to 11.9 kB."""

STREAM_BUDGET_BYTES = 9_000
"""[measured] UTF-8 bytes we put into one streamed message before rolling over into the next; below `STREAM_BYTES`."""

STREAM_LIFE_S = 5 * 60.0
"""[measured] A stream is ended by Slack after about this time, even with traffic."""

STREAM_IDLE_S = 30.0
"""[measured] A stream without traffic may be ended after this time."""

STREAM_CHUNK_BLOCKS = 50
"""[stream] Blocks that may come through chunks, beside the 50 of `stopStream`."""

STATUS_S = 2 * 60.0
"""[agents] A status clears itself after this time."""

STATUS_LOADING_MESSAGES = 10
"""[agents] `loading_messages` of one status."""

SUGGESTED_PROMPTS = 4
"""[agents] Suggested prompts of one thread."""

# Messages, views and blocks

MESSAGE_BLOCKS = 50
"""[blocks] Blocks of a message; `markdown` blocks count as what they expand into."""

VIEW_BLOCKS = 100
"""[blocks] Blocks of a modal or a home tab."""

MARKDOWN_TEXT = 12_000
"""[blocks] Text of all `markdown` blocks of one message together; 12,001 gives `msg_too_long`."""

HEADER_TEXT = 150
"""[blocks] Text of a `header`."""

SECTION_TEXT = 3_000
"""[blocks] Text of a `section`."""

SECTION_FIELDS = 10
"""[blocks] Fields of a `section`."""

SECTION_FIELD_TEXT = 2_000
"""[blocks] Text of one field of a `section`."""

CONTEXT_ELEMENTS = 10
"""[blocks] Elements of a `context`."""

CONTEXT_TEXT = 3_000
"""[objects] Any text object that its block does not limit further."""

ACTIONS_ELEMENTS = 25
"""[blocks] Elements of an `actions` block."""

CONTEXT_ACTIONS_ELEMENTS = 5
"""[blocks] Elements of a `context_actions` block."""

BUTTON_TEXT = 75
"""[elements] Label of a button."""

BUTTON_VALUE = 2_000
"""[elements] `value` of a button."""

BUTTON_URL = 3_000
"""[elements] `url` of a button."""

ACTION_ID = 255
"""[elements] `action_id`."""

BLOCK_ID = 255
"""[blocks] `block_id`."""

OPTION_TEXT = 75
"""[objects] Label of an option."""

OPTION_VALUE = 150
"""[objects] `value` of an option."""

OVERFLOW_OPTIONS = 5
"""[elements] Options of an overflow menu."""

SELECT_OPTIONS = 100
"""[elements] Options of a select menu."""

CONFIRM_TITLE = 100
"""[objects] Title of a confirmation."""

CONFIRM_TEXT = 300
"""[objects] Text of a confirmation."""

CONFIRM_BUTTON = 30
"""[objects] Each label of a confirmation."""

PLACEHOLDER_TEXT = 150
"""[elements] Placeholder of an input."""

INPUT_TEXT = 3_000
"""[elements] `max_length` and `initial_value` of a `plain_text_input`."""

INPUT_LABEL = 2_000
"""[blocks] Label and hint of an `input`."""

IMAGE_URL = 3_000
"""[blocks] `image_url` of an `image`."""

IMAGE_ALT_TEXT = 2_000
"""[blocks] `alt_text` and title of an `image`."""

TABLE_ROWS = 100
"""[blocks] Rows of a `table`."""

TABLE_CELLS = 20
"""[blocks] Cells of one row of a `table`."""

TABLE_TEXT = 10_000
"""[blocks] Text of all cells of a `table` together."""

VIEW_TITLE = 24
"""[views] `title`, `submit` and `close` of a modal."""

VIEW_STACK = 3
"""[views] Modals on top of each other."""

PRIVATE_METADATA = 3_000
"""[views] `private_metadata` of a view."""

CALLBACK_ID = 255
"""[views] `callback_id` of a view."""

# Charts

CHART_TITLE = 50
"""[blocks] Title of a `data_visualization`."""

CHART_SERIES = 6
"""[blocks] Series, or segments of a pie."""

CHART_CATEGORIES = 20
"""[blocks] Categories on the axis."""

CHART_LABEL = 20
"""[blocks] Label of a category or segment."""

CHARTS_PER_MESSAGE = 2
"""[blocks] Charts in one message."""

# Others

CANVAS_BYTES = 1024 * 1024
"""[measured] Markdown of one canvas; on free plans only as a channel tab."""

APP_NAME = 35
"""[manifest] `display_information.name`."""

APP_DESCRIPTION = 140
"""[manifest] `display_information.description`."""

AGENT_DESCRIPTION = 300
"""[manifest] `agent_view.agent_description`."""

COMMAND_NAME = 32
"""[manifest] A slash command, slash included."""

SHORTCUT_NAME = 24
"""[manifest] `name` of a shortcut."""
