"""``plantroom agent plan``: will these ports do what they are asked?"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from config.errors import ConfigError
from config.gateway import Gateway
from config.listening import HeardPort
from config.load import load_agent
from edge_agent.commissioning.load import COMFORTABLE, ClassLoad, PortLoad, port_loads, remedies
from edge_agent.commissioning.port_spec import describe
from edge_agent.commissioning.table import table

_HEADS = ("device", "unit", "every s", "points", "requests", "ms/request", "ms/cycle", "load %")
_REQUEST_HEADS = ("device", "unit", "every s", "table", "address", "count", "ms", "points")
_LEFT = {"device", "table", "points"}


@click.command("plan")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--requests", is_flag=True, help="Show each request and the points it carries.")
@click.option(
    "--answer-ms",
    type=click.FloatRange(0, 60_000),
    help="Time that a device needs to answer, ms.  [default: 10 on a line, 1 on TCP]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: Path, *, requests: bool, answer_ms: float | None, as_json: bool) -> None:
    """Predict what the ports of FILE are asked for; connects to nothing.

    For each device and period: the requests (points merged under the device's limits), the
    milliseconds of one request and of one cycle, and the share of the port's time. A serial
    request counts 11 bits a character at 8E1, the silence of 3.5 characters before and after,
    the port's turnaround_s and the reply's length.

    Exits with 0 when everything fits, 2 when FILE is wrong or a port is asked for more than 100 %
    of its time; the port is named, and what would fit.

    \b
    Example:
      plantroom agent plan agent.yaml
      plantroom agent plan agent.yaml --answer-ms 60 --requests
    """  # noqa: D301 (click needs the \b)
    try:
        gateway = load_agent(file)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    loads = port_loads(gateway, answer_s=None if answer_ms is None else answer_ms / 1000)
    if as_json:
        click.echo(json.dumps(as_data(loads), ensure_ascii=False, indent=2))
    else:
        pages = [page(one, requests=requests) for one in loads]
        click.echo("\n\n".join([*pages, *unasked(gateway)]))
    refused = [one for one in loads if not one.fits]
    for one in refused:
        click.echo(f"{file}: {refusal(one)}", err=True)
    sys.exit(2 if refused else 0)


def unasked(gateway: Gateway) -> list[str]:
    """Return a line for each port on which the equipment speaks first."""
    return [
        f"port {name}: {port.kind} {port.where}; it listens, so nothing is predicted"
        for name, port in gateway.settings.ports.items()
        if isinstance(port, HeardPort)
    ]


def page(asked: PortLoad, *, requests: bool) -> str:
    """Return the table of one port."""
    lines = [f"port {asked.name}: {describe(asked.port)}, load {asked.load:.1%}"]
    if not asked.classes:
        return f"{lines[0]}, no devices"
    rows = [_row(one) for one in asked.classes]
    if requests:
        lines += table(
            _REQUEST_HEADS,
            [row for one in asked.classes for row in _request_rows(one)],
            right=set(_REQUEST_HEADS) - _LEFT,
        )
    else:
        lines += table(_HEADS, rows, right=set(_HEADS) - {"device"})
    if COMFORTABLE < asked.load <= 1:
        lines.append("note: commands, retries and slow answers find little room above 80 %;")
        lines += [f"  {text}" for text in remedies(asked)]
    return "\n".join(lines)


def refusal(asked: PortLoad) -> str:
    """Return why a port is refused, and what would fit."""
    count = len({one.unit for one in asked.classes})
    units = "1 unit" if count == 1 else f"{count} units"
    first = (
        f"port {asked.name} is asked for {asked.load:.0%} of its time "
        f"({describe(asked.port)}, {units}); it would fit"
    )
    return "\n".join([f"{first} with one of:", *(f"  {text}" for text in remedies(asked))])


def as_data(loads: Sequence[PortLoad]) -> dict[str, object]:
    """Return the plan as plain data."""
    return {
        "fits": all(one.fits for one in loads),
        "ports": {
            one.name: {
                "port": one.port.model_dump(mode="json"),
                "load_pct": round(100 * one.load, 2),
                "fits": one.fits,
                "would_fit": [] if one.load <= COMFORTABLE else remedies(one),
                "classes": [_class_data(each) for each in one.classes],
            }
            for one in loads
        },
    }


def _class_data(one: ClassLoad) -> dict[str, object]:
    return {
        "device": one.device,
        "unit": one.unit,
        "period_s": one.period_s,
        "points": one.points,
        "cycle_ms": round(1000 * one.cycle_s, 2),
        "load_pct": round(100 * one.load, 2),
        "requests": [
            {
                "table": str(block.table),
                "address": block.address,
                "count": block.size,
                "ms": round(1000 * seconds, 2),
                "points": list(block.points),
            }
            for block, seconds in zip(one.blocks, one.seconds, strict=True)
        ],
    }


def _row(one: ClassLoad) -> tuple[str, ...]:
    return (
        one.device,
        str(one.unit),
        f"{one.period_s:g}",
        str(one.points),
        str(len(one.blocks)),
        f"{1000 * one.cycle_s / len(one.blocks):.1f}",
        f"{1000 * one.cycle_s:.1f}",
        f"{100 * one.load:.2f}",
    )


def _request_rows(one: ClassLoad) -> list[tuple[str, ...]]:
    return [
        (
            one.device,
            str(one.unit),
            f"{one.period_s:g}",
            str(block.table),
            str(block.address),
            str(block.size),
            f"{1000 * seconds:.1f}",
            ", ".join(block.points),
        )
        for block, seconds in zip(one.blocks, one.seconds, strict=True)
    ]
