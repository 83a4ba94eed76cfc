"""Files of secrets with one line for each device: words, not YAML, so that leading zeros stay."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from config.errors import ConfigError
from config.private_file import private_text

Words: TypeAlias = Mapping[str, tuple[re.Pattern[str], str]]
"""Name of each word of a line, in their sequence, to what it may be, and that in words."""


def private_lines(path: Path, words: Words) -> Iterator[tuple[str, ...]]:
    """Yield the words of each line; # begins a remark. The first word is the key of its line.

    Raises:
        ConfigError: It is missing, may be read by others, or a line is wrong; the message names
            file and line and repeats no secret.
    """
    known: set[str] = set()
    for number, line in enumerate(private_text(path).splitlines(), start=1):
        given = line.partition("#")[0].split()
        if not given:
            continue
        problem = _problem(given, words)
        if not problem and given[0] in known:
            problem = f"{given[0]} is there twice"
        if problem:
            raise ConfigError(f"{path}:{number}: {problem}")
        known.add(given[0])
        yield tuple(given)


def _problem(given: list[str], words: Words) -> str:
    if len(given) != len(words):
        return f"expected {' '.join(words)}, got {len(given)} words"
    for word, (name, (pattern, allowed)) in zip(given, words.items(), strict=True):
        if not pattern.fullmatch(word):
            return f"{name} is wrong; allowed: {allowed}"
    return ""
