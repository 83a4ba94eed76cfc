"""A device file as YAML, one point a line."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from config.base import IDENTIFIER_PATTERN
from config.errors import ConfigError
from config.load import checked
from config.profiles import DeviceProfile
from config.source import Document

_PLAIN: Final = re.compile(r"[A-Za-z_\u4e00-\u9fff][\w\u4e00-\u9fff°³]*")
# Words that some YAML reader takes for something else.
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def device_file(head: Mapping[str, Any], points: Mapping[str, Mapping[str, object]]) -> str:
    """Return the text of a device file.

    Args:
        head: profile, maker, model, class, source and confidence; protocol and what it needs.
        points: Point name to its options, as in the file.
    """
    lines = [f"{key}: {flow(value)}" for key, value in head.items()]
    lines.append("points:")
    lines += [f"  {flow(name)}: {flow(point)}" for name, point in points.items()]
    return "\n".join(lines) + "\n"


def flow(value: object) -> str:
    """Return a value in YAML's flow style."""
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return "{" + ", ".join(f"{flow(key)}: {flow(one)}" for key, one in pairs) + "}"
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
            return value
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)


def write_device_file(
    folder: Path,
    head: Mapping[str, Any],
    points: Mapping[str, Mapping[str, object]],
    *,
    force: bool,
) -> Path:
    """Write a device file, checked before it stands under its name; return its path.

    Raises:
        ConfigError: Its name is no identifier, it exists, it is wrong, or cannot be written.
    """
    profile = head["profile"]
    if not re.fullmatch(IDENTIFIER_PATTERN, profile):
        raise ConfigError(f"--profile: expected letters, digits, '_', '-', '.', got {profile!r}")
    path = folder / f"{profile}.yaml"
    if path.exists() and not force:
        raise ConfigError(f"{path}: exists already; --force replaces it")
    fresh = path.with_suffix(".yaml.new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh.write_text(device_file(head, points), "utf-8")
        checked(Document.read(fresh), DeviceProfile)
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        fresh.unlink(missing_ok=True)
    return path
