"""The file of what meters want before they obey: one line for each meter, or one for all.

    # METER        LEVEL PASSWORD OPERATOR
    201000000012   02    123456   00000001
    *              04    000000   00000001

It is read by nobody but the agent's user.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.private_lines import private_lines
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
    return MeterPasswords(
        {
            meter: Authority(Password(int(level), digits), operator.upper())
            for meter, level, digits, operator in private_lines(path, _WORDS)
        }
    )
