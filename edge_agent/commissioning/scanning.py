"""Finds the units of a port and what they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from config.point_kinds import registers_of
from config.points import Table
from config.ports import ModbusPort, ModbusRtuPort, ModbusTcpPort
from config.profiles import DeviceProfile
from config.protocol import Protocol
from edge_agent.clock import Clock
from edge_agent.commissioning.explain import in_words
from edge_agent.commissioning.likeness import SURE, Likeness, best, likeness, worth_trying
from edge_agent.commissioning.port_spec import describe
from edge_agent.commissioning.search import UNITS, Setting, turns
from edge_agent.commissioning.unit_reader import UnitReader
from edge_agent.drivers.identification import read_identification
from edge_agent.drivers.lines import Lines
from edge_agent.drivers.registers.driver import RegisterDriver
from edge_agent.drivers.timing import line_timing
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceRefusedError,
    DeviceTimeoutError,
    PortDownError,
)

_IDENTIFYING: Final = 0.25
_SECOND_LOOK: Final = 4.0
_SAME_UNITS: Final = (*range(1, 6), 101, 247)


@dataclass
class Found:
    """A unit that answered.

    Attributes:
        port: The port at the setting where it answered.
        answer: To the probe, in words.
        objects: What it says of itself (function 43/14), object id to text.
        looks_like: The device file that fits its registers.
        compared: Whether there was time to compare all device files.
    """

    port: ModbusPort
    unit: int
    answer: str
    objects: dict[int, str] = field(default_factory=dict[int, str])
    looks_like: Likeness | None = None
    compared: bool = False


@dataclass
class Progress:
    """What the search is doing; handed to ``on_progress`` before each probe."""

    port: ModbusPort
    unit: int
    asked: int
    spent_s: float


@dataclass
class Outcome:
    """What a search found.

    Attributes:
        ended_by: What ended it before every combination was asked; empty when nothing did.
        unasked: Units that were then not asked, by the words for the port at its setting; of a
            line on which a unit was found, at its setting only.
        one_device: The TCP endpoint answers whatever the unit number: one device.
        noise: Settings at which bytes came that are no answer, with the units asked.
        odd: What was wrong with the last such answer on Modbus TCP; empty when nothing was.
        skipped: Settings that the line refuses.
    """

    found: list[Found] = field(default_factory=list[Found])
    asked: int = 0
    ended_by: str = ""
    unasked: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    one_device: bool = False
    noise: list[tuple[ModbusPort, int]] = field(default_factory=list[tuple[ModbusPort, int]])
    odd: str = ""
    skipped: list[Setting] = field(default_factory=list[Setting])


class _BudgetSpentError(Exception):
    """The time is up."""


class Scanner:
    """One search of one port.

    Args:
        port: Its settings; baud and parity are tried out unless ``settings`` has one.
        clock: Time.
        budget_s: Longest time for all, seconds.
        timeout_s: Wait for one answer, seconds.
        on_found: Called with each unit as it is found.
        on_progress: Called before each probe.
    """

    def __init__(
        self,
        port: ModbusPort,
        clock: Clock,
        *,
        budget_s: float,
        timeout_s: float,
        on_found: Callable[[Found], object] = lambda _: None,
        on_progress: Callable[[Progress], object] = lambda _: None,
    ) -> None:
        self._port = port.model_copy(update={"timeout_s": timeout_s})
        self._clock = clock
        self._lines = Lines()
        self._timeout_s = timeout_s
        self._began_s = clock.monotonic_s()
        self._budget_s = budget_s
        self._on_found = on_found
        self._on_progress = on_progress
        self._asked: set[tuple[str, int]] = set()
        self._settings: Sequence[Setting] = ()
        self._units: Sequence[int] = ()
        self.outcome = Outcome()

    async def search(
        self, settings: Sequence[Setting], units: Sequence[int] = UNITS
    ) -> list[Found]:
        """Ask until all is asked or the budget is spent; the rest of it is for ``identify``.

        Raises:
            PortDownError: The port cannot be opened at any setting, or was lost.
        """
        self._settings, self._units = settings, units
        try:
            if isinstance(self._port, ModbusRtuPort):
                await self._search_line(self._port, settings, units)
            else:
                await self._search_address(self._port, units)
        except _BudgetSpentError:
            self.ended("the budget (--budget gives more)")
        return self.outcome.found

    def ended(self, by: str) -> None:
        """Record why the search ended and what was left out.

        A second look at silent units is not missed.
        """
        found = self.outcome.found
        ports = [found[0].port] if found else self._ports()
        for port in ports:
            left = self._unasked(port, self._units)
            if left:
                self.outcome.unasked[describe(port)] = left
        if self.outcome.unasked:
            self.outcome.ended_by = by

    def _ports(self) -> list[ModbusPort]:
        """Return the port at each setting that it takes."""
        line = self._port
        if not isinstance(line, ModbusRtuPort):
            return [line]
        wanted = [one for one in self._settings if one not in self.outcome.skipped]
        return [_at(line, one) for one in wanted]

    async def identify(self, profiles: Mapping[str, DeviceProfile]) -> None:
        """Ask each unit what it is, and compare its registers with device files.

        Raises:
            PortDownError: The port was lost.
        """
        known: list[str] = []
        profiles = {n: one for n, one in profiles.items() if one.protocol is Protocol.MODBUS}
        for one in self.outcome.found:
            if self._spent_s() >= self._budget_s:
                return
            one.objects = await read_identification(
                one.port, one.unit, timeout_s=2 * self._timeout_s + 0.1
            )
            text = " ".join(one.objects.values())
            one.looks_like = await self._compare(one, worth_trying(profiles, text, known))
            one.compared = self._spent_s() < self._budget_s
            if one.looks_like is not None:
                known.insert(0, one.looks_like.profile)

    async def _search_line(
        self, line: ModbusRtuPort, settings: Sequence[Setting], units: Sequence[int]
    ) -> None:
        refusal: PortDownError | None = None
        for setting, asked in turns(settings, units):
            if setting in self.outcome.skipped:
                continue
            port = _at(line, setting)
            error = await self._ask_at(port, asked)
            if error is not None:
                refusal = refusal or error
                self.outcome.skipped.append(setting)
            if self.outcome.found:
                # One line has one setting; the rest of the time goes to its other units.
                await self._probe_all(port, self._unasked(port, units))
                await self._second_look(port, units)
                return
        if refusal is not None and not self.outcome.asked:
            raise refusal

    async def _ask_at(self, port: ModbusPort, units: Sequence[int]) -> PortDownError | None:
        """Probe units on one connection; returns why it could not be opened."""
        opened = False
        try:
            async with self._lines.open_modbus(port, self._clock) as driver:
                opened = True
                for unit in units:
                    await self._probe(driver, port, unit)
        except PortDownError as error:
            if opened:
                raise
            return error
        return None

    async def _search_address(self, port: ModbusPort, units: Sequence[int]) -> None:
        everywhere = isinstance(port, ModbusTcpPort) and set(_SAME_UNITS) <= set(units)
        first = _SAME_UNITS if everywhere else ()
        await self._probe_all(port, first)
        if everywhere and [one.unit for one in self.outcome.found] == list(first):
            self.outcome.one_device = True
            del self.outcome.found[1:]
            return
        await self._probe_all(port, self._unasked(port, units))
        await self._second_look(port, units)

    async def _second_look(self, port: ModbusPort, units: Sequence[int]) -> None:
        if not self.outcome.found:
            return
        slow = port.model_copy(update={"timeout_s": _SECOND_LOOK * port.timeout_s})
        heard = {one.unit for one in self.outcome.found}
        await self._probe_all(slow, [unit for unit in units if unit not in heard])

    def _unasked(self, port: ModbusPort, units: Sequence[int]) -> list[int]:
        return [unit for unit in units if (describe(port), unit) not in self._asked]

    async def _probe_all(self, port: ModbusPort, units: Sequence[int]) -> None:
        """Probe units on as many connections as it takes: a silent TCP connection is given up."""
        left = list(units)
        while left:
            before = len(left)
            try:
                async with self._lines.open_modbus(port, self._clock) as driver:
                    while left:
                        await self._probe(driver, port, left[0])
                        del left[0]
            except PortDownError:
                if isinstance(port, ModbusRtuPort) or len(left) == before:
                    raise

    async def _probe(self, driver: RegisterDriver, port: ModbusPort, unit: int) -> None:
        limit_s = self._budget_s * (1 - _IDENTIFYING if self.outcome.found else 1)
        spent_s = self._spent_s()
        if spent_s >= limit_s:
            raise _BudgetSpentError
        self._on_progress(Progress(port, unit, self.outcome.asked, spent_s))
        self.outcome.asked += 1
        self._asked.add((describe(port), unit))
        wire_s = line_timing(port).wire_s(Table.HOLDING, 1)
        try:
            reply = await driver.read(unit, Table.HOLDING, 0, 1, timeout_s=port.timeout_s + wire_s)
        except DeviceTimeoutError:
            return
        except DeviceGarbageError as error:
            self.outcome.noise.append((port, unit))
            if isinstance(port, ModbusTcpPort):
                self.outcome.odd = f"unit {unit}: {in_words(error)}"
            return
        except DeviceRefusedError as error:
            self._note(port, unit, in_words(error))
        else:
            self._note(port, unit, f"holding 0 is {reply.values[0]}")

    def _note(self, port: ModbusPort, unit: int, answer: str) -> None:
        port = port.model_copy(update={"timeout_s": self._timeout_s})
        found = Found(port, unit, answer)
        self.outcome.found.append(found)
        self._on_found(found)

    async def _compare(self, one: Found, profiles: Sequence[DeviceProfile]) -> Likeness | None:
        candidates: list[Likeness] = []
        for profile in profiles:
            if self._spent_s() >= self._budget_s:
                break
            try:
                async with self._lines.open_modbus(one.port, self._clock) as driver:
                    reader = UnitReader(driver, one.port, one.unit)
                    readings = await reader.points(
                        registers_of(profile.read_points()), profile.limits, split=False
                    )
            except (DeviceTimeoutError, DeviceGarbageError):
                continue
            candidates.append(likeness(profile, readings))
            if candidates[-1].score >= SURE:
                break
        return best(candidates)

    def _spent_s(self) -> float:
        return self._clock.monotonic_s() - self._began_s


def _at(line: ModbusRtuPort, setting: Setting) -> ModbusRtuPort:
    return line.model_copy(update={"baud": setting.baud, "parity": setting.parity})
