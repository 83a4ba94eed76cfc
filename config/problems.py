"""Translates what pydantic found into the words of the person who wrote the file."""

import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from config.base import IDENTIFIER_PATTERN, Conflict, ConflictingSettingsError
from config.keyboard import slip

_MAX_SHOWN: Final = 60

_BEYOND: Final = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})
_PLAIN_VALUE: Final = re.compile(r"[-+]?[0-9.]+|true|false")

_EXPECTED: Final = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "text",
    "enum": "one of: {expected}",
    "literal_error": "one of: {expected}",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "dict_type": "keys and values",
    "tuple_type": "a list",
    "list_type": "a list",
    "finite_number": "a finite number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "string_too_short": "text of {min_length} or more characters",
    "string_too_long": "text of {max_length} or fewer characters",
    "too_short": "{min_length} or more entries",
    "too_long": "{max_length} or fewer entries",
}
"""What was expected, by pydantic's error type; filled from the error's context."""


def explain(error: ValidationError, model: type[BaseModel], data: object) -> list[Conflict]:
    """Return every problem of ``data`` in plain words, with the path that the file has."""
    conflicts: dict[tuple[str | int, ...], list[str]] = {}
    misspelt: set[tuple[str | int, ...]] = set()
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "too_short" and _has_wrong_parts(detail, details):
            continue  # they were not counted
        for path, message in _conflicts(detail, model, data):
            meant = re.match(r"unknown key; did you mean '(.*?)'", message)
            if meant:
                misspelt.add((*path[:-1], meant[1]))
            messages = conflicts.setdefault(path, [])
            if message not in messages:
                messages.append(message)
    # A key that is only misspelt is not missing as well.
    return [
        Conflict(path, _joined(messages))
        for path, messages in conflicts.items()
        if path not in misspelt or not messages[0].startswith("this key is required")
    ]


