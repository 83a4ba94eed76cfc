"""Which sites are one ingest process's: a stable hash of the site's name, as Prometheus' hashmod.

Nobody keeps a list, so a site that is new belongs to exactly one process at once.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from server.core.errors import InvalidError

MOST: Final = 1000
_FORM: Final = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Number ``number`` of ``count``, from 1."""

    number: int
    count: int

    @property
    def is_whole(self) -> bool:
        """Whether every site is its."""
        return self.count == 1

    def owns(self, site: str) -> bool:
        """Return whether a site is its, by the site's key."""
        return self.is_whole or shard_of(site, self.count) == self

    def owns_key(self, key: str) -> bool:
        """Return whether something is its, by a key that begins with the site's."""
        return self.is_whole or self.owns(key.partition("/")[0])

    def named(self, name: str) -> str:
        """Return a name that no other shard has."""
        return name if self.is_whole else f"{name}-{self.number}"

    def __str__(self) -> str:
        """Return it as it is written on the command line."""
        return f"{self.number}/{self.count}"


WHOLE: Final = Shard(1, 1)


def shard_of(site: str, count: int) -> Shard:
    """Return to which of so many parts a site belongs, by the site's key."""
    digest = sha256(site.encode()).digest()
    return Shard(int.from_bytes(digest[:8]) % count + 1, count)


def parse_shard(text: str) -> Shard:
    """Return the shard that is written as ``k/n``.

    Raises:
        InvalidError: It is something else.
    """
    found = _FORM.fullmatch(text)
    shard = WHOLE if found is None else Shard(int(found[1]), int(found[2]))
    if found is None or not shard.number <= shard.count <= MOST:
        raise InvalidError(
            f"--shard {text!r}: use k/n, as 1/4 for the first of four; 1 to n of n, at most {MOST}"
        )
    return shard
