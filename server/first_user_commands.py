"""``plantroom server init`` and ``reset-password``: who can log in at all."""

from pathlib import Path

import click

from protocols.errors import PlantroomError
from server.core.clock import SystemClock
from server.exits import fail
from server.first_user import make_administrator, reset_password_of
from server.whole_file import load_whole

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command()
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
    settings = load_whole(file)
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
        fail(str(error), 1)
    click.echo(f"administrator {name!r} {'made' if made.new else 'was there already'}")
    if made.token is not None:
        click.echo(made.token)


@click.command(name="reset-password")
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
    settings = load_whole(file)
    password = None if password_file is None else _read_password(password_file)
    try:
        made = reset_password_of(settings, name=user, password=password, clock=SystemClock())
    except PlantroomError as error:
        fail(str(error), 1)
    click.echo(f"password of {user!r} replaced; it was logged out everywhere")
    if made is not None:
        click.echo(made)


def _read_password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{path}: cannot be read as UTF-8: {error}", 2)
