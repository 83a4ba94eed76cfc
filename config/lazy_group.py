"""Groups of commands whose modules are imported when they are called."""

import atexit
import gc
import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

import click

_WIDTH = 70


class Place(NamedTuple):
    """Where a command is, and what the help of its group says of it."""

    where: str
    """``package.module:attribute``."""
    text: str


class LazyGroup(click.Group):
    """Imports the module of a command only when somebody calls that command.

    A program whose commands need much for little starts each of them with what it needs.
    """

    def __init__(self, *args: Any, places: Mapping[str, Place], **options: Any) -> None:  # noqa: ANN401 (those of click.Group)
        """Prepare.

        Args:
            args: Of click.Group.
            places: The commands that are imported later, by name.
            options: Of click.Group.
        """
        super().__init__(*args, **options)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, those of commands that are here included."""
        return sorted({*self.places, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command called ``cmd_name``."""
        if cmd_name not in self.places:
            return super().get_command(ctx, cmd_name)
        module, attribute = self.places[cmd_name].where.split(":")
        return getattr(_import_for_good(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        lines: list[tuple[str, str]] = []
        for name in self.list_commands(ctx):
            place = self.places.get(name)
            text = place.text if place else self.commands[name].get_short_help_str(_WIDTH)
            lines.append((name, text))
        with formatter.section("Commands"):
            formatter.write_dl(lines)


def _import_for_good(name: str) -> ModuleType:
    """Import a module without looking for garbage among what stays: two fifths of the time."""
    if name in sys.modules:
        return sys.modules[name]
    collects = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        # DuckDB's binding writes pages about leaks when its objects outlive the interpreter.
        atexit.register(gc.unfreeze)
        if collects:
            gc.enable()
