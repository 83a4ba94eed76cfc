"""``plantroom agent scan``: which units are on this port, and what are they?"""

import asyncio
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from config.errors import ConfigError
from config.load import load_profiles
from config.members import members_of
from config.meter_ports import Cjt188Port, Dlt645Port, MbusPort, MeterPort
from config.ports import (
    ModbusPort,
    ModbusRtuPort,
    ModbusTcpPort,
    OsdpPort,
    Port,
    ReachabilityPort,
)
from config.profiles import DeviceProfile
from edge_agent.clock import SystemClock
from edge_agent.commissioning import flow_meter_reader, meter_scan, slave_scan
from edge_agent.commissioning.device_file import flow
from edge_agent.commissioning.explain import explain
from edge_agent.commissioning.port_spec import FORMS, NamedPort, describe, port_argument
from edge_agent.commissioning.scan_progress import ScanProgress
from edge_agent.commissioning.scanning import Found, Outcome, Scanner
from edge_agent.commissioning.search import LIKELY, UNITS, Setting, Shown
from edge_agent.errors import PortDownError
from protocols.modbus.identification import PRODUCT, REVISION, VENDOR

_LINE_TIMEOUT_S: Final = 0.15
_TCP_TIMEOUT_S: Final = 0.3
_ALWAYS_TOLD: Final = ("kind", "host", "port", "device", "baud", "parity")
_NO_SCAN: Final = (
    "readers are not looked for: each has its key. Name them in readers of the port, then "
    "plantroom agent read FILE#PORT --unit ADDRESS shows what they say"
)


@click.command("scan", epilog=FORMS)
@click.argument("port", metavar="PORT-SPEC", callback=port_argument)
@click.option(
    "--budget",
    type=click.FloatRange(1, 3600),
    default=60.0,
    show_default=True,
    help="Longest time for all, seconds.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.01, 10),
    help="Wait for one answer, seconds.  [default: 0.15 on a line, 0.3 on TCP]",
)
@click.option(
    "--units",
    default="1-247",
    show_default=True,
    help="Units, such as 1-32,100; 0 and 255 on Modbus TCP.",
)
@click.option(
    "--device-files",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with device files of your own, compared as well.",
)
def command(
    port: NamedPort, *, budget: float, timeout: float | None, units: str, device_files: Path | None
) -> None:
    """Find units on a serial line or behind a TCP address, and say what they are.

    On a serial line units 1 to 5 are asked at all baud rates and parities, then units 6 to 247 at
    9600 8N1 and 9600 8E1, then those at the other settings; a PORT-SPEC with settings tries only
    those. Once a unit has answered, the rest of the time goes to the other units at its setting.
    What the budget left no time for is told: the first two steps take two minutes, all of it
    twenty. Each probe reads one holding register; nothing is written. Stop the agent first: a
    line has one master.

    On a line of meters the settings that meters have are tried. With dlt645 and mbus all meters of
    the line are found: where several answer a wildcard at once, it is narrowed, level by level.
    With dlt645 a level is two more digits, 100 questions of 0.7 s: one to two minutes per level,
    and a level for each group of meters that still answer together; with mbus it is one digit, 5
    seconds per meter in all. A meter whose answer drowns those of the others hides them: scan
    again without it. With cjt188 the wildcard cannot be narrowed: one meter alone on the line is
    found. On a port of an agent file with several protocols on its line each has its turn.

    Units are printed as they are found; then each is asked what it is (function 43/14) and its
    registers are compared with the known device files. Exits with 0 when a unit was found, 1
    when none was or the port cannot be used.

    \b
    Example:
      plantroom agent scan /dev/ttyUSB0
      plantroom agent scan /dev/ttyUSB0,9600,8E1 --units 1-32 --budget 20
      plantroom agent scan 192.168.1.10
      plantroom agent scan /dev/ttyUSB0,dlt645 --budget 300
      plantroom agent scan /dev/ttyUSB0,mbus
    """  # noqa: D301 (click needs the \b)
    try:
        profiles = load_profiles(device_files)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if isinstance(port.port, ReachabilityPort):
        message = "hosts are not searched for; look at one: plantroom agent read reachability"
        raise click.UsageError(f"{message} --host HOST")
    if isinstance(port.port, OsdpPort):
        raise click.UsageError(_NO_SCAN)
    wanted = _units(units, port)
    members = [port._replace(port=one) for one in members_of(port.port)]
    clock, found = SystemClock(), False
    until_s = clock.monotonic_s() + budget
    for done, one in enumerate(members):
        if len(members) > 1:
            click.echo(f"{describe(one.port)}:")
        # What the first ones leave of their share is there for the others.
        budget_s = (until_s - clock.monotonic_s()) / (len(members) - done)
        if isinstance(one.port, MeterPort):
            found |= _scan_meters(one.port, stated=one.stated, budget_s=budget_s, timeout_s=timeout)
        elif isinstance(one.port, ModbusPort):
            show = ScanProgress()
            usual_s = _LINE_TIMEOUT_S if isinstance(one.port, ModbusRtuPort) else _TCP_TIMEOUT_S
            scanner = Scanner(
                one.port,
                clock,
                budget_s=budget_s,
                timeout_s=timeout or usual_s,
                on_found=show.found,
                on_progress=show.progress,
            )
            found |= _scan_units(one, scanner, wanted, profiles, show)
    sys.exit(0 if found else 1)


