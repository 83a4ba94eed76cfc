"""Loads agent, class and device files; a wrong one is refused with all its problems and lines."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePath

from pydantic import ValidationError

from config.base import AnySettings, Conflict, ConflictingSettingsError
from config.classes import EquipmentClass
from config.edge import AgentSettings
from config.gateway import Gateway
from config.paths import below, mqtt_paths, port_paths
from config.problems import explain
from config.profiles import DeviceProfile
from config.resolve import resolve
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
    unresolved = checked(document, AgentSettings)
    settings = _agent_paths(unresolved, path.absolute().parent, state_dir)
    try:
        return resolve(
            settings,
            classes=_classes(settings.class_files, skip=path),
            profiles=_profiles(settings.device_files, skip=path),
        )
    except ConflictingSettingsError as error:
        raise document.error(error.conflicts) from None


def load_classes(
    extra: Path | None = None, *, skip: Path | None = None
) -> dict[str, EquipmentClass]:
    """Load the packaged equipment classes and those of a folder, which replace packaged ones.

    ``skip``: no class file though it is in the folder, such as the agent file itself.

    Raises:
        ConfigError: A file is wrong.
    """
    return dict(_classes(extra, skip=skip))


def load_profiles(
    extra: Path | None = None, *, skip: Path | None = None
) -> dict[str, DeviceProfile]:
    """Load the packaged device files and those of a folder, which replace packaged ones.

    ``skip``: no device file though it is in the folder, such as the agent file itself.

    Raises:
        ConfigError: A file is wrong.
    """
    return dict(_profiles(extra, skip=skip))


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
        raise document.error(explain(error, model, document.data)) from None


class _Files(Mapping[str, AnySettings]):
    """Files by what they describe; packaged ones are read when they are asked for.

    A gateway has many packaged files and uses few: it keeps only those in memory.

    Args:
        own: Those of a folder of yours; they replace packaged ones.
        packaged: Packaged files by name.
        read: Reads a packaged one.
    """

    def __init__(
        self,
        own: Mapping[str, AnySettings],
        packaged: Mapping[str, Traversable],
        read: Callable[[Traversable], AnySettings],
    ) -> None:
        self._own = own
        self._packaged = packaged
        self._read = read

    def __getitem__(self, name: str) -> AnySettings:
        return self._own[name] if name in self._own else self._read(self._packaged[name])

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._packaged

    def __iter__(self) -> Iterator[str]:
        return iter({**self._packaged, **self._own})

    def __len__(self) -> int:
        return len(self._packaged.keys() | self._own.keys())


def _classes(folder: Path | None, *, skip: Path | None) -> Mapping[str, EquipmentClass]:
    own = [_load_class(source) for source in _files_of(folder, skip, "class_files")]
    return _Files({one.equipment_class: one for one in own}, _packaged("classes"), _packaged_class)


def _profiles(folder: Path | None, *, skip: Path | None) -> Mapping[str, DeviceProfile]:
    own = [_load_profile(source) for source in _files_of(folder, skip, "device_files")]
    return _Files({one.profile: one for one in own}, _packaged("devices"), _packaged_profile)


@cache
def _packaged_class(source: Traversable) -> EquipmentClass:
    return _load_class(source)


@cache
def _packaged_profile(source: Traversable) -> DeviceProfile:
    return _load_profile(source)


def _files_of(folder: Path | None, skip: Path | None, option: str) -> list[Path]:
    if folder is None:
        return []
    left_out = None if skip is None else skip.resolve()
    return [path for path in folder_files(folder, option=option) if path.resolve() != left_out]


def _packaged(folder: str) -> dict[str, Traversable]:
    """Return packaged files by the name of what they describe, which is the file's."""
    sources = resources.files("config").joinpath(folder).iterdir()
    found = {PurePath(one.name).stem: one for one in sources if one.name.endswith(".yaml")}
    return dict(sorted(found.items()))


def _load_class(source: Traversable) -> EquipmentClass:
    document = Document.read(source)
    loaded = checked(document, EquipmentClass)
    named_like_its_file(document, source, key="class", name=loaded.equipment_class)
    return loaded


def _load_profile(source: Traversable) -> DeviceProfile:
    document = Document.read(source)
    loaded = checked(document, DeviceProfile)
    named_like_its_file(document, source, key="profile", name=loaded.profile)
    return loaded


def named_like_its_file(document: Document, source: Traversable, *, key: str, name: str) -> None:
    """Refuse a file whose name is not that of what it describes.

    Raises:
        ConfigError: It is named otherwise.
    """
    stem = PurePath(source.name).stem
    if stem != name:
        raise document.error([Conflict((key,), f"expected the file's name {stem!r}, got {name!r}")])


def _agent_paths(settings: AgentSettings, folder: Path, state_dir: Path | None) -> AgentSettings:
    journal = settings.journal
    kept_in = folder if state_dir is None or "path" in journal.model_fields_set else state_dir
    return settings.model_copy(
        update={
            "mqtt": mqtt_paths(settings.mqtt, folder),
            "ports": {name: port_paths(port, folder) for name, port in settings.ports.items()},
            "journal": journal.model_copy(update={"path": kept_in / journal.path}),
            "device_files": below(folder, settings.device_files),
            "class_files": below(folder, settings.class_files),
        }
    )