def _has_wrong_parts(whole: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    at = whole["loc"]
    return any(one["loc"][: len(at)] == at and one["loc"] != at for one in details)


def suggestion(word: str, known: list[str]) -> str:
    """Return ``; did you mean 'x'?`` when a known word is close, else a full stop."""
    from difflib import get_close_matches  # noqa: PLC0415 (no gateway that runs has mistakes)

    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else "."


def none_of(name: str, known: Mapping[str, object] | AbstractSet[str], word: str) -> str:
    """Return what is wrong with a name that is not there, and which there are."""
    names = sorted(known)
    hint = suggestion(name, names)
    return f"no {word} {name!r}{hint} There are: {', '.join(names) or 'none'}"


def shown(value: object) -> str:
    """Return a value as the file has it, short, without a password."""
    if isinstance(value, Mapping) and value:
        return "keys and values"
    text = json.dumps(value, ensure_ascii=False)
    text = re.sub(r"(://[^:/@\s]*:)[^@\s]*@", r"\1***@", text)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."


def _joined(messages: list[str]) -> str:
    """Alternatives of a union complain each: 'expected a or b, got c'."""
    parts = [re.fullmatch(r"expected (.*), got (.*)", message) for message in messages]
    if len(messages) > 1 and all(parts):
        found = [part for part in parts if part]
        wanted = dict.fromkeys(part[1] for part in found)
        return f"expected {' or '.join(wanted)}, got {found[0][2]}"
    return "; ".join(messages)


def _conflicts(detail: ErrorDetails, model: type[BaseModel], data: object) -> list[Conflict]:
    path, owner, field = _locate(detail["loc"], model, data)
    context = detail.get("ctx", {})
    inner = context.get("error")
    if isinstance(inner, ConflictingSettingsError):
        return [Conflict((*path, *below), message) for below, message in inner.conflicts]
    if detail["loc"][-1:] == ("[key]",):
        message = _expectation(detail, field).replace("expected", "the key must be", 1)
        return [Conflict(path, message)]
    return [_conflict(detail, path=path, owner=owner, field=field)]


def _conflict(
    detail: ErrorDetails,
    *,
    path: tuple[str | int, ...],
    owner: object,
    field: FieldInfo | None,
) -> Conflict:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return Conflict(path, _unknown_key(str(path[-1]), owner))
        case "missing":
            about = f" ({_about(field)})" if _about(field) else ""
            return Conflict(path, f"this key is required{about}")
        case "union_tag_not_found":
            allowed = ", ".join(_tags(owner, field))
            return Conflict((*path, "kind"), f"this key is required; allowed: {allowed}")
        case "union_tag_invalid":
            message = f"expected one of: {context['expected_tags']}, got {shown(context['tag'])}"
            return Conflict((*path, "kind"), message)
        case "value_error":
            return Conflict(path, str(context["error"]))
        case _:
            return Conflict(path, _expectation(detail, field))


def _expectation(detail: ErrorDetails, field: FieldInfo | None) -> str:
    context, value, kind = detail.get("ctx", {}), detail["input"], detail["type"]
    if value is None:
        return "nothing is written here; remove the key or give it a value"
    if kind == "string_pattern_mismatch":
        words = "letters, digits, '_', '-', '.', first a letter or digit"
        if context.get("pattern") != IDENTIFIER_PATTERN:
            words = _about(field) or str(context.get("pattern"))
        what = slip(str(value))
        hint = f" ({what})" if what else ""
        return f"expected {words}{hint}, got {shown(value)}"
    expected = _range(field) if kind in _BEYOND else None
    expected = expected or _EXPECTED.get(kind)
    if expected is None:
        return f"{detail['msg']}, got {shown(value)}"
    hint = ""
    if kind in {"string_type", "path_type"} and isinstance(value, int | float):
        hint = " (put it in quotes)"
    if kind in {"int_type", "float_type", "bool_type"} and isinstance(value, str):
        hint = " (without quotes)" if _PLAIN_VALUE.fullmatch(value) else ""
    if isinstance(value, str) and (what := slip(value)):
        hint = f" ({what})"
    bounds = {key: _plain(bound) for key, bound in context.items()}
    about = f" ({_about(field)})" if kind in _BEYOND and _about(field) else ""
    return f"expected {expected.format(**bounds)}{hint}, got {shown(value)}{about}"


def _about(field: FieldInfo | None) -> str:
    return (field.description or "").rstrip(".") if field else ""


def _range(field: FieldInfo | None) -> str:
    """Return both ends of what a number may be; nothing where it has only one."""
    low = high = ""
    for one in field.metadata if field else ():
        match one:
            case Ge(ge=bound):
                low = f"{_plain(bound)} to "
            case Gt(gt=bound):
                low = f"more than {_plain(bound)}, at most "
            case Le(le=bound):
                high = f"{_plain(bound)}"
            case Lt(lt=bound):
                high = f"{_plain(bound)}, that not included"
            case _:
                pass
    return low + high if low and high else ""


def _plain(bound: object) -> object:
    return f"{bound:g}" if isinstance(bound, float) else bound


def _unknown_key(key: str, owner: object) -> str:
    known = sorted(_fields(owner)) if _is_model(owner) else []
    if what := slip(key):
        return f"unknown key ({what}). Known keys: {', '.join(known)}"
    return f"unknown key{suggestion(key, known)} Known keys: {', '.join(known)}"


def _locate(
    loc: tuple[str | int, ...], model: type[BaseModel], data: object
) -> tuple[tuple[str | int, ...], object, FieldInfo | None]:
    """Follow pydantic's location through the data and the types.

    pydantic puts the tag of a tagged union and the names of union members into the location; the
    file has none of them, so they are left out of the path and used to choose the type.

    Returns:
        The path as the file has it, the type that owns its last part, and that part's field.
    """
    path: list[str | int] = []
    kind: object = model
    owner: object = model
    field: FieldInfo | None = None
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        member = _member(kind, part)
        if member is not None:
            kind, owner = member, member
            continue
        if len(_alternatives(kind)) == 1:
            # A section that may be absent.
            kind = _alternatives(kind)[0]
        owner = kind
        field = _fields(kind).get(str(part)) if _is_model(kind) else field
        kind = _below(kind, part)
        if not _has(data, part) and not (last and _is_model(owner)):
            break
        path.append(part)
        data = _get(data, part)
    return tuple(path), owner, field


def _has(data: object, part: str | int) -> bool:
    if isinstance(data, Mapping):
        return any(str(key) == str(part) for key in cast("Mapping[object, object]", data))
    return isinstance(data, list) and isinstance(part, int)


def _get(data: object, part: str | int) -> object:
    if isinstance(data, Mapping):
        items = cast("Mapping[object, object]", data).items()
        return next((value for key, value in items if str(key) == str(part)), None)
    if isinstance(data, list) and isinstance(part, int):
        return cast("list[object]", data)[part]
    return None


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _fields(kind: object) -> dict[str, FieldInfo]:
    fields = cast("type[BaseModel]", kind).model_fields
    return {field.alias or name: field for name, field in fields.items()}


def _alternatives(kind: object) -> list[object]:
    """Return the members of a union; otherwise the type itself."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in {Union, UnionType}:
        return [
            one for arg in get_args(kind) for one in _alternatives(arg) if arg is not type(None)
        ]
    return [kind]


def _tag(kind: object) -> str:
    if not _is_model(kind):
        return ""
    if tag := getattr(kind, "TAG", ""):
        return str(tag)
    field = _fields(kind).get("kind")
    return str(get_args(field.annotation)[0]) if field and _is_literal(field) else ""


def _is_literal(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Literal


def _tags(owner: object, field: FieldInfo | None) -> list[str]:
    annotation: Any = field.annotation if field else owner
    candidates = _alternatives(annotation)
    if (origin := get_origin(annotation)) in {dict, tuple}:
        candidates = _alternatives(get_args(annotation)[origin is dict])
    return sorted(tag for tag in map(_tag, candidates) if tag)


def _member(kind: object, part: str | int) -> object:
    members = _alternatives(kind)
    return next((one for one in members if len(members) > 1 and _tag(one) == part), None)


def _below(kind: object, part: str | int) -> object:
    for one in _alternatives(kind):
        if _is_model(one):
            field = _fields(one).get(str(part))
            if field is not None:
                return field.annotation
        elif get_origin(one) is dict:
            return get_args(one)[1]
        elif get_origin(one) is tuple:
            return get_args(one)[0]
    return None
