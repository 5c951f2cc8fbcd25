"""Who and what is in a new workspace: its team, people and channels. Holds values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """A member. `tz` is an IANA name, `tz_offset_s` seconds east of UTC; `team_id` is of another workspace, if so."""

    id: str
    name: str
    real_name: str
    is_bot: bool = False
    tz: str = "Etc/UTC"
    tz_offset_s: int = 0
    is_guest: bool = False
    team_id: str | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel, or a direct message between the app and `direct` (a user id)."""

    id: str
    name: str
    members: frozenset[str]
    purpose: str = ""
    direct: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A user group and the ids of its people."""

    id: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """An entry of the app in the menu of every message."""

    name: str
    callback_id: str


@dataclass(frozen=True, slots=True)
class Command:
    """A way to use the app that the message box completes: what to insert, and what it does."""

    insert: str
    note: str


@dataclass(frozen=True, slots=True)
class Seed:
    """A workspace before anybody said anything. `you` sits at the page; `examples` are questions to try there."""

    team_id: str
    team: str
    domain: str
    app_id: str
    bot_id: str
    bot: User
    you: User
    others: tuple[User, ...]
    channels: tuple[Channel, ...]
    examples: tuple[str, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()
    commands: tuple[Command, ...] = ()
    scopes: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()

    @property
    def users(self) -> dict[str, User]:
        """All members by id, the bot included."""
        return {user.id: user for user in (self.you, self.bot, *self.others)}


LARKFIELD = Seed(
    team_id="T0LARKFIELD",
    team="Larkfield",
    domain="larkfield",
    app_id="A0COPILOT",
    bot_id="B0COPILOT",
    bot=User("U0COPILOT", "copilot", "Incident Copilot", is_bot=True),
    you=User("U0ALICE", "alice", "Alice"),
    others=(),
    channels=(
        Channel(
            "C0INCIDENTS", "incidents", frozenset({"U0ALICE", "U0COPILOT"}), "Something is broken: ask and act here"
        ),
        Channel("C0PAYMENTS", "payments", frozenset({"U0ALICE", "U0COPILOT"}), "The payments team"),
        Channel("D0ALICE", "copilot", frozenset({"U0ALICE", "U0COPILOT"}), direct="U0ALICE"),
    ),
    examples=(
        "Checkout returns 502s, what do I check first?",
        "Postgres is out of connections, how do I free some?",
        "Have we seen payment timeouts before?",
    ),
    scopes=(
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "groups:history",
        "groups:read",
        "im:history",
        "users:read",
        "usergroups:read",
    ),
    shortcuts=(Shortcut("Ask about this", "ask_about_this"),),
    commands=(
        Command("/copilot ask ", "answer only to me"),
        Command("/copilot similar ", "past incidents that look alike"),
        Command("/copilot runbook ", "a runbook's first steps"),
        Command("/copilot catchup", "what was said here since I last wrote"),
        Command("/copilot incidents", "the stories that are open"),
        Command("/copilot snooze ", "no more about a story for a while"),
        Command("/copilot status", "is it well?"),
        Command("/copilot help", "what it can do"),
    ),
)
"""The workspace that `copilot run` opens when no Slack is configured."""
