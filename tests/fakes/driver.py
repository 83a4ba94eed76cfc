"""A line with units in memory; time passes on the clock it is given."""

from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

from config.points import Table
from edge_agent.clock import Clock
from edge_agent.drivers.base import OnLateResponse, Reply, ignore_late_response
from edge_agent.drivers.registers.driver import RegisterDriver
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceRefusedError,
    DeviceTimeoutError,
    PortDownError,
)

_BITS = frozenset({Table.COIL, Table.DISCRETE})


class Asked(NamedTuple):
    """One request as the line saw it."""

    at_s: float
    unit: int
    table: Table
    address: int
    size: int
    timeout_s: float
    written: tuple[int, ...] = ()
    multiple: bool = False


class FakeUnit:
    """Registers that answer after ``response_s``."""

    def __init__(self, registers: dict[tuple[Table, int], int], response_s: float = 0.01) -> None:
        self.registers = registers
        self.response_s = response_s
        self.offline = False
        self.garbage = False
        self.code = 0
        self.write_code = 0
        self.applies_before_refusal = False
        self.code_after_write = 0
        self.write_s: float | None = None
        self.applies_after_s = 0.0
        self.longest = 125
        self.silent_above = 2000
        self.busy, self.busy_code = 0, 6
        self.cleared: set[tuple[Table, int]] = set()
        self._late: list[tuple[float, dict[tuple[Table, int], int]]] = []

    def take(self, values: dict[tuple[Table, int], int], now_s: float) -> None:
        self._late.append((now_s + self.applies_after_s, values))
        self.apply(now_s)
        self.code = self.code_after_write or self.code

    def apply(self, now_s: float) -> None:
        for entry in [one for one in self._late if one[0] <= now_s]:
            self._late.remove(entry)
            self.registers.update(entry[1])


class FakeDriver(RegisterDriver):
    """Units by address; ``asked`` is everything that went over the line.

    Attributes:
        refused: Registers that are refused, and with which code.
        garbled: Registers whose answers arrive damaged.
    """

    def __init__(self, units: dict[int, FakeUnit], clock: Clock) -> None:
        self.units = units
        self.asked: list[Asked] = []
        self.on_late_response: OnLateResponse = ignore_late_response
        self.clear_to_write_s = 0.0
        self.openings = 0
        self.refuses_to_open = False
        self.cut = False
        self.refused: dict[int, int] = {}
        self.garbled: set[int] = set()
        self.clear_at_s: dict[int, float] = {}
        self._clock = clock
        self._open = False

    def opened(self, on_late_response: OnLateResponse) -> Self:
        """As a port asks for its driver."""
        self.on_late_response = on_late_response
        return self

    async def __aenter__(self) -> Self:
        self.openings += 1
        if self.refuses_to_open:
            raise PortDownError("nobody listens")
        self._open, self.cut = True, False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open = False

    def clear_at(self, unit: int, table: Table, address: int, count: int) -> float:
        del table, address, count
        return self.clear_at_s.get(unit, 0.0)

    def fresh_at(self, unit: int, table: Table, address: int, count: int) -> float:
        return self.clear_at(unit, table, address, count)

    def clear_to_write_at(
        self, unit: int, table: Table, address: int, count: int, *, multiple: bool = False
    ) -> float:
        del unit, table, address, count, multiple
        return self.clear_to_write_s

    async def read(
        self, unit: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> Reply:
        if not 1 <= count <= (2000 if table in _BITS else 125):
            raise DeviceGarbageError(f"{count} cannot be asked")
        found, took_s = await self._reach(
            Asked(self._now(), unit, table, address, count, timeout_s)
        )
        wanted = [(table, at) for at in range(address, address + count)]
        if not self.garbled.isdisjoint(range(address, address + count)):
            raise DeviceGarbageError(f"unit {unit}: noise")
        codes = [code for at, code in self.refused.items() if address <= at < address + count]
        if codes:
            raise DeviceRefusedError(f"exception {codes[0]}", code=codes[0])
        longest = 2000 if table in _BITS else found.longest
        if count > longest or any(place not in found.registers for place in wanted):
            raise DeviceRefusedError("illegal data address", code=2)
        values = [found.registers[place] for place in wanted]
        found.registers.update(dict.fromkeys(found.cleared.intersection(wanted), 0))
        return Reply(values, self._clock.now_ms(), took_s)

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
        if table not in {Table.COIL, Table.HOLDING}:
            raise DeviceGarbageError(f"{table} is read only")
        size, written = len(values), tuple(values)
        asked = Asked(self._now(), unit, table, address, size, timeout_s, written, multiple)
        found, took_s = await self._reach(asked)
        places = [(table, at) for at in range(address, address + len(values))]
        if any(place not in found.registers for place in places):
            raise DeviceRefusedError("illegal data address", code=2)
        values_by_place = dict(zip(places, values, strict=True))
        if found.write_code:
            if found.applies_before_refusal:
                found.take(values_by_place, self._now())
            raise DeviceRefusedError(f"exception {found.write_code}", code=found.write_code)
        found.take(values_by_place, self._now())
        return Reply(values, self._clock.now_ms(), took_s)

    def _now(self) -> float:
        return self._clock.monotonic_s()

    async def _reach(self, asked: Asked) -> tuple[FakeUnit, float]:
        if not self._open or self.cut:
            raise PortDownError("connection lost")
        self.asked.append(asked)
        unit = self.units.get(asked.unit)
        response_s = self._response_s(unit, asked)
        long = asked.table not in _BITS and unit is not None and asked.size > unit.silent_above
        mute = unit is None or unit.offline or long
        if unit is None or mute or response_s > asked.timeout_s:
            await self._clock.sleep(asked.timeout_s)
            raise DeviceTimeoutError(f"unit {asked.unit}: no answer in time")
        await self._clock.sleep(response_s)
        unit.apply(self._now())
        if self.cut:
            raise PortDownError("connection lost")
        if unit.garbage:
            raise DeviceGarbageError(f"unit {asked.unit}: noise")
        if unit.busy:
            unit.busy -= 1
            raise DeviceRefusedError(f"exception {unit.busy_code}", code=unit.busy_code)
        if unit.code:
            raise DeviceRefusedError(f"exception {unit.code}", code=unit.code)
        return unit, response_s

    @staticmethod
    def _response_s(unit: FakeUnit | None, asked: Asked) -> float:
        if unit is None:
            return 0.0
        return unit.write_s if asked.written and unit.write_s is not None else unit.response_s
