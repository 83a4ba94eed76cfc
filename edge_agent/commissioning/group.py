"""The group ``plantroom agent``: commissioning commands are imported when they are called."""

import importlib
from typing import Final

import click

_LATER: Final = {
    "check": ("check_command", "Check FILE and everything it names, and connect to nothing."),
    "import": ("import_command", "Make a device file from a point table (Excel or CSV)."),
    "plan": ("plan_command", "Predict requests, time and load of each port of a file."),
    "read": ("read_command", "Read registers of one unit and show all their decodings."),
    "scan": ("scan_command", "Find units on a serial line or behind a TCP address."),
    "watch": ("watch_command", "Watch a running gateway: ports, units, load, last values."),
}


class AgentGroup(click.Group):
    """A running gateway never pays for the tools of the day on which it was wired."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all commands, in the order of the alphabet."""
        return sorted({*super().list_commands(ctx), *_LATER})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now if it is a commissioning one."""
        if cmd_name not in _LATER:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"edge_agent.commissioning.{_LATER[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        lines: list[tuple[str, str]] = []
        for name in self.list_commands(ctx):
            text = _LATER[name][1] if name in _LATER else self.commands[name].get_short_help_str(70)
            lines.append((name, text))
        with formatter.section("Commands"):
            formatter.write_dl(lines)
