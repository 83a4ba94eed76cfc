"""``plantroom server doctor``."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import click

from server.core.clock import SystemClock
from server.core.instant import rfc3339
from server.doctor.examination import examine
from server.doctor.finding import as_json, as_text, worst


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--certificate",
    "certificates",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Also how long this certificate is good, PEM: the broker's, the proxy's; may be repeated.",
)
@click.option("--json", "for_programs", is_flag=True, help="One JSON object instead of lines.")
def doctor(file: Path, *, certificates: Sequence[Path], for_programs: bool) -> None:
    """Look at everything that may be wrong, and say what to do; changes nothing.

    May be used while the server runs, which it then asks, and while it does not. Each line is ok,
    warn or fail. The output holds no password, token or key, so it may be sent to somebody. Use it
    as the server's user.

    Exit status: 0 all is well, 1 there are warnings, 2 something fails.

    Example: plantroom server doctor /etc/plantroom/server.yaml
    """
    clock = SystemClock()
    findings = list(examine(file, clock, certificates=certificates))
    if for_programs:
        about = {"at": rfc3339(clock.now_ms()), "plantroom": version("plantroom")}
        said = {**about, "file": str(file), **as_json(findings)}
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
    else:
        click.echo(as_text(findings))
    raise SystemExit(int(worst(findings)))
