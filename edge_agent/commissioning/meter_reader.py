"""Reads one meter for the integrator: identifiers with their bytes, or a device file's points."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from config.meter_ports import Dlt645Port
from config.point_kinds import identifiers_of
from config.profiles import DeviceProfile
from edge_agent.commissioning.explain import in_words
from edge_agent.commissioning.identifier_wish import IdentifierWish
from edge_agent.commissioning.point_reader import PointReader, at_one_period
from edge_agent.commissioning.table import table
from edge_agent.drivers.dlt645.client import MeterClient
from edge_agent.drivers.dlt645.convert import values_of
from edge_agent.drivers.dlt645.driver import MeterDriver
from edge_agent.drivers.dlt645.line import meter_line
from edge_agent.drivers.dlt645.planner import IdentifierPlanner
from edge_agent.drivers.values import Unusable
from edge_agent.errors import DeviceRefusedError
from protocols.dlt645.codes import IDENTIFIER_BYTES, Edition
from protocols.dlt645.identifiers import Item, item
from protocols.reading import Reading

USUAL: Final[Mapping[Edition, Sequence[int]]] = {
    Edition.E2007: (
        *(0x0001FF00, 0x00020000, 0x0201FF00, 0x0202FF00, 0x0203FF00, 0x0206FF00, 0x02800002),
        *(0x04000503, 0x00900100, 0x00900200, 0x04000401),
    ),
    Edition.E1997: (*(0x901F, 0x9020, 0xB611, 0xB612, 0xB613, 0xB621, 0xB630, 0xC020, 0xC032),),
}
"""What is shown when no identifier is asked for."""

_DIGITS: Final = 12
_SPLIT_CODES: Final = frozenset({2, 4})  # a meter without blocks may say no more than "error"
_LENGTHS: Final = frozenset(2 * size for size in IDENTIFIER_BYTES.values())
_HEADS: Final = ("identifier", "value of", "value", "unit", "bytes, high first")


class MeterWish(IdentifierWish):
    """What is to be read of a DL/T 645 meter."""

    ADDRESS_DIGITS = 12
    LENGTHS = (8, 4)
    EXPECTED = "8 hexadecimal digits, 4 of 1997"

    @property
    def problem(self) -> str:
        """What is wrong with it; empty when nothing is."""
        mixed = len({len(one) for one in self.identifiers}) > 1
        told = "--identifier: 4 and 8 digits are of two editions"
        return super().problem or (told if mixed else "")

    @property
    def edition(self) -> Edition:
        """Of the standard: identifiers of 1997 have four digits."""
        digits = self.identifiers[0] if self.identifiers else ""
        return (
            Edition.E1997 if len(digits) == 2 * IDENTIFIER_BYTES[Edition.E1997] else Edition.E2007
        )

    @property
    def numbers(self) -> Sequence[int]:
        """The identifiers to ask."""
        return [int(one, 16) for one in self.identifiers] or USUAL[self.edition]


class MeterReader:
    """The meters on an open line.

    Args:
        client: The line.
        port: Its settings.
    """

    def __init__(self, client: MeterClient, port: Dlt645Port) -> None:
        self._client = client
        self._port = port
        self._address = ""

    async def page(self, wish: MeterWish) -> list[str]:
        """Return the table of what is wished, below the meter's address.

        Raises:
            DriverError: The meter does not answer, or the port is lost.
        """
        self._address = self._address or wish.address or await self.address(wish.edition)
        head = [f"meter {self._address}"]
        if wish.profile is not None:
            return head + list(point_lines(wish.profile, await self._points(wish.profile)))
        rows: list[tuple[str, ...]] = []
        for number in wish.numbers:
            rows += await self._rows(wish.edition, number)
        return head + table(_HEADS, rows, right={"value"})

    async def address(self, edition: Edition = Edition.E2007) -> str:
        """Return the address of the one meter on the line.

        Raises:
            DeviceGarbageError: Several answered at once.
        """
        return await self._client.read_address(timeout_s=self._port.timeout_s, edition=edition)

    async def _points(self, profile: DeviceProfile) -> dict[str, Reading]:
        points = at_one_period(profile.read_points())
        planner = IdentifierPlanner(identifiers_of(points), meter_line(self._port))
        driver = MeterDriver(self._client)
        reader = PointReader(
            driver,
            self._address,
            planner,
            timeout_s=self._port.timeout_s,
            split_codes=_SPLIT_CODES,
        )
        return await reader.read(points, computed=profile.computed)

    async def _rows(self, edition: Edition, number: int) -> list[tuple[str, ...]]:
        text = f"{number:0{2 * IDENTIFIER_BYTES[edition]}X}"
        known = item(edition, number)
        try:
            reply = await self._client.read(
                self._address, number, timeout_s=self._port.timeout_s, edition=edition
            )
        except DeviceRefusedError as error:
            return [(text, known.name if known else "?", "-", in_words(error), "")]
        data = bytes(reply.values)
        if known is None:
            return [(text, "in no table", "", "", data[::-1].hex())]
        return list(_value_rows(text, known, data))


def _value_rows(text: str, known: Item, data: bytes) -> Iterator[tuple[str, ...]]:
    at = 0
    for index, value in enumerate(values_of(known, data)):
        field = known.fields[index % len(known.fields)]
        raw = data[at : at + field.size]
        at += field.size
        usable = not isinstance(value, Unusable)
        shown = str(value) if usable else "-"
        unit = field.unit if usable else str(value)
        yield text if not index else "", known.labels[index], shown, unit, raw[::-1].hex()


def point_lines(profile: DeviceProfile, readings: Mapping[str, Reading]) -> Iterator[str]:
    """Yield the table of the points of a device file."""
    rows: list[tuple[str, ...]] = []
    for name, reading in readings.items():
        point = profile.points.get(name) or profile.computed[name]
        where = profile.points[name].where if name in profile.points else "computed"
        good = not reading.reason
        value = str(reading.value) if good else "-"
        rows.append((name, where, value, point.unit if good else reading.reason))
    yield from table(("point", "asked", "value", "unit"), rows, right={"value"})
