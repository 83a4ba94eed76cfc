"""``plantroom agent check``: is this file right, and what would the gateway do?"""

from collections.abc import Iterator
from pathlib import Path

import click

from config.gateway import Gateway
from config.point_kinds import probes_of
from config.summary import summarize_gateway
from edge_agent.agent_file import loaded
from edge_agent.commissioning.load import port_loads, read_apart
from edge_agent.commissioning.plan_command import refusal


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(file: Path) -> None:
    """Check FILE and everything it names, and connect to nothing.

    Prints what the gateway would do; a wrong file is refused with every problem, its line, and
    what is allowed there. A port that is asked for more than 100 % of its time is a warning: the
    gateway runs, and leaves out cycles. Exits with 0 when FILE is right, 2 when it is wrong.

    \b
    Example:
      plantroom agent check agent.yaml
    """  # noqa: D301 (click needs the \b)
    gateway = loaded(file)
    click.echo(summarize_gateway(gateway))
    for note in _ping_notes(gateway):
        click.echo(f"note: {note}")
    for one in port_loads(gateway):
        for note in read_apart(one):
            click.echo(f"note: {note}")
        if not one.fits:
            click.echo(f"warning {refusal(one)}", err=True)


def _ping_notes(gateway: Gateway) -> Iterator[str]:
    """Yield which ports ping though this user may not; no packet is sent."""
    ports = {
        device.port
        for device in gateway.devices.values()
        if any(one.probe == "ping" for one in probes_of(device.points).values())
    }
    if not ports:
        return
    # What no file uses is not imported.
    from edge_agent.drivers.reachability.probes import why_no_ping  # noqa: PLC0415

    if why := why_no_ping():
        yield from (f"port {name} pings, and {why}" for name in sorted(ports))
