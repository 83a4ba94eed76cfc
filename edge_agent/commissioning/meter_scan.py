"""Finds the meters of a line of DL/T 645: their addresses, the line's settings, the edition."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from config.meter_ports import Dlt645Port
from edge_agent.clock import Clock
from edge_agent.commissioning.device_file import flow
from edge_agent.commissioning.explain import in_words
from edge_agent.commissioning.line_scan import LineOutcome, LineScan
from edge_agent.commissioning.meter_reader import MeterReader
from edge_agent.commissioning.port_spec import describe, facts_of
from edge_agent.commissioning.search import Setting, Shown
from edge_agent.drivers.dlt645.client import MeterClient
from edge_agent.errors import DeviceGarbageError, DeviceRefusedError, DeviceTimeoutError
from protocols.dlt645.codes import Edition
from protocols.dlt645.search import meter_search
from protocols.wildcard_search import Answer, Collision, Nothing, Outcome, WildcardSearch

LIKELY: Final = tuple(
    Setting(baud, parity) for parity in "EN" for baud in (2400, 1200, 9600, 4800, 19200, 600)
)
"""Settings of meters, the likeliest first."""
PROFILES: Final = {Edition.E2007: "dlt645-three-phase", Edition.E1997: "dlt645-1997"}


@dataclass
class MeterOutcome(LineOutcome[Dlt645Port]):
    """What a search found.

    Attributes:
        addresses: Of the meters.
        unresolved: Addresses that more than one meter seems to have.
        noisy: Settings at which damaged answers came, and no meter.
    """

    addresses: list[str] = field(default_factory=list[str])
    edition: Edition = Edition.E2007
    unresolved: list[str] = field(default_factory=list[str])
    noisy: list[str] = field(default_factory=list[str])


class MeterScan(LineScan[Dlt645Port]):
    """One search of one line."""

    def __init__(self, port: Dlt645Port, clock: Clock, *, budget_s: float, shown: Shown) -> None:
        super().__init__(port, clock, budget_s=budget_s, shown=shown)
        self.outcome = MeterOutcome()

    async def search(self, settings: Sequence[Setting]) -> MeterOutcome:
        """Ask the wildcard at each setting, 2007 first, until somebody answers; then find all.

        Raises:
            PortDownError: The line cannot be used.
        """
        outcome = self.outcome
        for setting in settings:
            tried = self._at(setting)
            for edition in Edition:
                if self._is_over():
                    outcome.ended = True
                    return outcome
                self._shown.note(f"asking {describe(tried)}, edition {edition}")
                async with self._lines.open_meters(tried, self._clock, searching=True) as client:
                    if await self._found(client, tried, edition):
                        outcome.port, outcome.edition = tried, edition
                        return outcome
            outcome.asked.append(describe(tried))
        return outcome

    async def _found(self, client: MeterClient, port: Dlt645Port, edition: Edition) -> bool:
        """Return whether there are meters at this setting."""
        try:
            address = await MeterReader(client, port).address(edition)
        except (DeviceTimeoutError, DeviceRefusedError):
            return False
        except DeviceGarbageError as error:
            if await self._several(client, port, edition):
                return True
            self.outcome.noisy.append(f"{describe(port)} ({in_words(error)})")
            return False
        self._tell(address)
        return True

    async def _several(self, client: MeterClient, port: Dlt645Port, edition: Edition) -> bool:
        """Look closer where several answered at once; or it was noise, and nobody answers."""
        search = meter_search()
        search.came(Collision())
        while (wanted := search.wanted) is not None:
            if self._is_over():
                self.outcome.ended, self.outcome.left = True, search.left
                break
            self._shown.step(f"{describe(port)}: {_progress(search)}")
            answered = await self._answered(client, wanted, port, edition)
            known = len(search.found)
            search.came(answered)
            for address in search.found[known:]:
                self._tell(address)
        self.outcome.unresolved = search.unresolved
        return bool(search.found)

    async def _answered(
        self, client: MeterClient, wanted: str, port: Dlt645Port, edition: Edition
    ) -> Outcome[str]:
        try:
            address = await client.who_has(wanted, timeout_s=port.timeout_s, edition=edition)
        except DeviceTimeoutError:
            return Nothing()
        except (DeviceGarbageError, DeviceRefusedError):
            return Collision()
        return Answer(address)

    def _tell(self, address: str) -> None:
        self.outcome.addresses.append(address)
        self._shown.note(f"found meter {address}")


def _progress(search: WildcardSearch[str]) -> str:
    return f"asking {search.wanted}, {search.asked} asked, {len(search.found)} found"


async def scan(
    port: Dlt645Port,
    settings: Sequence[Setting],
    clock: Clock,
    *,
    budget_s: float,
    shown: Shown,
) -> tuple[bool, list[str]]:
    """Search; return whether a meter was found, and what to tell.

    Raises:
        PortDownError: The line cannot be used.
    """
    outcome = await MeterScan(port, clock, budget_s=budget_s, shown=shown).search(settings)
    return bool(outcome.addresses), list(summary(outcome, port))


def summary(outcome: MeterOutcome, port: Dlt645Port) -> Iterator[str]:
    """Yield what was found, and what to write into the agent file."""
    if outcome.noisy:
        yield f"damaged answers at {'; '.join(dict.fromkeys(outcome.noisy))}"
        yield "a wrong setting, noise, or meters that answer no wildcard"
    yield from outcome.ending()
    for address in outcome.unresolved:
        yield f"{address}: damaged answers only; two meters of one address, or noise"
    if outcome.port is None:
        yield f"{port.place}: no meter answered at {len(outcome.asked)} settings"
        yield "check power, A and B swapped, wake_up; then --timeout 2 for slow meters"
        return
    for address in outcome.addresses:
        yield f"meter {address}: DL/T 645-{outcome.edition}"
    yield ""
    found = outcome.port
    yield "# for the agent file"
    yield "ports:"
    yield f"  meters: {flow(facts_of(found))}"
    yield "devices:"
    for number, address in enumerate(outcome.addresses, start=1):
        yield (
            f'  meter-{number}: {{port: meters, meter: "{address}", '
            f"profile: {PROFILES[outcome.edition]}, "
            f"name: {{en: Meter {number}, zh: {number}号电表}}}}"
        )
