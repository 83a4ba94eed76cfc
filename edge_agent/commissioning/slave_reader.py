"""Reads one M-Bus slave for the integrator: all its records, or a device file's points."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from config.mbus import MbusSettings
from config.meter_ports import MbusPort
from config.point_kinds import records_of
from config.profiles import DeviceProfile
from edge_agent.commissioning.meter_reader import point_lines
from edge_agent.commissioning.point_reader import PointReader, at_one_period
from edge_agent.commissioning.slave_scan import Found, identity
from edge_agent.commissioning.table import table
from edge_agent.drivers.base import UnitAddress
from edge_agent.drivers.mbus.client import MbusClient, SlaveReading
from edge_agent.drivers.mbus.driver import MbusDriver, slave_of
from edge_agent.drivers.mbus.line import mbus_line
from edge_agent.drivers.mbus.planner import RecordPlanner
from protocols.errors import ValueRangeError
from protocols.mbus.addresses import ANY, check_primary, parse_secondary

_HEADS: Final = ("quantity", "storage", "tariff", "subunit", "function", "VIF", "value", "unit")
_STATUS: Final = {2: "power low", 3: "permanent error", 4: "temporary error"}
_APPLICATION: Final = ("", "busy", "application error", "abnormal condition")


class SlaveWish(NamedTuple):
    """What is to be read of one slave.

    Attributes:
        primary: Address; None: the only slave of the line.
        secondary: Address as digits; empty: by the primary one.
        profile: Its points instead of all records.
    """

    primary: int | None
    secondary: str
    profile: DeviceProfile | None

    @property
    def unit(self) -> UnitAddress:
        """The address."""
        if self.secondary:
            return self.secondary.upper()
        return ANY if self.primary is None else self.primary

    @property
    def asked(self) -> str:
        """The words for it in an error."""
        return f"points of {self.profile.profile}" if self.profile else "all records"

    @property
    def problem(self) -> str:
        """What is wrong with it; empty when nothing is."""
        try:
            if self.secondary:
                parse_secondary(self.secondary)
            elif self.primary is not None:
                check_primary(self.primary)
        except ValueRangeError as error:
            return f"{'--meter' if self.secondary else '--unit'}: {error}"
        return ""


class SlaveReader:
    """The slaves on an open line.

    Args:
        client: The line.
        port: Its settings.
    """

    def __init__(self, client: MbusClient, port: MbusPort) -> None:
        self._client = client
        self._port = port

    async def page(self, wish: SlaveWish) -> list[str]:
        """Return the table of what is wished, below who the slave is.

        Raises:
            DriverError: The slave does not answer, or the port is lost.
        """
        if wish.profile is not None:
            return [f"slave {wish.unit}", *await self._points(wish.profile, wish.unit)]
        slave = slave_of(wish.unit)
        reading = await self._client.read(slave, timeout_s=self._port.timeout_s)
        return [identity(Found(slave, reading)), *_header(reading), *_records(reading)]

    async def _points(self, profile: DeviceProfile, unit: UnitAddress) -> list[str]:
        points = at_one_period(profile.read_points())
        planner = RecordPlanner(
            records_of(points),
            mbus_line(self._port),
            selected=isinstance(unit, str),
            settings=profile.mbus or MbusSettings(),
        )
        reader = PointReader(
            MbusDriver(self._client), unit, planner, timeout_s=self._port.timeout_s
        )
        return list(point_lines(profile, await reader.read(points, computed=profile.computed)))


def _header(reading: SlaveReading) -> Iterator[str]:
    telegrams = "1 telegram" if reading.telegrams == 1 else f"{reading.telegrams} telegrams"
    yield f"{telegrams} of {reading.size} bytes, {len(reading.records)} records"
    if reading.header is not None:
        status = reading.header.status
        said = [_APPLICATION[status & 3], *(w for bit, w in _STATUS.items() if status >> bit & 1)]
        yield f"status {status:02X}: {', '.join(word for word in said if word) or 'no error'}"
    if reading.problem:
        yield f"a telegram cannot be decoded: {reading.problem}"


def _records(reading: SlaveReading) -> Sequence[str]:
    rows = [
        (
            one.quantity,
            str(one.storage),
            str(one.tariff),
            str(one.subunit),
            one.function.value,
            one.vif,
            "-" if one.value is None else str(one.value),
            one.problem or one.unit,
        )
        for one in reading.records
    ]
    return table(_HEADS, rows, right={"storage", "tariff", "subunit", "value"}) if rows else ()
