"""One command: what it waits for, how far it has come, and its outcome."""

from asyncio import Future
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from config.interlock import Place
from config.point_kinds import AnyPoint
from edge_agent.errors import CommandError, DeviceRefusedError, DriverError
from edge_agent.polling.device import PolledDevice
from protocols.modbus import limits
from protocols.reading import Reading, Value

# Illegal function, address and value; busy, come again; negative acknowledge. All other codes leave
# it open: 4 means that it failed on the way. 5, accepted and not finished, is an acknowledgement.
_NOT_DONE = frozenset({1, 2, 3, 6, 7})

FinalCheck = Callable[[], None]
"""Raises CommandError when a command must not go out at this moment."""


class Written(NamedTuple):
    """What a write did; the device has acknowledged it.

    Attributes:
        before: Last reading before it; None if there was none.
        after: Reading made after it; None if that was not possible.
        confirmed: The register reads back as it was written.
        reason: Why it is not confirmed; empty when it is.
    """

    before: Reading | None
    after: Reading | None
    confirmed: bool
    reason: str = ""


def no_check() -> None:
    """Let every command pass."""


@dataclass(eq=False, slots=True)
class WriteOrder:
    """A command waiting in the write lane; its progress is changed by its own methods only.

    Attributes:
        expires_at: UTC ms after which it must not be carried out; None: never.
        watched: Points of this port that are read right before ``final_check``.
        final_check: Called right before it goes out; raises CommandError to stop it.
        sent: Whether it may have reached the device.
        acknowledged: Whether the device has acknowledged it; ``values`` are known then.
        values: What is written, as the planner of the device has encoded it.
        read_back_at: When it is read back once more, monotonic seconds; None: not yet read back.
        busy: How often the device answered that it is busy.
    """

    device: PolledDevice
    point: str
    value: Value
    expires_at: int | None
    result: Future[Written]
    watched: Sequence[Place] = ()
    final_check: FinalCheck = no_check
    sent: bool = False
    acknowledged: bool = False
    values: Sequence[int] = ()
    before: Reading | None = None
    after: Reading | None = None
    read_back_at: float | None = None
    busy: int = 0

    @property
    def settings(self) -> AnyPoint:
        """The point that it writes."""
        return self.device.device.points[self.point]

    def refuse_if_late(self, now_ms: int) -> None:
        """Raise CommandError when it may not go out any more."""
        if self.expires_at is not None and now_ms > self.expires_at:
            late_s = (now_ms - self.expires_at) / 1000
            raise CommandError(f"expired {late_s:.1f} s ago, while it waited for the port")

    def encode(self, values: Sequence[int]) -> None:
        """Record how its value is written."""
        self.values = values

    def was_read_back(self, after: Reading) -> None:
        """Record the reading made after it."""
        self.after = after

    def goes_out(self, before: Reading | None) -> None:
        """Record that it is written now; ``before`` is the last reading of its point."""
        self.before, self.sent = before, True

    def was_answered(self, error: DriverError | None) -> None:
        """Record what the write came to.

        Raises:
            DriverError: The device has not taken it, or may not have taken it.
        """
        # "Accepted, and not finished": whether it was done is seen in the register.
        accepted = isinstance(error, DeviceRefusedError) and error.code == limits.ACKNOWLEDGE
        if error is not None and not accepted:
            self.sent = error.went_out
            raise error
        self.acknowledged = True

    def wait_for_busy(self, error: DriverError | CommandError, now_s: float) -> bool:
        """Try again a little later where a device is busy and did nothing."""
        busy = isinstance(error, DeviceRefusedError) and error.code == limits.DEVICE_BUSY
        if not busy or not self.device.unit.wait_for_busy(self.busy, now_s):
            return False
        self.busy += 1
        self.sent = False
        return True

    def read_back_again(self, at_s: float) -> None:
        """Read it back once more at this time, monotonic seconds."""
        self.read_back_at = at_s

    def finish(self, reason: str) -> None:
        """It was written; ``reason`` is why that is not confirmed."""
        if not self.result.done():
            self.result.set_result(Written(self.before, self.after, not reason, reason))

    def give_up(self, error: DriverError | CommandError) -> None:
        """End it where it stands: not carried out, unknown, or written and not confirmed."""
        if self.acknowledged:
            self.finish(f"written, but not read back: {error}")
        elif not self.result.done():
            self.result.set_exception(self._outcome(error))

    def reads_back(self, values: Sequence[int]) -> bool:
        """Whether this is what was written."""
        return self.device.planner.reads_back(self.point, self.values, values)

    def _outcome(self, error: DriverError | CommandError) -> DriverError | CommandError:
        if isinstance(error, CommandError):
            return error
        if not self.sent:
            return CommandError(f"not sent: {error}")
        refused = isinstance(error, DeviceRefusedError) and error.code in _NOT_DONE
        return CommandError(str(error)) if refused else error
