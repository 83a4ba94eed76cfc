"""The planner of a device of registers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from config.computed import class_points
from config.points import Point, Table
from config.profiles import Limits
from config.protocol import Protocol
from edge_agent.drivers.question import Reader, Unavailable
from edge_agent.drivers.registers.convert import compile_block, reads_as_written, registers_for
from edge_agent.drivers.registers.plan import Block, plan
from edge_agent.drivers.registers.variants import RegisterVariants
from edge_agent.drivers.timing import LineTiming
from protocols.reading import Value

_MULTIPLE: Final = frozenset({15, 16})


class RegisterTarget(NamedTuple):
    """Where a write goes.

    Attributes:
        multiple: One register or coil is written with the function for several.
        unlock: Holding register that is written right before, and its value.
    """

    table: Table
    address: int
    size: int
    multiple: bool
    unlock: tuple[int, int] | None = None

    @property
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""
        return Protocol.MODBUS


class RegisterPlanner:
    """Plans reads of registers, and converts them; see ``Planner``.

    Args:
        points: The points of the device.
        limits: What one request may ask.
        timing: What a request costs.
    """

    def __init__(self, points: Mapping[str, Point], limits: Limits, timing: LineTiming) -> None:
        self._points = points
        self._limits = limits
        self._timing = timing

    @property
    def asks(self) -> type[Block]:
        """The class of its questions."""
        return Block

    @property
    def gap_s(self) -> float:
        """Silence between two frames, seconds."""
        return self._timing.gap_s

    def plan(self, period_s: float, unavailable: Unavailable) -> Sequence[Block]:
        """Return the cheapest requests that read the points of one period once."""
        return plan(
            class_points(self._points, period_s),
            limits=self._limits,
            timing=self._timing,
            unavailable=unavailable,
            others=self._points,
        )

    def alone(self, point: str) -> Block:
        """Return the request for one point."""
        place = self._points[point]
        return Block(place.table, place.address, place.words, (point,))

    def singles(self, period_s: float) -> Sequence[Block]:
        """Return the requests for one point each that may be read at any time, shortest first."""
        points = class_points(self._points, period_s)
        # Several points of one register are one request.
        found = {
            (one.table, one.address, one.size): one
            for name, point in points.items()
            if not point.clear_on_read
            for one in (self.alone(name),)
        }
        return sorted(found.values(), key=lambda one: one.size)

    def reader(self, question: Block, /) -> Reader:
        """Return what makes the readings of a block."""
        return compile_block(question, self._points)

    def variants(self, unavailable: Callable[[], Unavailable]) -> RegisterVariants:
        """Return how else blocks can be asked."""
        return RegisterVariants(self._points, self._limits, unavailable)

    def expected_s(self, question: Block, /) -> float:
        """Predicted time of a read, seconds."""
        return self._timing.expected_s(question.table, question.size)

    def wire_s(self, question: Block, /) -> float:
        """Time that the bytes of a read alone need, seconds."""
        return self._timing.wire_s(question.table, question.size)

    def values_of(self, own: Block, asked: Block, values: Sequence[int], /) -> Sequence[int]:
        """Return the registers of ``own`` among those that were asked."""
        first = own.address - asked.address
        return values[first : first + own.size]

    def target(self, point: str) -> RegisterTarget:
        """Return the registers of a point, and how they are written."""
        place = self._points[point]
        allowed = place.writable
        function = allowed.function if allowed else None
        key = allowed.unlock if allowed else None
        unlock = (key.address, key.value) if key else None
        return RegisterTarget(*place.written_at, function in _MULTIPLE, unlock)

    def write_wire_s(self, target: RegisterTarget, /) -> float:
        """Time that the bytes of a write alone need, seconds."""
        return self._timing.write_wire_s(target.table, target.size)

    def needs_own(self, point: str) -> bool:
        """Whether a command changes a part of what the registers hold."""
        return self._points[point].is_written_into

    def encoded(self, point: str, value: Value, *, into: Sequence[int] = ()) -> Sequence[int]:
        """Return the registers in which the point reads as ``value``."""
        return registers_for(self._points[point], value, into=into)

    def reads_back(self, point: str, written: Sequence[int], read: Sequence[int]) -> bool:
        """Whether a point that reads so was written so."""
        return reads_as_written(self._points[point], written, read)
