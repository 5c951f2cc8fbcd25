"""A small Slack on loopback: Slack's protocol for the bot, one page for a person. Knows nothing of ours but limits."""

from bot.workspace.errors import PortTaken, Refused, WorkspaceError
from bot.workspace.seed import LARKFIELD, Channel, Group, Seed, User
from bot.workspace.shopkeeper import Shopkeeper
from bot.workspace.workspace import Workspace

__all__ = [
    "LARKFIELD",
    "Channel",
    "Group",
    "PortTaken",
    "Refused",
    "Seed",
    "Shopkeeper",
    "User",
    "Workspace",
    "WorkspaceError",
]
