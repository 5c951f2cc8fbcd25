"""Everything that can go wrong while reading, as one tree. Each message says what to do now.

IngestError
├── WrongUse             the caller asked for something that cannot be (exit code 2)
│   ├── FolderMissing    a root that is not there
│   ├── MassDeletion     too many documents vanished at once; needs a yes
│   └── Unreadable       pushed log lines are in no form that we read
├── DatabaseError        the database cannot be opened or written
├── EmbedderBroken       the weights are missing or not the ones we trust
├── IndexBroken          a view of the database is damaged or out of reach
├── SourceDown           a log source cannot be read now
└── BacklogFull          more pushed log lines wait than may: the sender must wait
"""


class IngestError(Exception):
    """Root of the tree; `str()` of it is one sentence for the person on call."""


class WrongUse(IngestError):
    """The request itself is wrong; nothing was changed."""


class FolderMissing(WrongUse):
    """A root given to sync does not exist or is not readable."""


class MassDeletion(WrongUse):
    """More documents vanished at once than a person is likely to have meant."""


class Unreadable(WrongUse):
    """What was pushed is in no form that we read; nothing of it was taken."""


class DatabaseError(IngestError):
    """The database could not be opened, migrated or written."""


class EmbedderBroken(IngestError):
    """The embedder's weights are missing or differ from the hash we ship."""


class IndexBroken(IngestError):
    """A derived index is damaged or unreachable; the database still holds the truth."""


class SourceDown(IngestError):
    """A log source cannot be read now; what was read before is kept, and nothing is known since."""


class BacklogFull(IngestError):
    """More pushed log lines wait to be scanned than may; nothing of these was taken."""
