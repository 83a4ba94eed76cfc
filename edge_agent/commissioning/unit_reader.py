"""Reads one unit for the integrator: a block around its unavailable registers, or a device file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from config.computed import Computed
from config.point_kinds import registers_of
from config.points import Point, Table
from config.ports import ModbusPort
from config.profiles import Limits
from edge_agent.commissioning.point_reader import SPLIT_CODES, PointReader, at_one_period
from edge_agent.drivers.registers.driver import RegisterDriver
from edge_agent.drivers.registers.planner import RegisterPlanner
from edge_agent.drivers.timing import LineTiming, line_timing
from edge_agent.errors import DeviceRefusedError
from edge_agent.polling.computed import Timers
from protocols.reading import Reading

_MOST_REFUSALS: Final = 64
"""A unit that has refused this often without giving anything has nothing there."""


@dataclass
class Refusal:
    """Neighbouring registers that a unit refused."""

    address: int
    count: int
    error: DeviceRefusedError


@dataclass
class Registers:
    """What a unit gave of a block.

    Attributes:
        values: Address to register or bit.
        refused: What it refused, in order of address.
    """

    values: dict[int, int] = field(default_factory=dict[int, int])
    refused: list[Refusal] = field(default_factory=list[Refusal])

    def refuse(self, address: int, error: DeviceRefusedError) -> None:
        """Add a refused register; pieces are asked in order of address."""
        last = self.refused[-1] if self.refused else None
        if last is not None and last.address + last.count == address:
            last.count += 1
        else:
            self.refused.append(Refusal(address, 1, error))


class UnitReader:
    """One unit on an open connection."""

    def __init__(self, driver: RegisterDriver, port: ModbusPort, unit: int) -> None:
        self._driver = driver
        self._unit = unit
        self._timing: LineTiming = line_timing(port)
        self._timeout_s = port.timeout_s
        self._timers = Timers()

    async def registers(self, table: Table, address: int, count: int) -> Registers:
        """Read a block; where the unit refuses it, its pieces.

        Raises:
            DriverError: The unit does not answer, refuses all, or the port is lost.
        """
        found = Registers()
        pending = [(address, count)]
        refusals = 0
        while pending:
            at, size = pending.pop(0)
            try:
                values = await self._ask(table, at, size)
            except DeviceRefusedError as error:
                refusals += 1
                if error.code not in SPLIT_CODES:
                    raise
                if not found.values and (refusals >= _MOST_REFUSALS or (not pending and size == 1)):
                    raise
                if size == 1:
                    found.refuse(at, error)
                else:
                    pending[:0] = [(at, size // 2), (at + size // 2, size - size // 2)]
            else:
                found.values.update(enumerate(values, start=at))
        return found

    async def points(
        self,
        points: Mapping[str, Point],
        limits: Limits,
        *,
        computed: Mapping[str, Computed] | None = None,
        split: bool = True,
    ) -> dict[str, Reading]:
        """Read the points of a device file as the agent would, in the file's order.

        What is computed from them comes last.

        Without ``split`` a refused request is not asked in pieces: all of its points are bad.

        Raises:
            DriverError: The unit does not answer, or the port is lost.
        """
        planner = RegisterPlanner(registers_of(at_one_period(points)), limits, self._timing)
        reader = PointReader(self._driver, self._unit, planner, timeout_s=self._timeout_s)
        return await reader.read(points, computed=computed, split=split, timers=self._timers)

    async def _ask(self, table: Table, address: int, count: int) -> list[int]:
        reply = await self._driver.read(
            self._unit, table, address, count, timeout_s=self._patience_s(table, count)
        )
        return list(reply.values)

    def _patience_s(self, table: Table, count: int) -> float:
        return self._timeout_s + self._timing.wire_s(table, count)
