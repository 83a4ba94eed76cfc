"""The file of what meters want before they obey: one line for each meter, or one for all.

    # METER        LEVEL PASSWORD OPERATOR
    201000000012   02    123456   00000001
    *              04    000000   00000001

A list of words, not YAML, so that leading zeros stay. It is read by nobody but the agent's user.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.errors import ConfigError
from config.private_file import private_text
from protocols.dlt645.commands import Password

_ALL: Final = "*"
_WORDS: Final = {
    "METER": (re.compile(r"[0-9]{12}|\*"), "12 digits, or * for all others"),
    "LEVEL": (re.compile(r"0?[0-9]"), "0..9"),
    "PASSWORD": (re.compile(r"[0-9]{6}"), "six digits"),
    "OPERATOR": (re.compile(r"[0-9A-Fa-f]{8}"), "eight digits 0-9, A-F"),
}


@dataclass(frozen=True, slots=True)
class Authority:
    """What is sent with a command to one meter.

    Attributes:
        password: As set in the meter.
        operator: Code that the meter keeps in its record.
    """

    password: Password
    operator: str


class MeterPasswords:
    """What each meter wants."""

    def __init__(self, known: Mapping[str, Authority]) -> None:
        self._known = known

    def of(self, meter: str) -> Authority | None:
        """Return what a meter wants; None: the file does not say."""
        return self._known.get(meter, self._known.get(_ALL))


def load_meter_passwords(path: Path) -> MeterPasswords:
    """Read the file.

    Raises:
        ConfigError: It is missing, may be read by others, or a line is wrong; the message names
            file and line and repeats no password.
    """
    known: dict[str, Authority] = {}
    for number, line in enumerate(private_text(path).splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        problem = _problem(words)
        if words[0] in known:
            problem = problem or f"{words[0]} is there twice"
        if problem:
            raise ConfigError(f"{path}:{number}: {problem}")
        meter, level, digits, operator = words
        known[meter] = Authority(Password(int(level), digits), operator.upper())
    return MeterPasswords(known)


def _problem(words: list[str]) -> str:
    if len(words) != len(_WORDS):
        return f"expected {' '.join(_WORDS)}, got {len(words)} words"
    for word, (name, (pattern, allowed)) in zip(words, _WORDS.items(), strict=True):
        if not pattern.fullmatch(word):
            return f"{name} is wrong; allowed: {allowed}"
    return ""
