"""The secrets of a line of readers: keys of secure channels, and the salt of hashed card numbers.

# ADDRESS KEY
1         8f0e5a7fc1b44f6b9c3a1d2e4f506172
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from config.errors import ConfigError
from config.osdp import OsdpOptions
from config.private_file import private_text
from protocols.osdp.cards import CardMask

_KEY: Final = re.compile(r"[0-9A-Fa-f]{32}")
_ADDRESS: Final = re.compile(r"[0-9]{1,3}")
_HIGHEST: Final = 126
_WORDS: Final = 2
_SHORTEST_SALT: Final = 16

OF_DELIVERY: Final = bytes(range(0x30, 0x40))
"""SCBK-D, the key that each reader is delivered with."""


def load_reader_keys(path: Path) -> dict[int, bytes]:
    """Read the keys of readers.

    Raises:
        ConfigError: It is missing, may be read by others, or a line is wrong; the message names
            file and line and repeats no key.
    """
    keys: dict[int, bytes] = {}
    for number, line in enumerate(private_text(path).splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        problem = _problem(words, keys)
        if problem:
            raise ConfigError(f"{path}:{number}: {problem}")
        keys[int(words[0])] = bytes.fromhex(words[1])
    return keys


def _problem(words: list[str], known: Mapping[int, bytes]) -> str:
    if len(words) != _WORDS:
        return f"expected ADDRESS KEY, got {len(words)} words"
    address, key = words
    if not _ADDRESS.fullmatch(address) or int(address) > _HIGHEST:
        return f"ADDRESS is wrong; allowed: 0..{_HIGHEST}"
    if int(address) in known:
        return f"address {int(address)} is there twice"
    if not _KEY.fullmatch(key):
        return "KEY is wrong; allowed: 32 digits 0-9, A-F"
    if bytes.fromhex(key) == OF_DELIVERY:
        return (
            "KEY is the key of delivery (SCBK-D), which everybody knows; write a key of your own "
            "here, and install_mode: true at the reader gives it to it"
        )
    return ""


def keys_of(port: OsdpOptions) -> dict[int, bytes | None]:
    """Return the key of each reader of a line; None: it is spoken to in plain text.

    Raises:
        ConfigError: The file is wrong, or has none for a reader.
    """
    path = port.key_file
    known = load_reader_keys(path) if path is not None else {}
    secure = {address for address, one in port.readers.items() if one.secure_channel}
    missing = sorted(secure - known.keys())
    if missing:
        listed = ", ".join(map(str, missing))
        raise ConfigError(f"{path or 'key_file'} has no line for reader {listed}")
    return {address: known[address] if address in secure else None for address in port.readers}


def salt_of(port: OsdpOptions) -> bytes:
    """Return the salt of hashed card numbers; empty where they are not hashed.

    Raises:
        ConfigError: The file is missing, may be read by others, or is too short.
    """
    if port.card_mask is not CardMask.HASH:
        return b""
    if port.salt_file is None:
        raise ConfigError("card_mask: hash needs a salt_file")
    salt = private_text(port.salt_file).strip().encode()
    if len(salt) < _SHORTEST_SALT:
        raise ConfigError(
            f"{port.salt_file} has {len(salt)} characters; a secret has at least {_SHORTEST_SALT}"
        )
    return salt
