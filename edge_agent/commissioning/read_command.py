"""``plantroom agent read``: look at the registers of one unit."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from config.errors import ConfigError
from config.load import load_profile, load_profiles
from config.members import members_of
from config.meter_ports import Cjt188Port, Dlt645Port, MbusPort
from config.points import Table
from config.ports import OsdpPort, Port, ReachabilityPort
from config.problems import suggestion
from config.profiles import DeviceProfile
from edge_agent.clock import Clock, SystemClock
from edge_agent.commissioning.decodings import DEFAULT_TYPES, WIDE_TYPES
from edge_agent.commissioning.door_reader import DoorWish
from edge_agent.commissioning.explain import explain
from edge_agent.commissioning.flow_meter_reader import FlowMeterWish
from edge_agent.commissioning.host_reader import HostWish
from edge_agent.commissioning.identifier_wish import IdentifierWish
from edge_agent.commissioning.meter_reader import MeterWish
from edge_agent.commissioning.pages import AnyWish, PageReader, opened
from edge_agent.commissioning.port_spec import FORMS, NamedPort, describe, port_argument
from edge_agent.commissioning.register_page import Wish, impossible
from edge_agent.commissioning.slave_reader import SlaveWish
from edge_agent.drivers.lines import Lines
from edge_agent.errors import DriverError, PortDownError
from protocols.modbus.limits import MAX_ADDRESS, MAX_READ_COILS

_CLEAR: Final = "\x1b[H\x1b[2J"
_IDENTIFIED: Final[Mapping[str, type[IdentifierWish]]] = {
    "dlt645": MeterWish,
    "cjt188": FlowMeterWish,
}


@click.command("read", epilog=FORMS)
@click.argument("port", metavar="PORT-SPEC", callback=port_argument)
@click.option(
    "--unit",
    type=click.IntRange(0, 255),
    help="Address; primary address on M-Bus.  [default: 1; on M-Bus the only slave of the line]",
)
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
@click.option(
    "--meter",
    default="",
    help="Of DL/T 645: the 12 digits, of CJ/T 188: 14; default: ask the one meter. Of M-Bus: the 8 "
    "digits of a slave, F for any digit, or 16 with maker, version and medium.",
)
@click.option(
    "--identifier",
    "identifiers",
    multiple=True,
    help="Of DL/T 645: 8 hexadecimal digits, 4 of 1997; repeatable; default: the usual ones.",
)
@click.option("--host", default="", help="Of hosts: name or address.")
@click.option(
    "--tcp-port",
    "tcp_ports",
    type=click.IntRange(1, 65535),
    multiple=True,
    help="Of a host: try a connection beside the ping; repeatable.",
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
    unit: int | None,
    table: str,
    address: int,
    count: int,
    types: tuple[str, ...],
    meter: str,
    identifiers: tuple[str, ...],
    host: str,
    tcp_ports: tuple[int, ...],
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

    Of a meter (/dev/ttyUSB0,dlt645 or cjt188) identifiers are read, and shown with their bytes; of
    an M-Bus slave (/dev/ttyUSB0,mbus) all records of all telegrams. Of a host (reachability) is
    shown whether it answers a ping, and takes connections. Of a reader of a door (agent.yaml#doors,
    a port of kind osdp) all its parts are shown. Where several protocols share the line of a port
    of an agent file, --profile, --meter and --identifier say which is meant, or its kind behind a
    comma: agent.yaml#pair,cjt188.

    Exits with 0, 1 when the unit or the port does not answer, 2 when the request is impossible.

    \b
    Example:
      plantroom agent read /dev/ttyUSB0,9600,8E1 --unit 3 --address 100 --count 8
      plantroom agent read 192.168.1.10 --unit 1 --profile grundfos-magna3 --watch
      plantroom agent read reachability --host 192.168.1.64 --tcp-port 554
      plantroom agent read /dev/ttyUSB0,mbus --meter 24351689
    """  # noqa: D301 (click needs the \b)
    wanted = Table(table)
    chosen = _profile(profile)
    number = 1 if unit is None else unit
    port = _in_protocol(port, chosen, meter, identifiers)
    wish: AnyWish = Wish(number, wanted, address, count, types or DEFAULT_TYPES, chosen)
    if isinstance(port.port, Dlt645Port):
        wish = MeterWish(meter, identifiers, chosen)
    elif isinstance(port.port, Cjt188Port):
        wish = FlowMeterWish(meter, identifiers, chosen)
    elif isinstance(port.port, MbusPort):
        wish = SlaveWish(unit, meter, chosen)
    elif isinstance(port.port, ReachabilityPort):
        wish = HostWish(host, tcp_ports, chosen)
    elif isinstance(port.port, OsdpPort):
        wish = DoorWish(number, chosen, port.port)
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
    if isinstance(wish, Wish | DoorWish):
        title = f"{describe(port.port)}, unit {wish.unit}, {wish.asked}"
    lines = Lines()
    left = times
    while left:
        page_text = ""
        try:
            async with opened(lines, port.port, wish, clock) as read_page:
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


def _in_protocol(
    port: NamedPort, profile: DeviceProfile | None, meter: str, identifiers: Sequence[str]
) -> NamedPort:
    """Return a port whose line several protocols share in the one that is asked for."""
    members = members_of(port.port)
    meant = (one for one in members if _is_meant(one, profile, meter, identifiers))
    return port._replace(port=next(meant, members[0]))


def _is_meant(
    port: Port, profile: DeviceProfile | None, meter: str, identifiers: Sequence[str]
) -> bool:
    if profile is not None:
        return profile.protocol in port.protocols
    kind = _IDENTIFIED.get(port.kind)
    if meter:
        return kind is not None and len(meter) == kind.ADDRESS_DIGITS
    return not identifiers or (kind is not None and len(identifiers[0]) in kind.LENGTHS)


def _impossible(wish: AnyWish, port: NamedPort) -> str:
    spoken = wish.profile.protocol if wish.profile else None
    if spoken and spoken not in port.port.protocols:
        return f"--profile: it speaks {spoken}, and {describe(port.port)} does not"
    return impossible(wish, port.port) if isinstance(wish, Wish) else wish.problem
