"""The server file and everything that it names, read before a command does anything."""

from collections.abc import Mapping
from pathlib import Path

from config.classes import EquipmentClass
from config.errors import ConfigError
from config.load import load_classes
from config.load_server import load_plans, load_schematics, load_server
from config.server import ServerSettings
from server.core.clock import SystemClock
from server.exits import fail
from server.notifications.registry import check_secrets


def load_whole(file: Path) -> ServerSettings:
    """Read the file and everything that it names; a wrong one ends the command with status 2."""
    try:
        settings = load_server(file)
        classes = load_classes(settings.class_files)
        _refuse_unknown_classes(file, settings, classes)
        load_plans(settings, classes)
        load_schematics(settings, classes)
        check_secrets(settings.messages, SystemClock())
    except ConfigError as error:
        fail(str(error), 2)
    return settings


def _refuse_unknown_classes(
    file: Path, settings: ServerSettings, classes: Mapping[str, EquipmentClass]
) -> None:
    for name in settings.history.keep.classes:
        if name not in classes:
            raise ConfigError(f"{file}: history.keep.classes: no class {name!r}")
