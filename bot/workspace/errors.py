"""Everything that can go wrong in the workspace, as one tree.

WorkspaceError
├── PortTaken   the port asked for is in use; the message says what to do
├── NoAnswer    the app did not acknowledge a gesture in time, or is not connected
├── Occupied    nothing can be broken in the shop now; the message says why
└── Refused     a call that Slack refuses, with Slack's own error word
"""


class WorkspaceError(Exception):
    """Root of the tree."""


class PortTaken(WorkspaceError):
    """No port to listen on; `str()` of it is one sentence for the person who started us."""


class NoAnswer(WorkspaceError):
    """Nobody acknowledged a command, a click or a submission."""


class Occupied(WorkspaceError):
    """Nothing can be broken in the shop now; `str()` of it is one sentence that says why."""


class Refused(WorkspaceError):
    """A refused call. `code` is Slack's word; `messages` is what goes into `response_metadata.messages`."""

    def __init__(self, code: str, *messages: str) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
