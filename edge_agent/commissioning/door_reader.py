"""Reads one reader of a door for the integrator: all that it says, or a device file's points."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from config.point_kinds import parts_of
from config.ports import OsdpPort
from config.profiles import DeviceProfile
from edge_agent.commissioning.table import table
from edge_agent.drivers.osdp.driver import OsdpDriver
from edge_agent.drivers.osdp.known import CARD, CARD_COUNT, Answer, decode_answer
from edge_agent.drivers.osdp.planner import ReaderPlanner, ReaderQuestion
from protocols.reading import Quality, Reading

_MOST: Final = 16
_NUMBERED: Final = ("input", "output", "reader_missing", "reader_tamper")
_ALL: Final = (
    "tamper",
    "power_failure",
    *(f"{name} {number}" for name in _NUMBERED for number in range(_MOST)),
    CARD,
    CARD_COUNT,
)


class DoorWish(NamedTuple):
    """What is to be read of one reader.

    Attributes:
        unit: Its address.
        profile: Its points instead of all parts.
        port: Its line.
    """

    unit: int
    profile: DeviceProfile | None
    port: OsdpPort

    @property
    def asked(self) -> str:
        """The words for it in an error."""
        if self.profile is not None:
            return f"points of {self.profile.profile}"
        return "all that it says"

    @property
    def problem(self) -> str:
        """What is wrong with it; empty when nothing is."""
        known = ", ".join(map(str, sorted(self.port.readers)))
        if self.unit not in self.port.readers:
            return f"--unit: {self.unit} is no reader of this port; its readers are {known}"
        return ""


async def door_page(driver: OsdpDriver, wish: DoorWish) -> list[str]:
    """Return the table of what is wished.

    Raises:
        DriverError: The reader is not there, or the port is lost.
    """
    if wish.profile is not None:
        points = parts_of(wish.profile.read_points())
        planner = ReaderPlanner(points, wish.port)
        rows: list[tuple[str, ...]] = []
        for name, point in points.items():
            question = planner.alone(name)
            reply = await driver.ask(wish.unit, question, timeout_s=wish.port.timeout_s)
            (reading,) = planner.reader(question)(reply.values, reply.at_ms)
            rows.append((name, point.where, *_shown(reading)))
        return table(("point", "part", "value", ""), rows, right={"value"})
    question = ReaderQuestion(_ALL, (), at_once=True)
    reply = await driver.ask(wish.unit, question, timeout_s=wish.port.timeout_s)
    return table(("part", "value"), list(_parts(decode_answer(reply.values))), right={"value"})


def _parts(answer: Answer) -> Iterator[tuple[str, str]]:
    for place in _ALL:
        value = answer.get(place)
        if place == CARD:
            yield place, value[-1][0] if value else "-"
        elif isinstance(value, bool):
            yield place, "on" if value else "off"
        elif value is not None:
            yield place, str(value)


def _shown(reading: Reading) -> tuple[str, str]:
    good = reading.quality is Quality.GOOD
    return (str(reading.value), "") if good else ("-", reading.reason)
