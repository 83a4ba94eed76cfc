"""What `plantroom agent read` shows of registers: their decodings, or a device file's points."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from config.computed import Computed
from config.point_kinds import registers_of
from config.points import Table
from config.ports import ModbusTcpPort, Port
from config.profiles import DeviceProfile
from edge_agent.commissioning.decodings import page
from edge_agent.commissioning.explain import in_words, place
from edge_agent.commissioning.table import table as text_table
from edge_agent.commissioning.unit_reader import UnitReader
from protocols.modbus.limits import MAX_ADDRESS, MAX_READ_REGISTERS
from protocols.reading import Quality, Reading

_BITS: Final = frozenset({Table.COIL, Table.DISCRETE})
_BITS_A_LINE: Final = 16


@dataclass(frozen=True)
class Wish:
    """What is to be read of one unit: a device file's points, or a block."""

    unit: int
    table: Table
    address: int
    count: int
    types: Sequence[str]
    profile: DeviceProfile | None

    @property
    def asked(self) -> str:
        """The words for it in an error."""
        if self.profile is not None:
            return f"points of {self.profile.profile}"
        return place(self.table, self.address, self.count)


async def registers_page(reader: UnitReader, wish: Wish) -> list[str]:
    """Return the table of what is wished.

    Raises:
        DriverError: The unit does not answer or refuses all, or the port is lost.
    """
    if wish.profile is not None:
        profile, points = wish.profile, registers_of(wish.profile.read_points())
        readings = await reader.points(points, profile.limits, computed=profile.computed)
        return list(_point_lines(wish.profile, readings))
    found = await reader.registers(wish.table, wish.address, wish.count)
    if wish.table in _BITS:
        lines = list(_bit_lines(found.values))
    else:
        lines = page(found.values, wish.types)
    if found.refused:
        places = ", ".join(place(wish.table, one.address, one.count) for one in found.refused)
        lines += ["", f"refused ({in_words(found.refused[-1].error)}): {places}"]
    return lines


def _point_lines(profile: DeviceProfile, readings: Mapping[str, Reading]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    for name, reading in readings.items():
        computed, registers = profile.computed.get(name), registers_of(profile.points)
        point = computed or registers[name]
        good = reading.quality is Quality.GOOD
        value = f"{reading.value:.7g}" if isinstance(reading.value, float) else str(reading.value)
        rows.append(
            (
                name,
                point.expression
                if isinstance(point, Computed)
                else place(point.table, point.address, point.words),
                value if good else "-",
                point.unit if good else reading.reason,
            )
        )
    yield from text_table(("point", "register", "value", "unit"), rows, right={"value"})


def _bit_lines(values: Mapping[int, int]) -> Iterator[str]:
    rows: dict[int, list[str]] = {}
    for address, bit in sorted(values.items()):
        start = address - address % _BITS_A_LINE
        row = rows.setdefault(start, [" "] * _BITS_A_LINE)
        row[address - start] = str(bit)
    heads = ("address", *(f"+{offset}" for offset in range(_BITS_A_LINE)))
    lines = [(str(start), *row) for start, row in rows.items()]
    yield from text_table(heads, lines, right=set(heads))


def impossible(wish: Wish, port: Port) -> str:
    """Return what is wrong with a wish on this port; empty when nothing is."""
    if wish.unit == 0 and not isinstance(port, ModbusTcpPort):
        return "--unit 0 is the broadcast on a serial line; nobody answers it"
    if wish.profile is not None:
        return ""
    if wish.table not in _BITS and wish.count > MAX_READ_REGISTERS:
        return (
            f"--count {wish.count}: one request carries at most {MAX_READ_REGISTERS} registers; "
            f"asked: unit {wish.unit}, {wish.asked}"
        )
    if wish.address + wish.count - 1 > MAX_ADDRESS:
        return f"--address {wish.address} --count {wish.count} is beyond {MAX_ADDRESS}"
    return ""
