"""The agent file as the command line takes it: loaded, or refused on the terminal."""

import os
import sys
from pathlib import Path

import click

from config.errors import ConfigError
from config.load import load_agent
from config.resolve import Gateway


def load(file: Path) -> Gateway:
    """Load an agent file; without journal.path the journal is where systemd keeps our state.

    Raises:
        ConfigError: It is wrong.
    """
    # systemd names several directories with colons between them; the first is the unit's own.
    state_dir = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return load_agent(file, state_dir=Path(state_dir) if state_dir else None)


def loaded(file: Path) -> Gateway:
    """Load an agent file, or print what is wrong with it and exit with 2."""
    try:
        return load(file)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
