"""``plantroom agent read``: look at the registers of one unit."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, cast

import click

from config.computed import Computed
from config.errors import ConfigError
from config.load import load_profile, load_profiles
from config.point_kinds import registers_of
from config.points import Table
from config.ports import Cjt188Port, Dlt645Port, ModbusTcpPort, Port
from config.problems import suggestion
from config.profiles import DeviceProfile
from edge_agent.clock import Clock, SystemClock
from edge_agent.commissioning.decodings import DEFAULT_TYPES, WIDE_TYPES, page
from edge_agent.commissioning.explain import explain, in_words, place
from edge_agent.commissioning.flow_meter_reader import FlowMeterReader, FlowMeterWish
from edge_agent.commissioning.meter_reader import MeterReader, MeterWish
from edge_agent.commissioning.port_spec import FORMS, NamedPort, describe, port_argument
from edge_agent.commissioning.table import table as text_table
from edge_agent.commissioning.unit_reader import UnitReader
from edge_agent.drivers.lines import Lines
from edge_agent.errors import DriverError, PortDownError
from protocols.modbus.limits import MAX_ADDRESS, MAX_READ_COILS, MAX_READ_REGISTERS
from protocols.reading import Quality, Reading

AnyWish: TypeAlias = "Wish | MeterWish | FlowMeterWish"
PageReader: TypeAlias = Callable[[], Awaitable[list[str]]]
_BITS: Final = frozenset({Table.COIL, Table.DISCRETE})
_CLEAR: Final = "\x1b[H\x1b[2J"
_BITS_A_LINE: Final = 16


@dataclass(frozen=True)
class Wish:
    """What is to be read of one unit: a device file's points, or a block."""

    unit: int
    table: Table
    address: int
    count: int
    types: Sequence[str]
    profile: DeviceProfile | None

    @property
    def asked(self) -> str:
        """The words for it in an error."""
        if self.profile is not None:
            return f"points of {self.profile.profile}"
        return place(self.table, self.address, self.count)


