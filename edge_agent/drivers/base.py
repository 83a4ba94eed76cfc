"""What a port needs from the thing that speaks on its wire."""

from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, TypeAlias

UnitAddress: TypeAlias = int | str
"""A number on the line, or the digits of a meter number."""


class Reply(NamedTuple):
    """The answer to one request.

    Attributes:
        values: What was asked for: registers (0..65535), bits (0, 1) or bytes as whole numbers, or
            records of an M-Bus slave.
        at_ms: UTC milliseconds at which its last byte arrived.
        took_s: From the first byte sent to the last byte received, seconds.
    """

    values: Sequence[Any]
    at_ms: int
    took_s: float


OnLateResponse = Callable[[UnitAddress, float], object]
"""Takes a unit and how long after its request the response came, seconds.

Called when a late response comes: the unit is there, and slower than its timeout. It must be quick
and send no request itself.
"""


def ignore_late_response(unit: UnitAddress, after_s: float) -> None:
    """Do nothing: for a driver whose late responses do not matter."""
    del unit, after_s


class Driver(Protocol):
    """One connection. Entered again after it was left; only one request runs at a time.

    ``async with`` opens it and raises PortDownError when that fails; so does every request once
    the connection is gone. Requests also raise DeviceTimeoutError, DeviceRefusedError and
    DeviceGarbageError, and nothing else.
    """

    async def __aenter__(self) -> Self:
        """Open the connection."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it; never raises."""
        ...

    def ask(self, unit: Any, question: Any, *, timeout_s: float) -> Awaitable[Reply]:
        """Ask a question of its protocol."""
        ...

    def tell(
        self, unit: Any, target: Any, values: Sequence[int], *, timeout_s: float
    ) -> Awaitable[Reply]:
        """Write; the reply carries what was written.

        Args:
            unit: As the protocol addresses it.
            target: Where it goes, as the planner of the device says.
            values: As the planner has encoded them.
            timeout_s: Longest wait for the response, seconds.
        """
        ...

    def ask_at(self, unit: Any, question: Any) -> float:
        """When this may be asked without a late reply being taken for its answer.

        Monotonic seconds, in the past when it may be asked now. Asking sooner waits, for three
        timeouts at most.
        """
        ...

    def ask_afresh_at(self, unit: Any, question: Any) -> float:
        """When this may be asked so that its answer is no older one's.

        As ``ask_at``; but while an answer to the same question is outstanding as well, which
        would carry the same values as they were when they were first asked for.
        """
        ...

    def tell_at(self, unit: Any, target: Any) -> float:
        """When this may be written without a late echo being taken for its own; as ``ask_at``."""
        ...


class AtOnce:
    """When a driver may be asked on whose wire nothing comes late: at any time."""

    def ask_at(self, unit: Any, question: Any) -> float:
        """When this may be asked: at once."""
        del unit, question
        return 0.0

    def ask_afresh_at(self, unit: Any, question: Any) -> float:
        """When this may be asked so that its answer is no older one's: at once."""
        del unit, question
        return 0.0

    def tell_at(self, unit: Any, target: Any) -> float:
        """When this may be written: at once."""
        del unit, target
        return 0.0


OpenDriver = Callable[[OnLateResponse], Driver]
"""Makes the driver of one port, given who is told of late responses."""
