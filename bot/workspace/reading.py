"""Slack's methods that read, and the small ones: conversations, users, reactions, the agent's status. Knows no HTTP."""

from collections.abc import Callable

from bot import limits
from bot.workspace.arguments import Arguments
from bot.workspace.errors import Refused
from bot.workspace.seed import Channel, User
from bot.workspace.state import Payload, State, is_reply

PAGE = 100
PAGE_MOST = 999


class Conversations:
    """`conversations.*`: https://docs.slack.dev/reference/methods?filter=conversations."""

    def __init__(self, state: State) -> None:
        self._state = state

    def history(self, args: Arguments) -> Payload:
        """`conversations.history`: roots, newest first."""
        channel = self._state.joined(args.text("channel"))
        return _page(args, list(reversed(self._state.roots(channel.id))))

    def replies(self, args: Arguments) -> Payload:
        """`conversations.replies`: the root, then its replies, oldest first."""
        channel = self._state.joined(args.text("channel"))
        return _page(args, self._state.thread(channel.id, self._state.root_ts(channel.id, args.text("ts"))))

    def info(self, args: Arguments) -> Payload:
        """`conversations.info`."""
        return {"channel": self._shown(self._state.channel(args.text("channel")))}

    def members(self, args: Arguments) -> Payload:
        """`conversations.members`."""
        channel = self._state.channel(args.text("channel"))
        return {"members": sorted(channel.members), "response_metadata": {"next_cursor": ""}}

    def open(self, args: Arguments) -> Payload:
        """`conversations.open`: the direct message with one user."""
        user = args.text("users")
        if user not in self._state.users:
            raise Refused("user_not_found")
        return {"channel": {"id": self._state.channel(user).id}}

    def _shown(self, channel: Channel) -> Payload:
        direct = channel.direct is not None
        shown: Payload = {"id": channel.id, "is_channel": not direct, "is_im": direct, "is_private": direct}
        if direct:
            return shown | {"user": channel.direct}
        member = self._state.seed.bot.id in channel.members
        return shown | {"name": channel.name, "is_member": member, "purpose": {"value": channel.purpose}}


