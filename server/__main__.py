"""``plantroom server``: prepare, check, run."""

import asyncio
import signal
from pathlib import Path
from typing import NoReturn

import click
from structlog import get_logger

from config.errors import ConfigError
from config.load import load_classes
from config.load_server import load_server
from config.server import ServerSettings
from config.summary import summarize_server
from protocols.errors import PlantroomError
from server.app import ROLES, Server
from server.core.clock import SystemClock
from server.core.errors import NobodyError
from server.core.log import set_up_logging
from server.first_user import make_administrator, reset_password_of
from server.history.opening import try_history
from server.notifications.registry import check_secrets
from server.people_file import import_file

log = get_logger()

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def cli() -> None:
    """The server: history, alarms, work orders, HTTP.

    \b
    plantroom server check server.yaml
    plantroom server init server.yaml
    plantroom server people server.yaml people.yaml
    plantroom server run server.yaml
    """  # noqa: D301 (click needs the \b)


@cli.command()
@_FILE
@click.option("--user", help="Name of the administrator; asked for when absent.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the password; asked for when absent.",
)
@click.option("--token", is_flag=True, help="Also make a token; it is the last line printed.")
def init(file: Path, user: str | None, password_file: Path | None, *, token: bool) -> None:
    """Make the tables and the first administrator.

    Running it again with the same name and password changes nothing, so it may stand in a script.

    Example: plantroom server init server.yaml --user admin --token
    """
    settings = _load(file)
    name = user or click.prompt("Name of the administrator", type=str)
    if password_file is not None:
        password = _read_password(password_file)
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, type=str)
    try:
        made = make_administrator(
            settings, name=name, password=password, token=token, clock=SystemClock()
        )
    except PlantroomError as error:
        _fail(str(error), 1)
    click.echo(f"administrator {name!r} {'made' if made.new else 'was there already'}")
    if made.token is not None:
        click.echo(made.token)


@cli.command(name="reset-password")
@_FILE
@click.argument("user")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the new password; without it a password for one login is made and printed.",
)
def reset_password(file: Path, user: str, password_file: Path | None) -> None:
    """Give a person who has forgotten the password another one.

    May be used while the server runs. All browser sessions of the person end, tokens go on. The
    password that is printed is good for one login within 72 hours, and must be changed then.

    Example: plantroom server reset-password server.yaml admin
    """
    settings = _load(file)
    password = None if password_file is None else _read_password(password_file)
    try:
        made = reset_password_of(settings, name=user, password=password, clock=SystemClock())
    except PlantroomError as error:
        _fail(str(error), 1)
    click.echo(f"password of {user!r} replaced; it was logged out everywhere")
    if made is not None:
        click.echo(made)


@cli.command()
@_FILE
def check(file: Path) -> None:
    """Say what the file means and what looks wrong; exit status 2 when it is refused.

    A history on another server is connected to; exit status 1 when that does not succeed.

    Example: plantroom server check server.yaml
    """
    settings = _load(file)
    click.echo(f"{file}: right")
    click.echo(summarize_server(settings, load_classes(settings.class_files)))
    try:
        found = try_history(settings.history, SystemClock())
    except ConfigError as error:
        _fail(str(error), 2)
    except PlantroomError as error:
        _fail(str(error), 1)
    if found:
        click.echo(f"found   {found}")


@cli.command()
@_FILE
@click.argument("people_file", type=click.Path(path_type=Path, dir_okay=False))
def people(file: Path, people_file: Path) -> None:
    """Take over persons, rosters and escalation policies from a file.

    May be repeated, also while the server runs: what has the same key is replaced, nothing else
    is touched. Hours in which nobody would come are refused unless the file accepts them.

    Example: plantroom server people server.yaml people.yaml
    """
    settings = _load(file)
    try:
        gaps = import_file(settings, people_file, SystemClock())
    except ConfigError as error:
        _fail(str(error), 2)
    except PlantroomError as error:
        _fail(f"{people_file}: {error}", 1)
    for gap in gaps:
        click.echo(f"warning: {gap.text_en}", err=True)
    click.echo(f"{people_file}: taken over")


@cli.command(name="run")
@_FILE
@click.option(
    "--roles",
    default=",".join(ROLES),
    show_default=True,
    help="What this process does; with commas.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Least important line that is logged.",
)
def run_(file: Path, roles: str, log_level: str) -> None:
    """Run until SIGTERM or Ctrl-C; logs JSON lines, 'server_ready' when it answers.

    SIGHUP changes nothing and is logged: the file is read at the start, and the log goes to
    stderr, which whoever started the server keeps.

    Example: plantroom server run server.yaml
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # also while it starts
    settings = _load(file)
    wanted = frozenset(role.strip() for role in roles.split(",") if role.strip())
    if not wanted or not wanted <= set(ROLES):
        _fail(f"--roles {roles!r}: use some of {', '.join(ROLES)}", 2)
    set_up_logging(level=log_level)
    try:
        asyncio.run(_run(Server(settings, SystemClock(), wanted, log_level=log_level)))
    except ConfigError as error:
        _fail(str(error), 2)
    except NobodyError as error:
        _fail(f"{error}: plantroom server init {file}", 1)
    except PlantroomError as error:
        _fail(str(error), 1)


async def _run(server: Server) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # A terminal that closes, logrotate or a reload by habit must not end a server.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _say_nothing_is_reloaded)
    await server.run(stop)


def _say_nothing_is_reloaded() -> None:
    log.info("sighup_ignored", detail="restart the server to take over a changed file")


def _load(file: Path) -> ServerSettings:
    """Read the file and everything that it names, so that a wrong one is refused now."""
    try:
        settings = load_server(file)
        load_classes(settings.class_files)
        check_secrets(settings.messages, SystemClock())
    except ConfigError as error:
        _fail(str(error), 2)
    return settings


def _read_password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{path}: cannot be read as UTF-8: {error}", 2)


def _fail(message: str, status: int) -> NoReturn:
    click.echo(message, err=True)
    raise SystemExit(status)


if __name__ == "__main__":
    cli()