@click.command("read", epilog=FORMS)
@click.argument("port", metavar="PORT-SPEC", callback=port_argument)
@click.option("--unit", type=click.IntRange(0, 255), default=1, show_default=True, help="Address.")
@click.option(
    "--table",
    type=click.Choice([one.value for one in Table]),
    default="holding",
    show_default=True,
    help="Which of the four tables.",
)
@click.option(
    "--address",
    type=click.IntRange(0, MAX_ADDRESS),
    default=0,
    show_default=True,
    help="First 0-based address; 40001 and 30001 are 0.",
)
@click.option(
    "--count",
    type=click.IntRange(1, MAX_READ_COILS),
    default=10,
    show_default=True,
    help="Registers (up to 125) or coils (up to 2000).",
)
@click.option(
    "--type",
    "types",
    type=click.Choice(list(WIDE_TYPES)),
    multiple=True,
    help="Types of several registers to show, repeatable.  [default: "
    + ", ".join(DEFAULT_TYPES)
    + "]",
)
@click.option("--meter", default="", help="Of DL/T 645: the 12 digits; default: ask the one meter.")
@click.option(
    "--identifier",
    "identifiers",
    multiple=True,
    help="Of DL/T 645: 8 hexadecimal digits, 4 of 1997; repeatable; default: the usual ones.",
)
@click.option("--profile", help="Show this device file's points instead; a name or a .yaml path.")
@click.option("--timeout", type=click.FloatRange(0.01, 60), help="Wait for an answer, seconds.")
@click.option("--watch", is_flag=True, help="Read again and again until Ctrl-C.")
@click.option(
    "--every",
    type=click.FloatRange(0.05, 3600),
    default=1.0,
    show_default=True,
    help="With --watch: pause, seconds.",
)
@click.option("--times", type=click.IntRange(1), help="With --watch: stop after so many reads.")
def command(
    port: NamedPort,
    *,
    unit: int,
    table: str,
    address: int,
    count: int,
    types: tuple[str, ...],
    meter: str,
    identifiers: tuple[str, ...],
    profile: str | None,
    timeout: float | None,
    watch: bool,
    every: float,
    times: int | None,
) -> None:
    """Read registers of one unit and show all their decodings.

    Each register as number, also with its bytes swapped, as BCD, bits and text; each pair as
    float32, int32, uint32 and BCD, each four as float64, int64 and uint64, in the four orders side
    by side (ABCD is the standard, CDAB the commonest other). The column with sensible numbers is
    the `order` for the device file. Registers that the unit refuses are left out and named; the
    others are shown.

    Of a meter (/dev/ttyUSB0,dlt645 or cjt188) identifiers are read, and shown with their bytes.

    Exits with 0, 1 when the unit or the port does not answer, 2 when the request is impossible.

    \b
    Example:
      plantroom agent read /dev/ttyUSB0,9600,8E1 --unit 3 --address 100 --count 8
      plantroom agent read 192.168.1.10 --unit 1 --profile grundfos-magna3 --watch
    """  # noqa: D301 (click needs the \b)
    wanted = Table(table)
    chosen = _profile(profile)
    wish: AnyWish = Wish(unit, wanted, address, count, types or DEFAULT_TYPES, chosen)
    if isinstance(port.port, Dlt645Port):
        wish = MeterWish(meter, identifiers, chosen)
    elif isinstance(port.port, Cjt188Port):
        wish = FlowMeterWish(meter, identifiers, chosen)
    if problem := _impossible(wish, port):
        raise click.UsageError(problem)
    settings = port.port
    if timeout is not None:
        port = port._replace(port=settings.model_copy(update={"timeout_s": timeout}))
    try:
        rounds = (times or sys.maxsize) if watch else 1
        asyncio.run(show(port, wish, click.echo, SystemClock(), every_s=every, times=rounds))
    except DriverError as error:
        click.echo(explain(error, port.port, unit=wish.unit, asked=wish.asked), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo()


async def show(
    port: NamedPort,
    wish: AnyWish,
    out: Callable[[str], object],
    clock: Clock,
    *,
    every_s: float = 1.0,
    times: int = 1,
) -> None:
    """Read ``times`` times and print each page.

    Raises:
        DriverError: The unit does not answer or refuses all, or the port cannot be used.
    """
    clear = times > 1 and sys.stdout.isatty()
    title = f"{describe(port.port)}, {wish.asked}"
    if isinstance(wish, Wish):
        title = f"{describe(port.port)}, unit {wish.unit}, {wish.asked}"
    lines = Lines()
    left = times
    while left:
        page_text = ""
        try:
            async with _opened(lines, port.port, wish, clock) as read_page:
                while left:
                    page_text = await _page_text(read_page, port, wish, title, only=times == 1)
                    out((_CLEAR if clear else "") + page_text + "\n" * (times > 1))
                    left -= 1
                    await clock.sleep(every_s if left else 0)
        except PortDownError as error:
            if page_text:
                # It was well a moment ago; a connection on which nobody answers is given up.
                continue
            # Who watches while wiring wants to see the port come back.
            if times == 1:
                raise
            out(explain(error, port.port, unit=wish.unit, asked=wish.asked))
            left -= 1
            await clock.sleep(every_s if left else 0)


@asynccontextmanager
async def _opened(
    lines: Lines, port: Port, wish: AnyWish, clock: Clock
) -> AsyncGenerator[PageReader]:
    """Open the port; yields what reads a page."""
    if isinstance(port, Dlt645Port):
        async with lines.open_meters(port, clock) as client:
            meters = MeterReader(client, port)
            yield lambda: meters.page(cast("MeterWish", wish))
    elif isinstance(port, Cjt188Port):
        async with lines.open_flow_meters(port, clock) as client:
            flow_meters = FlowMeterReader(client, port)
            yield lambda: flow_meters.page(cast("FlowMeterWish", wish))
    else:
        async with lines.open_modbus(port, clock) as driver:
            unit = cast("Wish", wish)
            reader = UnitReader(driver, port, unit.unit)
            yield lambda: _page(reader, unit)


async def _page_text(
    read_page: PageReader,
    port: NamedPort,
    wish: AnyWish,
    title: str,
    *,
    only: bool,
) -> str:
    """Return a page, or why there is none; the port stays open for the unit that comes back."""
    try:
        return "\n".join([title, *await read_page()])
    except PortDownError:
        raise
    except DriverError as error:
        if only:
            raise
        return explain(error, port.port, unit=wish.unit, asked=wish.asked)


async def _page(reader: UnitReader, wish: Wish) -> list[str]:
    if wish.profile is not None:
        profile, points = wish.profile, registers_of(wish.profile.read_points())
        readings = await reader.points(points, profile.limits, computed=profile.computed)
        return list(_point_lines(wish.profile, readings))
    found = await reader.registers(wish.table, wish.address, wish.count)
    if wish.table in _BITS:
        lines = list(_bit_lines(found.values))
    else:
        lines = page(found.values, wish.types)
    if found.refused:
        places = ", ".join(place(wish.table, one.address, one.count) for one in found.refused)
        lines += ["", f"refused ({in_words(found.refused[-1].error)}): {places}"]
    return lines


def _point_lines(profile: DeviceProfile, readings: Mapping[str, Reading]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    for name, reading in readings.items():
        computed, registers = profile.computed.get(name), registers_of(profile.points)
        point = computed or registers[name]
        good = reading.quality is Quality.GOOD
        value = f"{reading.value:.7g}" if isinstance(reading.value, float) else str(reading.value)
        rows.append(
            (
                name,
                point.expression
                if isinstance(point, Computed)
                else place(point.table, point.address, point.words),
                value if good else "-",
                point.unit if good else reading.reason,
            )
        )
    yield from text_table(("point", "register", "value", "unit"), rows, right={"value"})


def _bit_lines(values: Mapping[int, int]) -> Iterator[str]:
    rows: dict[int, list[str]] = {}
    for address, bit in sorted(values.items()):
        start = address - address % _BITS_A_LINE
        row = rows.setdefault(start, [" "] * _BITS_A_LINE)
        row[address - start] = str(bit)
    heads = ("address", *(f"+{offset}" for offset in range(_BITS_A_LINE)))
    lines = [(str(start), *row) for start, row in rows.items()]
    yield from text_table(heads, lines, right=set(heads))


def _profile(name: str | None) -> DeviceProfile | None:
    if name is None:
        return None
    try:
        path = Path(name)
        if path.suffix in {".yaml", ".yml"}:
            if not path.is_file():
                raise click.UsageError(f"--profile {name}: no such file")
            return load_profile(path)
        profiles = load_profiles()
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    if name not in profiles:
        known = sorted(profiles)
        message = f"--profile: no device file {name!r}{suggestion(name, known)} There are: "
        raise click.UsageError(message + ", ".join(known))
    return profiles[name]


def _impossible(wish: AnyWish, port: NamedPort) -> str:
    spoken = wish.profile.protocol if wish.profile else None
    if spoken and spoken not in port.port.protocols:
        return f"--profile: it speaks {spoken}, and {describe(port.port)} does not"
    return _impossible_registers(wish, port) if isinstance(wish, Wish) else wish.problem


def _impossible_registers(wish: Wish, port: NamedPort) -> str:
    if wish.unit == 0 and not isinstance(port.port, ModbusTcpPort):
        return "--unit 0 is the broadcast on a serial line; nobody answers it"
    if wish.profile is not None:
        return ""
    if wish.table not in _BITS and wish.count > MAX_READ_REGISTERS:
        return (
            f"--count {wish.count}: one request carries at most {MAX_READ_REGISTERS} registers; "
            f"asked: unit {wish.unit}, {wish.asked}"
        )
    if wish.address + wish.count - 1 > MAX_ADDRESS:
        return f"--address {wish.address} --count {wish.count} is beyond {MAX_ADDRESS}"
    return ""
