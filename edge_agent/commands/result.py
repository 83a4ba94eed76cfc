"""What became of a command."""

from enum import StrEnum
from typing import NamedTuple

from protocols.reading import Value


class Status(StrEnum):
    """What became of a command."""

    DONE = "done"
    """Written, and it reads back as written."""
    UNCONFIRMED = "unconfirmed"
    """The device accepted it, but it reads back otherwise (a push button, a limit inside it) or
    cannot be read back; the reason says which."""
    REFUSED = "refused"
    """Not carried out: a rule, an expiry, a unit that is down, or the device says no."""
    FAILED = "failed"
    """It went out, and it is unknown whether the device did it: no answer, or one that says
    neither yes nor no (exception 4)."""


class CommandResult(NamedTuple):
    """What became of a command, for the record.

    Attributes:
        reason: Why it is not done, in words; empty when it is.
        before: The last value read before; None if there was none.
        asked: The value that was asked for.
        after: The value read back; None if nothing was written or it could not be read.
        by: Who asked.
        at: UTC ms at which this was known.
        why: What it was asked for.
        before_at: UTC ms at which ``before`` was read; None if there was none.
    """

    id: str
    device: str
    point: str
    status: Status
    reason: str
    before: Value
    asked: Value
    after: Value
    by: str
    at: int
    why: str = ""
    before_at: int | None = None
