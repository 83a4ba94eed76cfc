"""What a journal does; memory.py and sqlite.py are two of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from edge_agent.journal.ranges import Range


class Row(NamedTuple):
    """One message of one device, kept until the server has stored it.

    Attributes:
        offset: Its number in this journal; never used for another row.
        fragment: Serialized Sparkplug metrics, without timestamp, seq and uuid.
        taken_at: UTC milliseconds of its newest reading.
        readings: How many readings the fragment carries.
    """

    offset: int
    device: str
    fragment: bytes
    taken_at: int
    readings: int


class Alias(NamedTuple):
    """What an alias stands for; a point whose datatype changes gets another one."""

    device: str
    point: str
    datatype: int


@dataclass(slots=True)
class JournalStats:
    """Figures for the status page.

    Attributes:
        rows: Messages kept, on disk and in memory.
        disk_bytes: Used bytes of the file.
        dropped_rows: Messages given up because a bound was reached, since the start.
        oldest_at: UTC milliseconds of the oldest message on disk; None when there is none.
        writable: False while the disk refuses, or there is none.
        commits: Group commits since the start.
        provisional_readings: Readings with a provisional timestamp; they wait for the clock.
        recovering: Whether rows of a damaged file are still being taken over.
    """

    rows: int = 0
    disk_bytes: int = 0
    dropped_rows: int = 0
    oldest_at: int | None = None
    writable: bool = True
    commits: int = 0
    provisional_readings: int = 0
    recovering: bool = False


OnRenamed = Callable[[], object]


def ignore_renaming() -> None:
    """Do nothing: of a journal whose name nobody keeps."""


class Journal(Protocol):
    """Messages kept until the server says that they are stored.

    Entering opens it, leaving commits and closes it; both may be repeated.
    """

    @property
    def journal_id(self) -> str:
        """Name of this journal; offsets mean something only together with it."""
        ...

    @property
    def next_offset(self) -> int:
        """The offset that the next row will get."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def append(
        self,
        device: str,
        fragment: bytes,
        *,
        taken_at: int,
        readings: int = 1,
        boot_offset_ms: int | None = None,
    ) -> int:
        """Keep a message and return its offset; it is on disk after the next group commit.

        Args:
            device: Whose it is.
            fragment: Serialized Sparkplug metrics.
            taken_at: UTC ms of its newest reading.
            readings: How many it carries.
            boot_offset_ms: Given while the clock is not believed: the UTC ms that it had, by
                itself, when the machine was started. The
                timestamp is provisional and the row waits for ``close_epochs``.

        Raises JournalFullError when no offset is left that could not be used twice.
        """
        ...

    def acknowledge(self, ranges: Iterable[Range]) -> None:
        """Delete these offsets; what is not in the journal, or not yet, is left alone."""
        ...

    async def read(self, first: int, last: int, *, limit: int) -> list[Row]:
        """Return up to ``limit`` rows of the closed range, lowest offset first.

        Fewer than that: the rest of the range holds none whose time is final. Raises JournalError
        when the file cannot be read for now.
        """
        ...

    async def close_epochs(self, boot_offset_ms: int) -> None:
        """Make provisional timestamps final: the machine started at UTC ms ``boot_offset_ms``."""
        ...

    @property
    def believed(self) -> bool:
        """Whether ``close_epochs`` was called since the machine was started, by any process."""
        ...

    def arrivals(self) -> list[Range]:
        """Return, once, ranges below ``next_offset`` in which there are rows to be sent now."""
        ...

    def alias(self, device: str, point: str, datatype: int) -> int:
        """Return the alias of this point, a new one on first use."""
        ...

    def aliases(self) -> dict[int, Alias]:
        """Return every alias ever given."""
        ...

    @property
    def bd_seq(self) -> int | None:
        """The birth-death number of the last connect; None before the first."""
        ...

    def keep_bd_seq(self, bd_seq: int) -> None:
        """Remember the number of the connect that follows; durable after the next commit."""
        ...

    async def commit(self) -> None:
        """Put everything so far on disk; when the disk refuses it stays in memory."""
        ...

    async def run(self, on_renamed: OnRenamed) -> None:
        """Commit regularly, for ever.

        Args:
            on_renamed: Called when another file takes its place: ``journal_id``, aliases and
                offsets are others from then on, what was sent under the old name counts as not
                sent.
        """
        ...

    def stats(self) -> JournalStats:
        """Return the figures of this moment."""
        ...
