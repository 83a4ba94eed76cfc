"""``plantroom simulate``: simulated equipment from the command line."""

import asyncio
import json
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from config.errors import ConfigError
from simulators.agent_file import agent_file_for, agent_file_text, fixed_addresses
from simulators.bench import BenchFarm
from simulators.control import ControlServer, LineServer
from simulators.estate import Estate, load_estate
from simulators.fire_panel import FirePanel
from simulators.osdp_reader import OsdpLine
from simulators.panel_formats import FORMATS
from simulators.simulation import Simulation, until_stopped
from simulators.transmission_device import DeviceSettings, TransmissionDevice

_EXISTING = click.Path(path_type=Path, dir_okay=False)


@click.group()
def cli() -> None:
    """Simulated equipment: an estate whose pumps trip, or fast devices for benchmarks."""


@cli.command()
@click.argument("file", type=_EXISTING)
@click.option("--control", type=click.IntRange(0, 65535), help="Control port; 0 takes a free one.")
@click.option("--seed", type=click.IntRange(min=0), help="Overrides the seed of the file.")
@click.option(
    "--agent-file", type=click.Path(path_type=Path), help="Write the agent file that polls it."
)
@click.option("--mqtt-port", type=click.IntRange(1, 65535), default=1883, show_default=True)
def run(
    file: Path, control: int | None, seed: int | None, agent_file: Path | None, mqtt_port: int
) -> None:
    """Run the estate of FILE and print what happens as JSON lines, the first one "ready".

    \b
    Example:
      plantroom simulate run simulators/estate.yaml --control 0 --agent-file agent.yaml
    """  # noqa: D301 (click needs the \b)
    estate = _loaded(file)
    _run(_serve(estate, control=control, seed=seed, agent_file=agent_file, mqtt_port=mqtt_port))


