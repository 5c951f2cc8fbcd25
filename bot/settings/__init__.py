"""The only reader of the environment and of copilot.toml: all settings, checked together, frozen. Opens no service."""

from bot.settings.listing import ENVIRONMENT, OptionHelp, reference
from bot.settings.options import (
    PRICES,
    ClaudeSettings,
    CloudWatchSettings,
    DocumentSettings,
    HttpSettings,
    JournalSettings,
    LogSettings,
    LokiSettings,
    MaintenanceSettings,
    Price,
    Role,
    ServiceSettings,
    Settings,
    SlackSettings,
    WatchSettings,
    WorkspaceSettings,
    seconds_of,
)
from bot.settings.reading import DEFAULT_FILE, load

__all__ = [
    "DEFAULT_FILE",
    "ENVIRONMENT",
    "PRICES",
    "ClaudeSettings",
    "CloudWatchSettings",
    "DocumentSettings",
    "HttpSettings",
    "JournalSettings",
    "LogSettings",
    "LokiSettings",
    "MaintenanceSettings",
    "OptionHelp",
    "Price",
    "Role",
    "ServiceSettings",
    "Settings",
    "SlackSettings",
    "WatchSettings",
    "WorkspaceSettings",
    "load",
    "reference",
    "seconds_of",
]
