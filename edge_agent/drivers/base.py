"""What a port needs from the thing that speaks on its wire."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from config.points import Table


class Reply(NamedTuple):
    """The answer to one request.

    Attributes:
        values: Registers (0..65535) or bits (0, 1), exactly as many as were asked.
        at_ms: UTC milliseconds at which its last byte arrived.
        took_s: From the first byte sent to the last byte received, seconds.
    """

    values: Sequence[int]
    at_ms: int
    took_s: float


OnLateResponse = Callable[[int, float], object]
"""Takes a unit and how long after its request the response came, seconds."""


def ignore_late_response(unit: int, after_s: float) -> None:
    """Do nothing: the ``on_late_response`` of a driver whose late responses do not matter."""
    del unit, after_s


class Driver(Protocol):
    """One connection. Entered again after it was left; only one request runs at a time.

    ``async with`` opens it and raises PortDownError when that fails; so does every request once
    the connection is gone. Requests also raise DeviceTimeoutError, DeviceRefusedError and
    DeviceGarbageError, and nothing else.

    Attributes:
        on_late_response: Called when a late response comes: the unit is there, and slower than
            its timeout. It must be quick and send no request itself.
    """

    on_late_response: OnLateResponse

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

    async def read(
        self, unit: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> Reply:
        """Ask for ``count`` registers or bits from the 0-based ``address``."""
        ...

    async def write(
        self,
        unit: int,
        table: Table,
        address: int,
        values: Sequence[int],
        *,
        timeout_s: float,
        multiple: bool = False,
    ) -> Reply:
        """Write registers or bits; the reply carries what was written.

        Args:
            unit: 1..247; 0..255 on Modbus TCP.
            table: Holding registers or coils.
            address: Of the first, 0-based.
            values: Registers 0..65535, or bits 0 and 1.
            timeout_s: Longest wait for the response, seconds.
            multiple: Use function 15 or 16 for a single value as well.
        """
        ...

    def clear_at(self, unit: int, table: Table, address: int, count: int) -> float:
        """When this may be asked without a late reply being taken for its answer.

        Monotonic seconds, in the past when it may be asked now. Asking sooner waits, for three
        timeouts at most.
        """
        ...

    def fresh_at(self, unit: int, table: Table, address: int, count: int) -> float:
        """When this may be asked so that its answer is no older one's.

        As ``clear_at``; but while an answer to the same request is outstanding as well, which
        would carry the same registers as they were when they were first asked for.
        """
        ...

    def clear_to_write_at(
        self, unit: int, table: Table, address: int, count: int, *, multiple: bool = False
    ) -> float:
        """When this may be written without a late echo being taken for its own.

        As ``clear_at``, for a ``write``.
        """
        ...
