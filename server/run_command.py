"""``plantroom server run``."""

import asyncio
import signal
from contextlib import ExitStack, closing
from pathlib import Path

import click
from structlog import get_logger

from config.errors import ConfigError
from protocols.errors import PlantroomError
from server.app import Server
from server.core.clock import SystemClock
from server.core.errors import InvalidError, NobodyError
from server.core.log import set_up_logging
from server.core.shard import WHOLE, parse_shard
from server.exits import fail
from server.roles.split import ROLES, refuse_split
from server.web.fork_server import ForkServer
from server.whole_file import load_whole

log = get_logger()


@click.command(name="run")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--roles",
    default=",".join(ROLES),
    show_default=True,
    help="What this process does; with commas.",
)
@click.option(
    "--shard",
    default=str(WHOLE),
    show_default=True,
    help="Ingest the sites whose names hash to the k-th of n parts, k/n.",
)
@click.option(
    "--http-port",
    type=click.IntRange(0, 65535),
    help="Instead of http.port, where several serve HTTP on one machine. Without the role api: "
    "/healthz, /readyz and /metrics only, and nothing without this option.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Least important line that is logged.",
)
def run_(file: Path, roles: str, shard: str, http_port: int | None, log_level: str) -> None:
    """Run until SIGTERM or Ctrl-C; logs JSON lines, 'server_ready' when it answers.

    One process does everything. With the records in PostgreSQL and the history in InfluxDB or
    VictoriaMetrics several may share the work: --roles ingest once for each --shard k/n, --roles
    api as often as there are readers for, --roles jobs once (docs/scaling.md).

    SIGHUP changes nothing and is logged: the file is read at the start, and the log goes to
    stderr, which whoever started the server keeps.

    \b
    Example: plantroom server run server.yaml
             plantroom server run server.yaml --roles ingest --shard 1/2
             plantroom server run server.yaml --roles api --http-port 8081
    """  # noqa: D301 (click needs the \b)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # also while it starts
    settings = load_whole(file)
    wanted = frozenset(role.strip() for role in roles.split(",") if role.strip())
    if not wanted or not wanted <= set(ROLES):
        fail(f"--roles {roles!r}: use some of {', '.join(ROLES)}", 2)
    if http_port is not None:
        http = settings.http.model_copy(update={"port": http_port})
        settings = settings.model_copy(update={"http": http})
    try:
        part = parse_shard(shard)
        refuse_split(settings, wanted, part)
    except (ConfigError, InvalidError) as error:
        fail(str(error), 2)
    set_up_logging(level=log_level)
    with ExitStack() as stack:
        forks = stack.enter_context(closing(ForkServer.fork())) if "api" in wanted else None
        server = Server(
            settings,
            SystemClock(),
            wanted,
            forks=forks,
            shard=part,
            log_level=log_level,
            tells_health=http_port is not None and "api" not in wanted,
        )
        _run_to_its_end(server, file)


def _run_to_its_end(server: Server, file: Path) -> None:
    try:
        asyncio.run(_run(server))
    except ConfigError as error:
        fail(str(error), 2)
    except NobodyError as error:
        fail(f"{error}: plantroom server init {file}", 1)
    except PlantroomError as error:
        fail(str(error), 1)


async def _run(server: Server) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # A terminal that closes, logrotate or a reload by habit must not end a server.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _say_nothing_is_reloaded)
    await server.run(stop)


def _say_nothing_is_reloaded() -> None:
    log.info("sighup_ignored", detail="restart the server to take over a changed file")
