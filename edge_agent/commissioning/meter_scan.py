"""Finds the one meter of a line: its address, its settings, its edition."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from config.ports import Dlt645Port
from edge_agent.clock import Clock
from edge_agent.commissioning.device_file import flow
from edge_agent.commissioning.explain import in_words
from edge_agent.commissioning.meter_reader import MeterReader
from edge_agent.commissioning.port_spec import describe
from edge_agent.commissioning.search import Setting
from edge_agent.drivers.lines import Lines
from edge_agent.errors import DeviceGarbageError, DeviceRefusedError, DeviceTimeoutError
from protocols.dlt645.codes import Edition

LIKELY: Final = tuple(
    Setting(baud, parity) for parity in "EN" for baud in (2400, 1200, 9600, 4800, 19200, 600)
)
"""Settings of meters, the likeliest first."""
PROFILES: Final = {Edition.E2007: "dlt645-three-phase", Edition.E1997: "dlt645-1997"}


@dataclass
class MeterOutcome:
    """What a search found.

    Attributes:
        address: Of the meter; empty: none was found.
        port: The port at the setting where it answered.
        noisy: Settings at which damaged answers came.
        asked: Settings that were tried.
        ended: The budget ended it.
    """

    address: str = ""
    port: Dlt645Port | None = None
    edition: Edition = Edition.E2007
    noisy: list[str] = field(default_factory=list[str])
    asked: list[str] = field(default_factory=list[str])
    ended: bool = False


async def find_meter(
    port: Dlt645Port,
    settings: Sequence[Setting],
    clock: Clock,
    *,
    budget_s: float,
    note: Callable[[str], object],
) -> MeterOutcome:
    """Ask for the address of the one meter at each setting, 2007 first, until one answers.

    Raises:
        PortDownError: The line cannot be used.
    """
    outcome, lines = MeterOutcome(), Lines()
    began_s = clock.monotonic_s()
    for setting in settings:
        tried = port.model_copy(update={"baud": setting.baud, "parity": setting.parity})
        for edition in Edition:
            if clock.monotonic_s() - began_s >= budget_s:
                outcome.ended = True
                return outcome
            note(f"asking {describe(tried)}, edition {edition}")
            address = await _ask(lines, tried, edition, clock, outcome)
            if address:
                outcome.address, outcome.port, outcome.edition = address, tried, edition
                return outcome
        outcome.asked.append(describe(tried))
    return outcome


async def _ask(
    lines: Lines, port: Dlt645Port, edition: Edition, clock: Clock, outcome: MeterOutcome
) -> str:
    async with lines.open_meters(port, clock) as client:
        try:
            return await MeterReader(client, port).address(edition)
        except (DeviceTimeoutError, DeviceRefusedError):
            return ""
        except DeviceGarbageError as error:
            outcome.noisy.append(f"{describe(port)} ({in_words(error)})")
            return ""


def summary(outcome: MeterOutcome, port: Dlt645Port) -> Iterator[str]:
    """Yield what was found, and what to write into the agent file."""
    if outcome.noisy:
        yield f"damaged answers at {'; '.join(dict.fromkeys(outcome.noisy))}"
        yield "several meters on the line answer at once, a wrong setting, or noise: this finds"
        yield "one meter alone on a line; of several, the 12 digits are on their plates"
    if outcome.port is None:
        yield f"{port.device}: no meter answered at {len(outcome.asked)} settings"
        if outcome.ended:
            yield "the search was ended by the budget (--budget gives more)"
        yield "check power, A and B swapped, wake_up; then --timeout 2 for slow meters"
        return
    yield f"meter {outcome.address}: DL/T 645-{outcome.edition}"
    yield ""
    found = outcome.port
    facts = {"kind": "dlt645", "device": found.device, "baud": found.baud, "parity": found.parity}
    yield "# for the agent file"
    yield "ports:"
    yield f"  meters: {flow(facts)}"
    yield "devices:"
    yield (
        f'  meter-1: {{port: meters, meter: "{outcome.address}", '
        f"profile: {PROFILES[outcome.edition]}, name: {{en: Meter 1, zh: 1号电表}}}}"
    )
