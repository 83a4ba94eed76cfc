"""``plantroom``: one command for the gateway, the server, simulated equipment and the demo."""

import click

from config.lazy_group import LazyGroup, Place

_PLACES = {
    "agent": Place("edge_agent.__main__:cli", "The gateway: poll equipment, journal, publish."),
    "demo": Place(
        "plantroom.demo:cli", "The whole chain on this machine, with simulated equipment."
    ),
    "server": Place("server.__main__:cli", "The server: history, alarms, work orders, HTTP."),
    "simulate": Place(
        "simulators.__main__:cli", "Simulated equipment on TCP ports and serial lines."
    ),
}


class Applications(LazyGroup):
    """Says what an application needs that is not installed: a gateway has no server."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the application called ``cmd_name``."""
        try:
            return super().get_command(ctx, cmd_name)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] in {"server", "simulators"}:
                raise
            message = f"'plantroom {cmd_name}' needs {error.name}: pip install 'plantroom[server]'"
            raise click.ClickException(message) from error


@click.group(
    cls=Applications, places=_PLACES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="plantroom")
def main() -> None:
    """Watch the plant of residential estates: from a register to a closed work order.

    Start with 'plantroom demo'. On a gateway: 'plantroom agent check agent.yaml', then
    'plantroom agent run agent.yaml'.
    """


if __name__ == "__main__":
    main()
