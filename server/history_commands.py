"""``plantroom server history``: readings to files and back, and whether all is whole."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from config.history import EmbeddedBackend
from config.load_server import load_server
from server.core.clock import SystemClock
from server.core.errors import ConflictError, InvalidError
from server.exchange.cells import time_of, time_text
from server.exchange.export import export
from server.exchange.points import choose, read_points
from server.exchange.sinks import open_sink
from server.exchange.sources import Points, open_source
from server.exchange.spool import DAY_MS, Bounds, Checked, Spool, store
from server.exchange.verify import verify_files
from server.exits import fail, failing
from server.history.damage import files_aside
from server.history_place import history_to_fill_in, history_to_read, open_ledger

UTC = "UTC"
_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_OUT = click.argument("out", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def history() -> None:
    """The readings: export, back-fill, verify.

    \b
    plantroom server history export server.yaml march.csv --site riverside --from 2026-03-01
    plantroom server history import server.yaml old.csv --dry-run
    plantroom server history verify server.yaml
    """  # noqa: D301 (click needs the \b)


@history.command(name="export")
@_FILE
@_OUT
@click.option("--site", "sites", multiple=True, help="Key of an estate; may be repeated.")
@click.option("--equipment", multiple=True, help="Key, SITE/GATEWAY/DEVICE; may be repeated.")
@click.option(
    "--point", "points", multiple=True, help="Name, as flow_temperature, or key; may be repeated."
)
@click.option("--from", "start", help="First instant or day; default: as far back as is kept.")
@click.option("--to", "end", help="Instant or day before which it ends; default: now.")
@click.option(
    "--time-zone",
    default=UTC,
    show_default=True,
    help="Of days and instants, here and in a CSV file, as Asia/Shanghai.",
)
def export_(
    file: Path,
    out: Path,
    *,
    sites: Sequence[str],
    equipment: Sequence[str],
    points: Sequence[str],
    start: str | None,
    end: str | None,
    time_zone: str,
) -> None:
    """Write readings to OUT, a .csv or .parquet file, also while the server runs.

    One row for each reading, a point after the other, oldest first. CSV: site, gateway, equipment,
    point, time with its offset, value, type (number, integer, boolean, text; empty: no value),
    unit, quality and reason; 'history import' reads it back to the last digit. Parquet: the value
    is in the column of its type, times are UTC.

    Example: plantroom server history export server.yaml pumps.parquet --equipment east/gw-1/pump-1
    """
    with failing():
        zone = _zone(time_zone)
        settings = load_server(file)
        now = SystemClock().now_ms()
        oldest = (now // DAY_MS - settings.history.retention_days) * DAY_MS
        start_ms = oldest if start is None else max(0, _instant(start, zone, "--from"))
        end_ms = now if end is None else _instant(end, zone, "--to")
        if end_ms <= start_ms:
            raise InvalidError(f"--to {end}: expected an instant after --from")
        with open_ledger(settings) as records:
            chosen = records.read(
                lambda s: choose(s, sites=sites, equipment=equipment, points=points)
            )
        with (
            history_to_read(settings) as opened,
            open_sink(out, zone) as sink,
            click.progressbar(
                length=len(chosen) * (end_ms - start_ms), label=f"{len(chosen):,} points"
            ) as bar,
        ):
            written = export(
                opened, chosen, sink, start_ms=start_ms, end_ms=end_ms, progress=bar.update
            )
    span = f"{time_text(start_ms, zone)} to {time_text(end_ms, zone)}"
    click.echo(f"{out}: {written:,} readings of {len(chosen):,} points, {span} ({time_zone})")


@history.command(name="import")
@_FILE
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check every row, store nothing.")
@click.option("--time-zone", help="Of instants without an offset, as Asia/Shanghai; else refused.")
@click.option("--point", help="Key of the point of files that do not say whose their readings are.")
def import_(
    file: Path,
    sources: Sequence[Path],
    *,
    dry_run: bool,
    time_zone: str | None,
    point: str | None,
) -> None:
    """Back-fill readings from .csv or .parquet files, also while the server runs.

    Columns: point by site, gateway, equipment and point, or by key; time; value. Optional: type,
    quality (good, stale, bad) and reason; without type the value is read as the point's own.
    'history export' writes such files. Points must be known to the server.

    In a house that is divided each reading goes to the process that ingests its site; those of
    processes on other machines are named, and the exit status is 1.

    All rows of all files are checked first; when one is wrong, each is named by line and column and
    nothing is stored. What is there already is not stored again, so it may be repeated. No rule
    looks at these readings; a value that is newer than a point's last is shown after a restart.

    Example: plantroom server history import server.yaml old-system.csv --time-zone Asia/Shanghai
    """
    with failing():
        zone = None if time_zone is None else _zone(time_zone)
        settings = load_server(file)
        now = SystemClock().now_ms()
        bounds = Bounds(
            oldest_ms=(now // DAY_MS - settings.history.retention_days) * DAY_MS,
            latest_ms=now + round(settings.sparkplug.max_future_s * 1000),
        )
        with open_ledger(settings) as records:
            points = Points(records.read(read_points), point)
        with Spool(bounds) as spool:
            checked: list[Checked] = []
            for source in sources:
                with open_source(source, points, zone) as rows:
                    checked.append(spool.check(rows))
                _tell(source, checked[-1])
            wrong = sum(one.wrong for one in checked)
            if wrong:
                fail(f"{wrong:,} rows are wrong: nothing is stored", 1)
            good = checked[-1].good
            if dry_run:
                click.echo(f"{good:,} readings would be stored, as far as they are not there yet")
                return
            with (
                history_to_fill_in(settings) as opened,
                click.progressbar(length=good, label="storing") as bar,
            ):
                store(spool.batches(), opened.append, bar.update)
            left = opened.left()
    if left:
        fail("\n".join(["not all of it is stored:", *left]), 1)
    click.echo(f"{good:,} readings are in the history")


@history.command()
@_FILE
def verify(file: Path) -> None:
    """Read every file of past days through, also while the server runs; exit status 1 when damaged.

    Says which days have a file that cannot be read, is not sorted, holds another day's readings or
    those of points that the records do not know. The file of the newest days is checked by the
    server itself whenever it reads. For an embedded history only: other stores have tools of
    their own.

    Example: plantroom server history verify server.yaml
    """
    with failing():
        settings = load_server(file)
        if not isinstance(settings.history.backend, EmbeddedBackend):
            raise ConflictError(
                f"the readings are in a store of its own ({settings.history.backend.kind}): "
                "verify them with its tools"
            )
        with open_ledger(settings) as records:
            known = {point.id for point in records.read(read_points)}
        files = sorted(settings.history.path.glob("*.parquet"))
        with click.progressbar(files, label="reading") as bar:
            found = list(verify_files(bar, known))
        aside = files_aside(settings.history.path)
    for name in aside:
        click.echo(f"aside   {name}: was damaged and moved aside; a backup may have it whole")
    for one in found:
        for problem in one.problems:
            click.echo(f"wrong   {one.path.name}: {problem}")
    wrong = sum(bool(one.problems) for one in found)
    rows = sum(one.rows for one in found)
    click.echo(f"files   {len(found):,}, {rows:,} readings, {wrong:,} files wrong")
    if wrong or aside:
        raise SystemExit(1)


def _tell(source: Path, checked: Checked) -> None:
    for line in checked.told:
        click.echo(line, err=True)
    if checked.wrong > len(checked.told):
        click.echo(f"{source}: ... and {checked.wrong - len(checked.told):,} more", err=True)
    old = f", {checked.too_old:,} older than the retention left out" if checked.too_old else ""
    click.echo(f"{source}: {checked.rows:,} rows{old}", err=True)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError) as error:
        message = f"--time-zone {name}: expected a name such as Asia/Shanghai or UTC"
        raise InvalidError(message) from error


def _instant(text: str, zone: ZoneInfo, option: str) -> int:
    try:
        return time_of(text, zone)
    except InvalidError as error:
        raise InvalidError(f"{option}: {error}") from error