def _scan_units(
    port: NamedPort,
    scanner: Scanner,
    wanted: Sequence[int],
    profiles: Mapping[str, DeviceProfile],
    show: ScanProgress,
) -> bool:
    """Find the units of a port; return whether there is one."""

    async def scan() -> None:
        await scanner.search(_settings(port), wanted)
        show.note(f"asking {len(scanner.outcome.found)} what they are")
        await scanner.identify(profiles)

    try:
        asyncio.run(scan())
    except PortDownError as error:
        show.clear()
        click.echo(explain(error, port.port), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        scanner.ended("Ctrl-C")
    show.clear()
    click.echo("\n".join(summary(scanner.outcome, port)))
    return bool(scanner.outcome.found)


def _scan_meters(
    port: MeterPort, *, stated: bool, budget_s: float, timeout_s: float | None
) -> bool:
    """Find the meters of a line; return whether there is one."""
    if timeout_s is not None:
        port = port.model_copy(update={"timeout_s": timeout_s})
    shown = ScanProgress()
    try:
        found, lines = asyncio.run(_meters(port, stated=stated, budget_s=budget_s, shown=shown))
    except PortDownError as error:
        shown.clear()
        click.echo(explain(error, port), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        shown.note("ended by Ctrl-C")
        sys.exit(1)
    shown.clear()
    click.echo("\n".join(lines))
    return found


async def _meters(
    port: MeterPort, *, stated: bool, budget_s: float, shown: Shown
) -> tuple[bool, list[str]]:
    """Search with the tool of the protocol; a line behind a serial server has one setting."""
    clock = SystemClock()
    one = (Setting(port.baud, port.parity),) if stated or port.server else ()
    match port:
        case Dlt645Port():
            settings = one or meter_scan.LIKELY
            return await meter_scan.scan(port, settings, clock, budget_s=budget_s, shown=shown)
        case Cjt188Port():
            settings = one or meter_scan.LIKELY
            return await flow_meter_reader.scan(
                port, settings, clock, budget_s=budget_s, shown=shown
            )
        case MbusPort():
            settings = one or slave_scan.LIKELY
            return await slave_scan.scan(port, settings, clock, budget_s=budget_s, shown=shown)


def summary(outcome: Outcome, port: NamedPort) -> Iterator[str]:
    """Yield what was found, and what to write into the agent file."""
    for one in outcome.found:
        yield f"unit {one.unit}: {_identity(one)}"
    if outcome.one_device:
        yield "every unit number is answered: one device that ignores the number; use unit 1"
    noisy = [f"{describe(at)} unit {unit}" for at, unit in outcome.noise]
    if noisy:
        yield (
            f"bytes that are no answer at {', '.join(noisy[:5])}{' ...' if noisy[5:] else ''}: "
            "two units of one number, a wrong setting, a second master, or noise"
        )
    if outcome.odd:
        yield outcome.odd
    if outcome.ended_by:
        yield f"the search was ended after {outcome.asked} questions by {outcome.ended_by}"
    yield from _not_asked(outcome)
    if not outcome.found:
        yield f"{port.name}: no unit answered {outcome.asked} questions"
        yield (
            "check power, A and B swapped, the terminators; then --timeout 1 for slow units"
            if isinstance(port.port, ModbusRtuPort)
            else "check the address and the wiring behind it; then --timeout 1 for slow units"
        )
        return
    yield ""
    yield from _agent_file(outcome.found, port.port)


def _not_asked(outcome: Outcome) -> Iterator[str]:
    """Yield which units were left out where; settings with the same units in one line."""
    places: dict[str, list[str]] = {}
    for where, units in outcome.unasked.items():
        places.setdefault(_ranges(units), []).append(where)
    for units, where in places.items():
        # On one line with one setting it goes without saying where.
        at = f" at {', '.join(where)}" if len(outcome.unasked) > 1 else ""
        yield f"not asked: {units}{at}"


def _identity(one: Found) -> str:
    texts = [one.objects[key] for key in (VENDOR, PRODUCT, REVISION) if one.objects.get(key)]
    parts = [f"says it is {' '.join(texts)}"] if texts else []
    if one.looks_like is not None:
        fit = one.looks_like
        parts.append(f"looks like {fit.profile} ({fit.sensible} of {fit.points} points sensible)")
    if not parts:
        return "no known device file fits" if one.compared else "no time to find out what it is"
    return "; ".join(parts)


def _agent_file(found: Sequence[Found], asked: Port) -> Iterator[str]:
    # Its setting is the one at which they answered, its patience the one it had.
    port = found[0].port.model_copy(update={"timeout_s": asked.timeout_s})
    changed = port.model_dump(mode="json", exclude_defaults=True)
    told = port.model_dump(mode="json", include=set(_ALWAYS_TOLD))
    facts = {name: told[name] for name in _ALWAYS_TOLD if name in told} | changed
    yield "# for the agent file"
    yield "ports:"
    yield f"  bus: {flow(facts)}"
    yield "devices:"
    for one in found:
        profile = one.looks_like.profile if one.looks_like else "its-device-file"
        yield (
            f"  unit-{one.unit}: {{port: bus, unit: {one.unit}, profile: {profile}, "
            f"name: {{en: Unit {one.unit}, zh: {one.unit}号}}}}"
        )


def _ranges(units: Sequence[int]) -> str:
    """Return 1-5, 7 for 1, 2, 3, 4, 5, 7."""
    parts: list[list[int]] = []
    for unit in units:
        if parts and parts[-1][1] == unit - 1:
            parts[-1][1] = unit
        else:
            parts.append([unit, unit])
    return ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in parts)


def _settings(port: NamedPort) -> Sequence[Setting]:
    if isinstance(port.port, ModbusRtuPort) and port.stated:
        return (Setting(port.port.baud, port.port.parity),)
    return LIKELY


def _units(text: str, port: NamedPort) -> list[int]:
    units: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,3})(?:-(\d{1,3}))?\s*", part)
        if found is None:
            raise click.BadParameter(
                f"{part!r}: expected numbers such as 1-32,100", param_hint="--units"
            )
        units |= set(range(int(found[1]), int(found[2] or found[1]) + 1))
    # On Modbus TCP 0 and 255 are how many single devices call themselves.
    allowed = set(range(256)) if isinstance(port.port, ModbusTcpPort) else set(UNITS)
    if not units or not units <= allowed:
        allowed_units = f"units are {min(allowed)} to {max(allowed)} here"
        raise click.BadParameter(allowed_units, param_hint="--units")
    return sorted(units)
