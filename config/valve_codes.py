"""The file of what moves the valves of CJ/T 188 meters: one line for each meter, or one for all.

    # METER          OPEN CLOSE
    78330011223344   55   99
    *                55   99

What a maker wants behind the code, a password perhaps, is written with it: 5512345678. The file is
read by nobody but the agent's user: whoever has it may move valves.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from config.errors import ConfigError
from config.private_lines import private_lines

_ALL: Final = "*"
_CODE: Final = (re.compile(r"(?:[0-9A-Fa-f]{2}){1,16}"), "1 to 16 bytes, hexadecimal: 55")
_WORDS: Final = {
    "METER": (re.compile(r"[0-9]{14}|\*"), "14 digits, or * for all others"),
    "OPEN": _CODE,
    "CLOSE": _CODE,
}


class ValveCodes(NamedTuple):
    """What is written to move one valve."""

    opens: bytes
    closes: bytes


def load_valve_codes(path: Path) -> Mapping[str, ValveCodes]:
    """Return what each meter wants; ``*`` is all others.

    Raises:
        ConfigError: It is missing, may be read by others, or a line is wrong; the message names
            the file and repeats no code.
    """
    known: dict[str, ValveCodes] = {}
    for meter, opens, closes in private_lines(path, _WORDS):
        known[meter] = ValveCodes(bytes.fromhex(opens), bytes.fromhex(closes))
        if known[meter].opens == known[meter].closes:
            raise ConfigError(f"{path}: {meter}: OPEN and CLOSE are the same")
    return known


def codes_of(known: Mapping[str, ValveCodes], meter: str) -> ValveCodes | None:
    """Return what one meter wants; None: the file does not say."""
    return known.get(meter, known.get(_ALL))
