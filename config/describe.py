"""Prints docs/configuration.md from the models: ``python -m config.describe``."""

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Annotated, Final, Literal, Union, cast, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config.base import IDENTIFIER_PATTERN
from config.classes import EquipmentClass
from config.edge import AgentSettings
from config.people import PeopleFile
from config.plans import EmergencyPlan
from config.profiles import DeviceProfile
from config.schematics import Schematic
from config.server import ServerSettings

_HEAD: Final = """\
# Configuration

Made from the models by `python -m config.describe > docs/configuration.md`; a test keeps it true.
Commented examples of the first three are in `config/examples`. Files are YAML (1.2: `off` is a
word, `false` is false) in UTF-8. A key that is not listed here is refused, and so is a number in
quotes. `plantroom agent check FILE` and `plantroom server check FILE` say what is wrong, and where.
"""

_FILES: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("The agent file", AgentSettings),
    ("The server file", ServerSettings),
    ("A file of people", PeopleFile),
    ("An emergency plan", EmergencyPlan),
    ("A schematic", Schematic),
    ("A device file", DeviceProfile),
    ("An equipment class", EquipmentClass),
)

_PLAIN: Final[dict[object, str]] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true, false",
    Path: "path",
}


def describe() -> str:
    """Return the whole page."""
    seen: set[type[BaseModel]] = set()
    parts = [_HEAD]
    for title, root in _FILES:
        parts.append(f"\n## {title}\n")
        parts.extend(_section(model, root) for model in _reached(root) if model not in seen)
        seen.update(_reached(root))
    return "".join(parts)


def _reached(root: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the model and all below it, in the order in which a reader meets them."""
    found = [root]
    for model in found:
        for field in model.model_fields.values():
            found += [one for one in dict.fromkeys(_models(field.annotation)) if one not in found]
    return found


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _section(model: type[BaseModel], root: type[BaseModel]) -> str:
    about = (model.__doc__ or "").strip()
    heading = "" if model is root else f"\n### {model.__name__}\n"
    lines = [f"{heading}\n{about}\n", "| option | value | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        meaning = _cell(field.description or "")
        value = _cell(_value(field))
        lines.append(f"| `{field.alias or name}` | {value} | {_default(field)} | {meaning} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _value(field: FieldInfo) -> str:
    return _type_words(field.annotation, tuple(field.metadata))


def _type_words(annotation: object, metadata: tuple[object, ...] = ()) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = cast("FieldInfo | None", _field_of(arguments[1:]))
        return _type_words(arguments[0], (*metadata, *(inner.metadata if inner else ())))
    if origin in {Union, UnionType}:
        known = [one for one in arguments if one is not type(None)]
        return " or ".join(dict.fromkeys(_type_words(one, metadata) for one in known))
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in arguments)
    if origin is dict:
        return f"{_type_words(arguments[0])}: {_type_words(arguments[1])}"
    if origin is tuple:
        return f"list of {_type_words(arguments[0])}"
    return _single_words(annotation, metadata)


def _single_words(annotation: object, metadata: tuple[object, ...]) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f"`{one}`" for one in annotation)
    if any(getattr(one, "pattern", None) == IDENTIFIER_PATTERN for one in metadata):
        return "name"
    words = next((words for kind, words in _PLAIN.items() if kind is annotation), "")
    bounds = _bounds(metadata) if annotation in {int, float} else ""
    return f"{words} {bounds}".strip()


def _field_of(arguments: tuple[object, ...]) -> object:
    return next((one for one in arguments if isinstance(one, FieldInfo)), None)


def _bounds(metadata: tuple[object, ...]) -> str:
    low = high = ""
    for one in metadata:
        match one:
            case annotated_types.Ge(ge=bound):
                low = f">= {bound}"
            case annotated_types.Gt(gt=bound):
                low = f"> {bound}"
            case annotated_types.Le(le=bound):
                high = f"<= {bound}"
            case annotated_types.Lt(lt=bound):
                high = f"< {bound}"
            case _:
                pass
    return ", ".join(bound for bound in (low, high) if bound)


def _default(field: FieldInfo) -> str:
    made = field.default_factory is not None
    default = field.default
    if default is PydanticUndefined and not made:
        return "required"
    if default is None or default in ({}, ()):
        return "none"
    if made or isinstance(default, BaseModel):
        return "its defaults"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return ", ".join(f"`{one}`" for one in cast("tuple[object, ...]", default))
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


if __name__ == "__main__":
    sys.stdout.write(describe())
