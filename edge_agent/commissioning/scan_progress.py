"""What a search tells while it goes on."""

import sys
from typing import Final

import click

from edge_agent.commissioning.port_spec import describe
from edge_agent.commissioning.scanning import Found, Progress

_ERASE: Final = "\r\x1b[K"


class ScanProgress:
    """One line that is written over on a terminal; a line per setting elsewhere."""

    def __init__(self) -> None:
        self._tty = sys.stderr.isatty()
        self._last = ""

    def progress(self, now: Progress) -> None:
        """Print what is asked."""
        where = describe(now.port)
        if self._tty:
            text = f"{where} unit {now.unit}: {now.asked} asked, {now.spent_s:.0f} s"
            click.echo(f"{_ERASE}{text}", err=True, nl=False)
        elif where != self._last:
            click.echo(f"asking {where}, {now.spent_s:.0f} s", err=True)
        self._last = where

    def found(self, one: Found) -> None:
        """Print a unit at once."""
        self.clear()
        click.echo(f"found unit {one.unit} at {describe(one.port)}: {one.answer}")

    def step(self, text: str) -> None:
        """Print what is asked at this moment, on a terminal only."""
        if self._tty:
            click.echo(f"{_ERASE}{text}", err=True, nl=False)

    def note(self, text: str) -> None:
        """Print what is done."""
        self.clear()
        click.echo(text, err=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._tty:
            click.echo(_ERASE, err=True, nl=False)
