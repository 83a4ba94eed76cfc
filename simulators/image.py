"""The registers of one unit: canonical values laid out by a device file."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from config.points import Point
from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Value
from simulators.errors import IllegalRequestError
from simulators.slave import ILLEGAL_ADDRESS, ILLEGAL_VALUE, Bank, RegisterSpace
from simulators.wire import from_registers, to_registers

# Real register maps have reserved registers between the documented ones; they read 0.
_RESERVED_GAP = 48

Written = Callable[[str, Value], None]


class RegisterImage:
    """Registers that show the values given last; writes come back as values.

    Only registers of writable points accept a write, and only values within their range.
    """

    def __init__(self, points: Mapping[str, Point], *, written: Written) -> None:
        self.points = points
        self._written = written
        self._space = RegisterSpace()
        for bank in Bank:
            self._reserve(bank)

    def show(self, values: Mapping[str, Value]) -> None:
        """Lay out the values; a point without value shows a plain one of its kind.

        Raises:
            ValueRangeError: a point cannot carry its value.
        """
        fresh: dict[tuple[Bank, int], int] = {}
        for name, point in self.points.items():
            bank = Bank(point.table.value)
            value = values[name] if name in values else _plain(point)
            for at, word in enumerate(to_registers(point, value), start=point.address):
                fresh[bank, at] = fresh.get((bank, at), 0) | word
        for (bank, at), word in fresh.items():
            self._space.banks[bank][at] = word

    def read(self, bank: Bank, address: int, count: int) -> Sequence[int]:
        """Return registers or bits."""
        return self._space.read(bank, address, count)

    def write(self, bank: Bank, address: int, values: Sequence[int]) -> None:
        """Decode the points that the write touches and tell their values."""
        touched = set(range(address, address + len(values)))
        points = {
            name: point
            for name, point in self.points.items()
            if point.writable and point.table.value == bank.value and touched & _registers(point)
        }
        if touched - {at for point in points.values() for at in _registers(point)}:
            raise IllegalRequestError(ILLEGAL_ADDRESS)
        table = self._space.banks[bank] | dict(enumerate(values, start=address))
        decoded = {name: _decoded(point, table) for name, point in points.items()}
        self._space.banks[bank].update(table)
        for name, value in decoded.items():
            self._written(name, value)

    def _reserve(self, bank: Bank) -> None:
        used = sorted(
            {
                at
                for point in self.points.values()
                if point.table.value == bank.value
                for at in _registers(point)
            }
        )
        table = self._space.banks[bank]
        table.update(dict.fromkeys(used, 0))
        for at, following in pairwise(used):
            if following - at <= _RESERVED_GAP:
                table.update(dict.fromkeys(range(at + 1, following), 0))


def _registers(point: Point) -> set[int]:
    return set(range(point.address, point.address + point.words))


def _decoded(point: Point, table: Mapping[int, int]) -> Value:
    try:
        value = from_registers(point, [table[at] for at in sorted(_registers(point))])
    except FrameError as error:
        raise IllegalRequestError(ILLEGAL_VALUE) from error
    limits = point.writable
    number = float(value) if isinstance(value, int | float) else None
    if limits and number is not None and not limits.minimum <= number <= limits.maximum:
        raise IllegalRequestError(ILLEGAL_VALUE)
    return value


def _plain(point: Point) -> Value:
    if point.enum:
        return next(iter(point.enum.values()))
    if point.type.value == "string":
        return ""
    # A raw zero is what a register that nobody feeds shows.
    return point.shift


def check_value(point: Point, value: Value) -> None:
    """Raise ValueRangeError when the point cannot carry the value."""
    try:
        to_registers(point, value)
    except (TypeError, ValueError) as error:
        raise ValueRangeError(f"{value!r} does not fit {point.type}") from error
