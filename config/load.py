"""Loads agent, class and device files; a wrong one is refused with all its problems and lines."""

from collections.abc import Iterable
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePath

from pydantic import ValidationError

from config.base import AnySettings, Misfit, MisfitError
from config.classes import EquipmentClass
from config.edge import AgentSettings
from config.paths import below, mqtt_paths
from config.problems import explain
from config.profiles import DeviceProfile
from config.resolve import Gateway, resolve
from config.source import Document, folder_files


def load_agent(path: Path, *, state_dir: Path | None = None) -> Gateway:
    """Load an agent file with the device files and classes that it names.

    Args:
        path: The agent file.
        state_dir: Where the journal is when the file does not say; default: beside the file.

    Raises:
        ConfigError: A file is wrong; the message lists all of its problems.
    """
    document = Document.read(path)
    said = checked(document, AgentSettings)
    settings = _agent_paths(said, path.absolute().parent, state_dir)
    try:
        return resolve(
            settings,
            classes=load_classes(settings.class_files, skip=path),
            profiles=load_profiles(settings.device_files, skip=path),
        )
    except MisfitError as error:
        raise document.complaint(error.misfits) from None


def load_classes(
    extra: Path | None = None, *, skip: Path | None = None
) -> dict[str, EquipmentClass]:
    """Load the packaged equipment classes and those of a folder, which replace packaged ones.

    ``skip``: no class file though it is in the folder, such as the agent file itself.

    Raises:
        ConfigError: A file is wrong.
    """
    classes = dict(_packaged_classes())
    for source in _files_of(extra, skip):
        loaded = _load_class(source)
        classes[loaded.equipment_class] = loaded
    return classes


def load_profiles(
    extra: Path | None = None, *, skip: Path | None = None
) -> dict[str, DeviceProfile]:
    """Load the packaged device files and those of a folder, which replace packaged ones.

    ``skip``: no device file though it is in the folder, such as the agent file itself.

    Raises:
        ConfigError: A file is wrong.
    """
    profiles = dict(_packaged_profiles())
    for source in _files_of(extra, skip):
        loaded = _load_profile(source)
        profiles[loaded.profile] = loaded
    return profiles


def load_profile(path: Path) -> DeviceProfile:
    """Load one device file, whatever else is in its folder.

    Raises:
        ConfigError: It is wrong.
    """
    return _load_profile(path)


def checked(document: Document, model: type[AnySettings]) -> AnySettings:
    """Return the document as settings.

    Types are checked strictly: a number in quotes, or a word for true, is a mistake worth telling.

    Raises:
        ConfigError: Lists every problem with its line.
    """
    try:
        return model.model_validate_json(document.json, strict=True)
    except ValidationError as error:
        raise document.complaint(explain(error, model, document.data)) from None


@cache
def _packaged_classes() -> dict[str, EquipmentClass]:
    loaded = [_load_class(source) for source in _packaged("classes")]
    return {one.equipment_class: one for one in loaded}


@cache
def _packaged_profiles() -> dict[str, DeviceProfile]:
    loaded = [_load_profile(source) for source in _packaged("devices")]
    return {one.profile: one for one in loaded}


def _files_of(folder: Path | None, skip: Path | None) -> list[Path]:
    if folder is None:
        return []
    left_out = None if skip is None else skip.resolve()
    return [path for path in folder_files(folder) if path.resolve() != left_out]


def _packaged(folder: str) -> Iterable[Traversable]:
    sources = resources.files("config").joinpath(folder).iterdir()
    return sorted((one for one in sources if one.name.endswith(".yaml")), key=lambda one: one.name)


def _load_class(source: Traversable) -> EquipmentClass:
    document = Document.read(source)
    loaded = checked(document, EquipmentClass)
    _named_like_its_file(document, source, key="class", name=loaded.equipment_class)
    return loaded


def _load_profile(source: Traversable) -> DeviceProfile:
    document = Document.read(source)
    loaded = checked(document, DeviceProfile)
    _named_like_its_file(document, source, key="profile", name=loaded.profile)
    return loaded


def _named_like_its_file(document: Document, source: Traversable, *, key: str, name: str) -> None:
    stem = PurePath(source.name).stem
    if stem != name:
        raise document.complaint(
            [Misfit((key,), f"expected the file's name {stem!r}, got {name!r}")]
        )


def _agent_paths(settings: AgentSettings, folder: Path, state_dir: Path | None) -> AgentSettings:
    journal = settings.journal
    kept_in = folder if state_dir is None or "path" in journal.model_fields_set else state_dir
    return settings.model_copy(
        update={
            "mqtt": mqtt_paths(settings.mqtt, folder),
            "journal": journal.model_copy(update={"path": kept_in / journal.path}),
            "device_files": below(folder, settings.device_files),
            "class_files": below(folder, settings.class_files),
        }
    )
