"""Loads what only a server reads; an agent does not pay for these models with its memory."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from config.base import Conflict
from config.classes import EquipmentClass
from config.load import checked, named_like_its_file
from config.paths import below, files_below, mqtt_paths
from config.people import PeopleFile
from config.plan_checks import channel_conflicts, plan_conflicts
from config.plans import EmergencyPlan
from config.problems import none_of
from config.schematics import Schematic, schematic_conflicts
from config.server import ServerSettings
from config.source import Document, folder_files

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


def load_plans(
    settings: ServerSettings, classes: Mapping[str, EquipmentClass]
) -> dict[str, EmergencyPlan]:
    """Load the packaged emergency plans and the server's own, which replace packaged ones.

    Raises:
        ConfigError: A file is wrong, or does not fit the classes or the server's channels.
    """
    sources = _sources("plans", settings.plan_files, option="plan_files")
    channels = frozenset(one.name for one in settings.messages.announced)
    loaded = [_load_plan(source, classes, channels) for source in sources]
    return {one.plan: one for one in loaded}


def load_schematics(
    settings: ServerSettings, classes: Mapping[str, EquipmentClass]
) -> dict[str, Schematic]:
    """Load the packaged schematics and the server's own, which replace packaged ones.

    Raises:
        ConfigError: A file is wrong, or does not fit the classes or the other files.
    """
    sources = _sources("schematics", settings.schematic_files, option="schematic_files")
    loaded = [_load_schematic(source, classes) for source in sources]
    found = {one.schematic: one for one, _ in loaded}
    for one, document in loaded:
        conflicts = [
            Conflict(("replaces", index), none_of(name, found.keys(), "schematic"))
            for index, name in enumerate(one.replaces)
            if name not in found
        ]
        if conflicts:
            raise document.error(conflicts)
    return found


def _load_schematic(
    source: Traversable, classes: Mapping[str, EquipmentClass]
) -> tuple[Schematic, Document]:
    document = Document.read(source)
    schematic = checked(document, Schematic)
    named_like_its_file(document, source, key="schematic", name=schematic.schematic)
    conflicts = list(schematic_conflicts(schematic, classes))
    if conflicts:
        raise document.error(conflicts)
    return schematic, document


def _sources(folder: str, own: Path | None, *, option: str) -> list[Traversable]:
    """Return the packaged files of a folder by name, and then those of one's own."""
    packaged = resources.files("config").joinpath(folder).iterdir()
    sources: list[Traversable] = [one for one in packaged if one.name.endswith(".yaml")]
    sources.sort(key=lambda one: one.name)
    return sources if own is None else [*sources, *folder_files(own, option=option)]


def _load_plan(
    source: Traversable, classes: Mapping[str, EquipmentClass], channels: AbstractSet[str]
) -> EmergencyPlan:
    document = Document.read(source)
    plan = checked(document, EmergencyPlan)
    named_like_its_file(document, source, key="plan", name=plan.plan)
    conflicts = [*plan_conflicts(plan, classes), *channel_conflicts(plan, channels)]
    if conflicts:
        raise document.error(conflicts)
    return plan


def _server_paths(settings: ServerSettings, folder: Path) -> ServerSettings:
    data_dir = folder / settings.data_dir
    records, history, messages = settings.records, settings.history, settings.messages
    return settings.model_copy(
        update={
            "data_dir": data_dir,
            "mqtt": mqtt_paths(settings.mqtt, folder),
            "records": records.model_copy(update={"url": database_url(records.url, data_dir)}),
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
            "login_provider": settings.login_provider
            and files_below(folder, settings.login_provider),
            "class_files": below(folder, settings.class_files),
            "plan_files": below(folder, settings.plan_files),
            "schematic_files": below(folder, settings.schematic_files),
        }
    )


def database_url(url: str, data_dir: Path) -> str:
    """Return the URL of the records with the absolute path of an SQLite file."""
    if not url.startswith(_SQLITE):
        return url
    return f"{_SQLITE}{data_dir / url.removeprefix(_SQLITE)}"