@cli.command()
@click.option("--devices", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--floats", type=click.IntRange(1, 62), default=20, show_default=True)
@click.option("--base-port", type=click.IntRange(0, 65535), default=0, show_default=True)
@click.option("--shared-port", type=click.IntRange(0, 65535), help="One port with all devices.")
@click.option(
    "--offline",
    "--dead",
    "offline",
    type=click.IntRange(min=0),
    default=0,
    help="So many never answer (--dead in earlier versions).",
)
def bench(devices: int, floats: int, base_port: int, shared_port: int | None, offline: int) -> None:
    """Serve DEVICES fast devices of FLOATS float32 each, unit 1 on a port of their own.

    \b
    Example:
      plantroom simulate bench --devices 50 --base-port 15000
    """  # noqa: D301 (click needs the \b)
    farm = BenchFarm(
        devices=devices,
        floats=floats,
        base_port=base_port,
        shared_port=shared_port,
        offline=min(offline, devices),
    )
    _run(_serve_bench(farm))


@cli.command(name="transmission-device")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the centre listens.")
@click.option("--port", type=click.IntRange(1, 65535), help="Its TCP port.")
@click.option(
    "--line", type=click.Path(path_type=Path), help="Instead of TCP: link to a pseudo terminal."
)
@click.option("--address", type=click.IntRange(0, 2**48 - 1), default=889, show_default=True)
@click.option("--heartbeat", type=click.FloatRange(min=0.1), default=20.0, show_default=True)
@click.option("--control", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.")
def transmission_device(
    *, host: str, port: int | None, line: Path | None, address: int, heartbeat: float, control: int
) -> None:
    """Be a user information transmission device (GB/T 26875.3), by TCP or on a pseudo terminal.

    \b
    Example:
      plantroom simulate transmission-device --port 5200 --control 0
      plantroom simulate transmission-device --line device.tty
    """  # noqa: D301 (click needs the \b)
    if (port is None) == (line is None):
        raise click.UsageError("expected --port (of the centre) or --line, one of them")
    settings = DeviceSettings(host, port or 0, address, heartbeat_s=heartbeat, line=line)
    _run(_serve_device(TransmissionDevice(settings), control))


@cli.command(name="fire-panel")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="jbf-193k", show_default=True
)
@click.option("--control", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.")
def fire_panel(path: Path, form: str, control: int) -> None:
    """Be a fire panel with its maker's format on a pseudo terminal that PATH links to.

    \b
    Example:
      plantroom simulate fire-panel panel.tty --format gst200 --control 0
    """  # noqa: D301 (click needs the \b)
    _run(_serve_panel(FirePanel(path, FORMATS[form]()), control))


@cli.command(name="osdp-reader")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--reader",
    "readers",
    metavar="ADDRESS[:KEY]",
    multiple=True,
    required=True,
    help="A reader, repeatable; KEY: 32 hexadecimal digits; default: the key of delivery.",
)
@click.option("--control", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.")
def osdp_reader(path: Path, readers: tuple[str, ...], control: int) -> None:
    """Be readers of doors (OSDP) on a pseudo terminal that PATH links to.

    \b
    Example:
      plantroom simulate osdp-reader doors.tty --reader 1:8f0e5a7fc1b44f6b9c3a1d2e4f506172
    """  # noqa: D301 (click needs the \b)
    _run(_serve_readers(OsdpLine(path, _keys(readers)), control))


@cli.command(name="agent-file")
@click.argument("file", type=_EXISTING)
@click.option("--mqtt-port", type=click.IntRange(1, 65535), default=1883, show_default=True)
def print_agent_file(file: Path, mqtt_port: int) -> None:
    """Print the agent file that polls the estate of FILE; its ports must be fixed.

    \b
    Example:
      plantroom simulate agent-file estate.yaml > agent.yaml
    """  # noqa: D301 (click needs the \b)
    estate = _loaded(file)
    addresses = fixed_addresses(estate)
    free = [name for name, at in addresses.items() if not at.path and not at.port]
    if free:
        raise click.UsageError(
            f"{file}: the port of {', '.join(free)} is 0; use run --agent-file instead"
        )
    content = agent_file_for(estate, addresses, mqtt={"port": mqtt_port})
    click.echo(agent_file_text(content), nl=False)


async def _serve(
    estate: Estate,
    *,
    control: int | None,
    seed: int | None,
    agent_file: Path | None,
    mqtt_port: int,
) -> None:
    stop = _stop_on_signals()
    async with Simulation(estate, report=_print_event, seed=seed) as simulation:
        if agent_file is not None:
            content = agent_file_for(estate, simulation.addresses, mqtt={"port": mqtt_port})
            _write(agent_file, agent_file_text(content))
        endpoints = {name: at._asdict() for name, at in simulation.addresses.items()}
        if control is None:
            _print_event("ready", endpoints=endpoints, control=None)
            await until_stopped(simulation, stop)
        else:
            async with ControlServer(simulation, port=control) as server:
                address = {"host": server.host, "port": server.port}
                _print_event("ready", endpoints=endpoints, control=address)
                await until_stopped(simulation, stop)
    _print_event("stopped")


async def _serve_bench(farm: BenchFarm) -> None:
    stop = _stop_on_signals()
    async with farm:
        _print_event("ready", host=farm.host, ports=farm.ports, shared_port=farm.shared_port)
        await stop.wait()
    _print_event("stopped", reads=farm.reads)


async def _serve_device(device: TransmissionDevice, control: int) -> None:
    stop = _stop_on_signals()
    async with LineServer(device.obey, port=control) as server:
        task = asyncio.create_task(device.run(), name="transmission-device")
        _print_event("ready", control={"host": server.host, "port": server.port})
        await stop.wait()
        task.cancel()
    _print_event("stopped")


async def _serve_panel(panel: FirePanel, control: int) -> None:
    stop = _stop_on_signals()
    async with panel, LineServer(panel.obey, port=control) as server:
        address = {"host": server.host, "port": server.port}
        _print_event("ready", path=str(panel.path), control=address)
        await stop.wait()
    _print_event("stopped")


async def _serve_readers(line: OsdpLine, control: int) -> None:
    stop = _stop_on_signals()
    async with line, LineServer(line.obey, port=control) as server:
        address = {"host": server.host, "port": server.port}
        _print_event("ready", path=str(line.path), control=address)
        await stop.wait()
    _print_event("stopped")


def _keys(readers: tuple[str, ...]) -> dict[int, bytes | None]:
    found: dict[int, bytes | None] = {}
    for text in readers:
        address, _, key = text.partition(":")
        try:
            found[int(address)] = bytes.fromhex(key) or None
        except ValueError:
            raise click.UsageError(f"--reader {text}: expected ADDRESS or ADDRESS:KEY") from None
    return found


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _loaded(file: Path) -> Estate:
    try:
        return load_estate(file)
    except ConfigError as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from None


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(main)
    except OSError as error:
        raise click.ClickException(str(error)) from error


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _print_event(event: str, **fields: object) -> None:
    # Tests and the demo wait for these lines through a pipe, so each one leaves at once.
    click.echo(json.dumps({"event": event, **fields}, ensure_ascii=False))


if __name__ == "__main__":
    cli()
