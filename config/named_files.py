"""Which files a server needs besides what it writes: those that its own file names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from config.server import ServerSettings


def named_files(settings: ServerSettings) -> list[Path]:
    """Return the absolute paths of secrets, keys, certificates and files of folders, each once.

    Args:
        settings: As ``load_server`` returns them.
    """
    found = dict.fromkeys(_files(settings))
    for folder in (settings.class_files, settings.plan_files, settings.schematic_files):
        if folder is None:
            continue
        found |= dict.fromkeys(path for path in sorted(folder.rglob("*")) if path.is_file())
    return list(found)


def _files(value: Any) -> Iterator[Path]:  # noqa: ANN401 (any part of the settings)
    match value:
        case BaseModel():
            parts: list[Any] = [getattr(value, name) for name in type(value).model_fields]
            for name, part in zip(type(value).model_fields, parts, strict=True):
                if name.endswith("_file") and isinstance(part, Path):
                    yield part
        case dict():
            parts = list(value.values())  # pyright: ignore[reportUnknownArgumentType]
        case tuple():
            parts = list(value)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return
    for part in parts:
        yield from _files(part)
