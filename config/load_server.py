"""Loads what only a server reads; an agent does not pay for these models with its memory."""

from pathlib import Path

from config.load import checked
from config.paths import below, files_below, mqtt_paths
from config.people import PeopleFile
from config.server import ServerSettings
from config.source import Document

_SQLITE = "sqlite:///"


def load_server(path: Path) -> ServerSettings:
    """Load a server file.

    Raises:
        ConfigError: The file is wrong; the message lists all of its problems.
    """
    settings = checked(Document.read(path), ServerSettings)
    return _server_paths(settings, path.absolute().parent)


def load_people(path: Path) -> PeopleFile:
    """Load a file of persons, rosters and policies.

    Raises:
        ConfigError: The file is wrong; the message lists all of its problems.
    """
    return checked(Document.read(path), PeopleFile)


def _server_paths(settings: ServerSettings, folder: Path) -> ServerSettings:
    data_dir = folder / settings.data_dir
    records, history, messages = settings.records, settings.history, settings.messages
    return settings.model_copy(
        update={
            "data_dir": data_dir,
            "mqtt": mqtt_paths(settings.mqtt, folder),
            "records": records.model_copy(update={"url": _database_url(records.url, data_dir)}),
            "history": history.model_copy(
                update={
                    "path": data_dir / history.path,
                    "backend": files_below(folder, history.backend),
                }
            ),
            "messages": messages.model_copy(
                update={
                    "webhooks": tuple(files_below(folder, one) for one in messages.webhooks),
                    "channels": {
                        name: files_below(folder, one) for name, one in messages.channels.items()
                    },
                    "links": messages.links and files_below(folder, messages.links),
                }
            ),
            "class_files": below(folder, settings.class_files),
        }
    )


def _database_url(url: str, data_dir: Path) -> str:
    if not url.startswith(_SQLITE):
        return url
    return f"{_SQLITE}{data_dir / url.removeprefix(_SQLITE)}"