class Small:
    """`auth.test`, `users.*`, `usergroups.users.list`, `reactions.*` and `assistant.threads.*`."""

    def __init__(self, state: State, url: Callable[[], str]) -> None:
        self._state = state
        self._url = url

    def auth(self, _args: Arguments) -> Payload:
        """`auth.test`."""
        seed = self._state.seed
        who = {"user": seed.bot.name, "user_id": seed.bot.id, "bot_id": seed.bot_id}
        return {"url": self._url(), "team": seed.team, "team_id": seed.team_id, "is_enterprise_install": False} | who

    def user(self, args: Arguments) -> Payload:
        """`users.info`."""
        user = self._state.users.get(args.text("user"))
        if user is None:
            raise Refused("user_not_found")
        return {"user": self._person(user)}

    def people(self, args: Arguments) -> Payload:
        """`users.list`: everybody, a page at a time."""
        start = args.number("cursor", 0) if args.has("cursor") else 0
        end = start + min(args.number("limit", PAGE), PAGE_MOST)
        users = list(self._state.users.values())
        cursor = str(end) if end < len(users) else ""
        return {"members": [*map(self._person, users[start:end])], "response_metadata": {"next_cursor": cursor}}

    def group(self, args: Arguments) -> Payload:
        """`usergroups.users.list`."""
        groups = {group.id: group.users for group in self._state.seed.groups}
        if args.text("usergroup") not in groups:
            raise Refused("no_such_subteam")
        return {"users": list(groups[args.text("usergroup")])}

    def _person(self, user: User) -> Payload:
        """Return a user object: https://docs.slack.dev/reference/objects/user-object."""
        return {
            "id": user.id,
            "team_id": user.team_id or self._state.seed.team_id,
            "is_restricted": user.is_guest,
            "is_ultra_restricted": False,
            "name": user.name,
            "real_name": user.real_name,
            "deleted": False,
            "tz": user.tz,
            "tz_offset": user.tz_offset_s,
            "is_bot": user.is_bot,
            "profile": {"real_name": user.real_name, "display_name": user.name},
        }

    def permalink(self, args: Arguments) -> Payload:
        """`chat.getPermalink`."""
        channel = self._state.joined(args.text("channel")).id
        message = self._state.message(channel, args.text("message_ts"))
        link = f"{self._url()}archives/{channel}/p{message['ts'].replace('.', '')}"
        thread = f"?thread_ts={message['thread_ts']}&cid={channel}" if is_reply(message) else ""
        return {"channel": channel, "permalink": link + thread}

    def add_reaction(self, args: Arguments) -> Payload:
        """`reactions.add`."""
        channel, message = self._reacted(args)
        name, bot = args.text("name"), self._state.seed.bot.id
        users = {each["name"]: each["users"] for each in message.get("reactions", [])}
        if bot in users.get(name, []):
            raise Refused("already_reacted")
        users[name] = [*users.get(name, []), bot]
        self._state.put(channel, message | {"reactions": _reactions(users)})
        return {}

    def remove_reaction(self, args: Arguments) -> Payload:
        """`reactions.remove`."""
        channel, message = self._reacted(args)
        name, bot = args.text("name"), self._state.seed.bot.id
        users = {each["name"]: each["users"] for each in message.get("reactions", [])}
        if bot not in users.get(name, []):
            raise Refused("no_reaction")
        users[name] = [user for user in users[name] if user != bot]
        self._state.put(channel, message | {"reactions": _reactions(users)})
        return {}

    def set_status(self, args: Arguments) -> Payload:
        """`assistant.threads.setStatus`; an empty status clears it."""
        channel = self._state.joined(args.text("channel_id")).id
        loading = args.items("loading_messages") or []
        if len(loading) > limits.STATUS_LOADING_MESSAGES:
            raise Refused("invalid_arguments", "[ERROR] no more than 10 items allowed [json-pointer:/loading_messages]")
        self._state.set_status(channel, args.text("thread_ts"), args.maybe("status") or "", tuple(map(str, loading)))
        return {}

    def set_prompts(self, args: Arguments) -> Payload:
        """`assistant.threads.setSuggestedPrompts`."""
        channel = self._state.joined(args.text("channel_id")).id
        prompts = args.items("prompts") or []
        if not 0 < len(prompts) <= limits.SUGGESTED_PROMPTS:
            raise Refused("invalid_arguments", "[ERROR] 1 to 4 items allowed [json-pointer:/prompts]")
        if not all(isinstance(each, dict) and each.get("title") and each.get("message") for each in prompts):
            raise Refused("invalid_arguments", "[ERROR] missing required field: title [json-pointer:/prompts]")
        self._state.prompts[channel] = {"title": args.maybe("title") or "", "prompts": prompts}
        self._state.tell("prompts", channel=channel, **self._state.prompts[channel])
        return {}

    def _reacted(self, args: Arguments) -> tuple[str, Payload]:
        channel = self._state.joined(args.text("channel")).id
        return channel, self._state.message(channel, args.text("timestamp"))


def _reactions(users: dict[str, list[str]]) -> list[Payload]:
    return [{"name": name, "users": who, "count": len(who)} for name, who in users.items() if who]


def _page(args: Arguments, messages: list[Payload]) -> Payload:
    """Return the part of `messages` that was asked for: oldest, latest, inclusive, limit, cursor (an offset)."""
    inclusive, oldest, latest = args.flag("inclusive"), args.maybe("oldest"), args.maybe("latest")
    if oldest is not None:
        messages = [m for m in messages if m["ts"] > oldest or (inclusive and m["ts"] == oldest)]
    if latest is not None:
        messages = [m for m in messages if m["ts"] < latest or (inclusive and m["ts"] == latest)]
    start, most = args.number("cursor", 0) if args.has("cursor") else 0, min(args.number("limit", PAGE), PAGE_MOST)
    page = messages[start : start + most]
    more = start + most < len(messages)
    if not args.flag("include_all_metadata"):
        page = [{key: value for key, value in m.items() if key != "metadata"} for m in page]
    cursor = str(start + most) if more else ""
    return {"messages": page, "has_more": more, "response_metadata": {"next_cursor": cursor}}
