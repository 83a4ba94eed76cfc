"""Paths in a configuration file are meant from the folder of that file."""

from pathlib import Path

from config.base import AnySettings
from config.mqtt import MqttSettings
from config.ports import AnyPort
from config.shared_line import SharedLine


def mqtt_paths(mqtt: MqttSettings, folder: Path) -> MqttSettings:
    """Make every file of a connection absolute, those of its TLS too."""
    tls = mqtt.tls and files_below(folder, mqtt.tls)
    return files_below(folder, mqtt).model_copy(update={"tls": tls})


def port_paths(port: AnyPort, folder: Path) -> AnyPort:
    """Make every file of a port absolute, those of other protocols on its line too."""
    found = files_below(folder, port)
    if isinstance(found, SharedLine) and found.others:
        return found.with_others([files_below(folder, one) for one in found.others])
    return found


def files_below(folder: Path, settings: AnySettings) -> AnySettings:
    """Make every option that names a file absolute."""
    names = [name for name in type(settings).model_fields if name.endswith("_file")]
    files = {name: below(folder, getattr(settings, name)) for name in names}
    return settings.model_copy(update=files)


def below(folder: Path, path: Path | None) -> Path | None:
    """Return a path from the folder; an absolute one stays what it is."""
    return None if path is None else folder / path
