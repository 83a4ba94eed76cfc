"""The rights of gateways in mosquitto's ACL file: one block each, nothing else is touched."""

import re
from typing import Final

from config.base import IDENTIFIER_PATTERN
from server.core.errors import InvalidError

_USER: Final = "user "
_IDENTIFIER: Final = re.compile(IDENTIFIER_PATTERN)
_LONGEST: Final = 64


def user_of(site: str, gateway: str) -> str:
    """Return the name of a gateway at the broker."""
    return f"{site}.{gateway}"


def parse_gateway(text: str) -> tuple[str, str]:
    """Return site and gateway of ``SITE/GATEWAY``.

    Raises:
        InvalidError: It is something else.
    """
    site, _, gateway = text.partition("/")
    for part in (site, gateway):
        if len(part) > _LONGEST or not _IDENTIFIER.fullmatch(part):
            raise InvalidError(
                f"gateway {text!r}: SITE/GATEWAY as in its agent file, as "
                'green-garden/heating-plant: letters, digits, "_", "-" and "."'
            )
    return site, gateway


def block_of(site: str, gateway: str) -> str:
    """Return what a gateway may say and hear, as lines of an ACL file."""
    topics = (
        f"topic write spBv1.0/{site}/+/{gateway}/#",
        f"topic write spBv1.0/{site}/+/{gateway}",
        f"topic read  spBv1.0/{site}/NCMD/{gateway}/#",
        f"topic read  spBv1.0/{site}/DCMD/{gateway}/#",
        "topic read  spBv1.0/STATE/#",
    )
    return "\n".join((_USER + user_of(site, gateway), *topics)) + "\n"


def with_block(text: str, site: str, gateway: str) -> str:
    """Return an ACL file with the block of a gateway, in place of one that was there."""
    kept = without_block(text, user_of(site, gateway)).rstrip("\n")
    return f"{kept}\n\n{block_of(site, gateway)}" if kept else block_of(site, gateway)


def without_block(text: str, user: str) -> str:
    """Return an ACL file without the rights of a user; comments and patterns stay."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        if line.startswith(_USER):
            inside = line.removeprefix(_USER).strip() == user
        if not (inside and line.startswith((_USER, "topic "))):
            kept.append(line)
    return "".join(kept)
