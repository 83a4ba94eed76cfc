"""A device file as YAML, one point a line (pure)."""

import json
import re
from collections.abc import Mapping
from typing import Final, cast

_PLAIN: Final = re.compile(r"[A-Za-z_\u4e00-\u9fff][\w\u4e00-\u9fff°³]*")
# Words that some YAML reader takes for something else.
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def device_file(head: Mapping[str, str], points: Mapping[str, Mapping[str, object]]) -> str:
    """Return the text of a device file.

    Args:
        head: profile, maker, model, class, source and confidence.
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
