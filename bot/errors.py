"""Everything that can go wrong while speaking, as one tree. Each message says what to do now.

BotError
├── SettingsError        one or more settings are wrong; the message lists all of them
├── AlreadyRunning       another process owns the data folder
├── ClaudeError          no whole answer came from Claude
│   ├── ClaudeUnavailable    overloaded, rate limited, unreachable, timed out: may pass by itself
│   ├── ClaudeClosed         it is not asked now: a budget is used up, or it refused us minutes ago
│   ├── ClaudeDenied         the key or the account is refused: a person must act
│   └── ClaudeIncomplete     it began and did not end with `end_turn` (cut, refused, too long, broken)
│       └── ClaudeTooLong    not accepted as it is: less text may be
├── Misused              a person asked for what cannot be done now; the sentence says what can
└── SlackRefused         Slack will never accept this post as it is
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Used:
    """What a call had used when it ended, whole or not. `tokens_in` is the whole prompt, cached parts included."""

    tokens_in: int = 0
    tokens_out: int = 0
    cache_read: int = 0
    cache_written: int = 0
    usd: float = 0.0


class BotError(Exception):
    """Root of the tree; `str()` of it is one sentence for the person on call, never an exception text."""


class SettingsError(BotError):
    """Settings are wrong; lists every mistake with file and line."""


class AlreadyRunning(BotError):
    """A second process asked for a data folder that is owned; names the owner's pid."""


class ClaudeError(BotError):
    """Claude gave no whole answer."""


class ClaudeUnavailable(ClaudeError):
    """Claude cannot be reached or is too busy; trying later may work."""


class ClaudeDenied(ClaudeError):
    """Claude refuses the key, the account or the spending limit; trying again will not help."""


class ClaudeClosed(ClaudeError):
    """Claude was not asked, on purpose; the sentence says why and until when."""


class ClaudeIncomplete(ClaudeError):
    """The answer began and never came whole; what arrived must not be shown as an answer.

    `used` is what it cost nevertheless, as far as Claude had told.
    """

    used = Used()


class ClaudeTooLong(ClaudeIncomplete):
    """Claude did not take the request, most likely for its length; nothing of an answer came."""


class Misused(BotError):
    """What a person asked for cannot be done: an unknown name, a story that has ended, a span out of bounds."""


class SlackRefused(BotError):
    """Slack refused a post for good; `code` is Slack's own error word."""

    def __init__(self, code: str, what_now: str) -> None:
        super().__init__(what_now)
        self.code = code
