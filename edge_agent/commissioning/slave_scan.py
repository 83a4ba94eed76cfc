"""Finds the slaves of an M-Bus: by wildcards of their secondary addresses, then by primary ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from config.meter_ports import MbusPort
from edge_agent.clock import Clock
from edge_agent.commissioning.device_file import flow
from edge_agent.commissioning.explain import in_words
from edge_agent.commissioning.line_scan import LineOutcome, LineScan
from edge_agent.commissioning.port_spec import describe, facts_of
from edge_agent.commissioning.search import Setting, Shown
from edge_agent.drivers.mbus.client import MbusClient, SlaveReading
from edge_agent.errors import DeviceGarbageError, DeviceTimeoutError
from protocols.mbus.addresses import LAST_PRIMARY, MEDIA, SecondaryAddress, maker_letters
from protocols.mbus.search import slave_search

LIKELY: Final = tuple(
    Setting(baud, parity) for parity in "EN" for baud in (2400, 300, 9600, 4800, 1200, 19200)
)
"""Settings of an M-Bus, the likeliest first."""
_PROFILES: Final = {
    **dict.fromkeys((4, 12, 13), "mbus-heat"),
    **dict.fromkeys((6, 7, 21, 22), "mbus-water"),
}
"""Device file by medium."""
_NO_PROFILE: Final = "its-device-file"
_TRIES: Final = 2
_READING_S: Final = 1.0
"""Who was found is there: rather wait for it."""


class Found(NamedTuple):
    """A slave that answered.

    Attributes:
        slave: Its address.
        reading: What it says; None: it answered the search only.
    """

    slave: int | SecondaryAddress
    reading: SlaveReading | None


@dataclass
class SlaveOutcome(LineOutcome[MbusPort]):
    """What a search found.

    Attributes:
        unresolved: Addresses that more than one slave seems to have.
    """

    found: list[Found] = field(default_factory=list[Found])
    unresolved: list[SecondaryAddress] = field(default_factory=list[SecondaryAddress])


class SlaveScan(LineScan[MbusPort]):
    """One search of one line."""

    def __init__(self, port: MbusPort, clock: Clock, *, budget_s: float, shown: Shown) -> None:
        super().__init__(port, clock, budget_s=budget_s, shown=shown)
        self.outcome = SlaveOutcome()

    async def search(self, settings: Sequence[Setting]) -> SlaveOutcome:
        """Select by wildcards at each setting until somebody answers; else ask primary addresses.

        Raises:
            PortDownError: The line cannot be used, or pyMeterBus is missing.
        """
        for look in (self._selected, self._reset):
            for setting in settings:
                tried = self._at(setting)
                if self._is_over():
                    self.outcome.ended = True
                    return self.outcome
                async with self._lines.open_mbus(tried, self._clock, searching=True) as client:
                    slaves = await look(client, tried)
                    if slaves:
                        self.outcome.port = tried
                        await self._read(client, slaves)
                        return self.outcome
                self.outcome.asked.append(describe(tried))
        return self.outcome

    async def _selected(
        self, client: MbusClient, port: MbusPort
    ) -> Sequence[int | SecondaryAddress]:
        search = slave_search()
        self._shown.note(f"selecting at {describe(port)}")
        while (wanted := search.wanted) is not None:
            if self._is_over():
                self.outcome.ended, self.outcome.left = True, search.left
                break
            asked = f"selecting {wanted.text}, {search.asked} asked, {len(search.found)} found"
            self._shown.step(f"{describe(port)}: {asked}")
            known = len(search.found)
            answered = await client.selected(wanted, timeout_s=port.timeout_s, tries=_TRIES)
            search.came(answered)
            for slave in search.found[known:]:
                self._shown.note(f"found slave {slave}")
        self.outcome.unresolved = search.unresolved
        return search.found

    async def _reset(self, client: MbusClient, port: MbusPort) -> Sequence[int | SecondaryAddress]:
        """Look for slaves that know no secondary address."""
        found: list[int] = []
        self._shown.note(f"asking primary addresses at {describe(port)}")
        for address in range(LAST_PRIMARY + 1):
            if self._is_over():
                self.outcome.ended, self.outcome.left = True, LAST_PRIMARY + 1 - address
                break
            self._shown.step(f"{describe(port)}: primary address {address}, {len(found)} found")
            try:
                there = await client.is_there(address, timeout_s=port.timeout_s)
            except DeviceGarbageError:
                there = True
            if there:
                found.append(address)
                self._shown.note(f"found slave {address}")
        return found

    async def _read(self, client: MbusClient, slaves: Sequence[int | SecondaryAddress]) -> None:
        """Read what each says, as long as there is time: it is in the plan, and names its kind."""
        for slave in slaves:
            reading = None
            if not self._is_over():
                self._shown.step(f"reading {slave}")
                try:
                    reading = await client.read(slave, timeout_s=_READING_S)
                except (DeviceGarbageError, DeviceTimeoutError) as error:
                    self._shown.note(f"{slave}: {in_words(error)}")
            self.outcome.found.append(Found(slave, reading))


async def scan(
    port: MbusPort, settings: Sequence[Setting], clock: Clock, *, budget_s: float, shown: Shown
) -> tuple[bool, list[str]]:
    """Search; return whether a slave was found, and what to tell.

    Raises:
        PortDownError: The line cannot be used, or pyMeterBus is missing.
    """
    outcome = await SlaveScan(port, clock, budget_s=budget_s, shown=shown).search(settings)
    return bool(outcome.found), list(summary(outcome, port))


def summary(outcome: SlaveOutcome, port: MbusPort) -> Iterator[str]:
    """Yield what was found, and what to write into the agent file."""
    yield from outcome.ending()
    for slave in outcome.unresolved:
        yield f"{slave.text}: damaged answers only; two meters of one number, or noise"
    if outcome.port is None:
        tried = len(dict.fromkeys(outcome.asked))
        yield f"{port.place}: no slave answered at {tried} settings"
        yield "check the power of the level converter and both wires; then --timeout 2"
        return
    for one in outcome.found:
        yield identity(one)
    yield ""
    yield from _agent_file(outcome.found, outcome.port)


def identity(one: Found) -> str:
    """Return who a slave is, as people say it."""
    header = one.reading.header if one.reading else None
    slave = header.slave if header else one.slave
    if isinstance(slave, int):
        return f"slave {slave}"
    made = f"{maker_letters(slave.maker)} version {slave.version}"
    medium = MEDIA.get(slave.medium, f"medium {slave.medium}")
    return f"slave {one.slave}: number {slave.identification}, {made}, {medium}"


def _agent_file(found: Sequence[Found], port: MbusPort) -> Iterator[str]:
    numbers = [one.slave.identification for one in found if not isinstance(one.slave, int)]
    yield "# for the agent file"
    yield "ports:"
    yield f"  meters: {flow(facts_of(port))}"
    yield "devices:"
    for number, one in enumerate(found, start=1):
        medium = None
        if isinstance(one.slave, int):
            address = f"unit: {one.slave}"
        else:
            medium = one.slave.medium
            short = numbers.count(one.slave.identification) == 1
            address = f'meter: "{one.slave.identification if short else one.slave}"'
        if one.reading and one.reading.header:
            medium = one.reading.header.slave.medium
        profile = _PROFILES.get(medium, _NO_PROFILE) if medium is not None else _NO_PROFILE
        answers = ""
        if one.reading:
            telegrams, size = max(1, one.reading.telegrams), one.reading.size
            answers = f"mbus: {{telegrams: {telegrams}, answer_bytes: {size}}}, "
        yield (
            f"  meter-{number}: {{port: meters, {address}, profile: {profile}, {answers}"
            f"name: {{en: Meter {number}, zh: {number}号表}}}}"
        )
