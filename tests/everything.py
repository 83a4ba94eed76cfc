"""Imports every command of Plantroom; for ``tests.forked``."""

import click

from plantroom.__main__ import main


def import_commands(group: click.Group) -> None:
    """Import the commands of a group and of the groups in it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            import_commands(command)


import_commands(main)
