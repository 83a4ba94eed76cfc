"""How a command of the server ends when something is wrong: the words on stderr, and a status."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

import click

from config.errors import ConfigError
from protocols.errors import PlantroomError


def fail(message: str, status: int) -> NoReturn:
    """End the command."""
    click.echo(message, err=True)
    raise SystemExit(status)


@contextmanager
def failing() -> Generator[None]:
    """End the command with status 2 for what a file says wrong, with 1 for anything else."""
    try:
        yield
    except ConfigError as error:
        fail(str(error), 2)
    except PlantroomError as error:
        fail(str(error), 1)
