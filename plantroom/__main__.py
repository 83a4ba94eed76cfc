"""``plantroom``: one command for the gateway, the server, simulated equipment and the demo."""

import importlib

import click

_GROUPS = {
    "agent": ("edge_agent.__main__", "The gateway: poll equipment, journal, publish."),
    "demo": ("plantroom.demo", "The whole chain on this machine, with simulated equipment."),
    "server": ("server.__main__", "The server: history, alarms, work orders, HTTP."),
    "simulate": ("simulators.__main__", "Simulated equipment on TCP ports and serial lines."),
}


class LazyGroup(click.Group):
    """Imports an application only when it is called: a gateway has no server installed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the applications."""
        del ctx
        return sorted(_GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the application called ``cmd_name``."""
        del ctx
        if cmd_name not in _GROUPS:
            return None
        module = _GROUPS[cmd_name][0]
        try:
            return importlib.import_module(module).cli
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] in {"server", "simulators"}:
                raise
            message = f"'plantroom {cmd_name}' needs {error.name}: pip install 'plantroom[server]'"
            raise click.ClickException(message) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the applications without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(_GROUPS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="plantroom")
def main() -> None:
    """Watch the plant of residential estates: from a register to a closed work order.

    Start with 'plantroom demo'. On a gateway: 'plantroom agent check agent.yaml', then
    'plantroom agent run agent.yaml'.
    """


if __name__ == "__main__":
    main()
