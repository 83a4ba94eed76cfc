"""``plantroom server audit``."""

from functools import partial
from pathlib import Path

import click

from config.load_server import load_server
from server.core.audit import Verified, verify
from server.core.records import Records
from server.exits import failing


@click.group()
def audit() -> None:
    """Who wrote what, and what was refused.

    \b
    plantroom server audit verify server.yaml
    """  # noqa: D301 (click needs the \b)


class _Row(click.ParamType[Verified]):
    name = "NUMBER:HASH"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Verified:
        number, colon, digest = value.partition(":")
        if not (colon and number.isdecimal() and int(number) > 0 and digest):
            self.fail(f"{value!r}: write the number and hash that 'verify' printed", param, ctx)
        return Verified(int(number), digest)


@audit.command(name="verify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--expect", type=_Row(), help="A row that was the newest once, as it was printed.")
def verify_(file: Path, expect: Verified | None) -> None:
    """Check that no row of the audit was changed, inserted or taken out.

    Changes nothing, and may be used while the server runs. The newest row is printed as
    NUMBER:HASH; kept somewhere else and given back with --expect, it also shows that rows are
    missing at the end or that everything was written anew.

    Exit status 1 when a row does not fit; the first such row is named.

    Example: plantroom server audit verify server.yaml --expect 812:3f6c...
    """
    with failing():
        url = load_server(file).records.url
        with Records.open(url, read_only=True) as records:
            found = records.read(partial(verify, expected=expect))
    click.echo(f"{found.rows} rows, each fits the one before")
    if found.rows:
        click.echo(f"{found.rows}:{found.hash}")
