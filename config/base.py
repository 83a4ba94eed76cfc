"""What all configuration models share."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import ip_address
from typing import Annotated, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from config.keyboard import slip


class Conflict(NamedTuple):
    """One thing that is wrong, at a path below the place that was checked."""

    path: tuple[str | int, ...]
    message: str


class ConflictingSettingsError(ValueError):
    """Parts of a file that do not fit each other; keeps all of them, not only the first."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        super().__init__("; ".join(f"{dotted(at)}: {message}" for at, message in conflicts))
        self.conflicts = tuple(conflicts)


def dotted(path: Sequence[str | int]) -> str:
    """Return the path as people write it: ``devices.p1.points``."""
    return ".".join(str(part) for part in path)


class Settings(BaseModel):
    """Closed and frozen: an unknown key is an error, nothing changes after loading.

    What checks a file is built when the first one is checked: a running gateway checks none.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        defer_build=True,
    )


AnySettings = TypeVar("AnySettings", bound=Settings)


def once(make: Callable[[], AnySettings]) -> Callable[[], AnySettings]:
    """Return what gives the settings of an absent key: made when first wanted, then the same."""
    return cache(make)


IDENTIFIER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$"

Identifier = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=IDENTIFIER_PATTERN,
        description="Letters, digits, '_', '-' and '.'; starts with a letter or digit.",
    ),
]


ClockTime = Annotated[
    str,
    Field(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$", description="Local time, HH:MM."),
]


def _host(text: str) -> str:
    what = slip(text)
    if what:
        raise ValueError(f"expected a host name or an address ({what}), got {text!r}")
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        if _NO_HOST.search(text):
            message = "expected a host name or an address, without a port, brackets or a path"
            raise ValueError(f"{message}, got {text!r}") from None
        if _NUMBERS.fullmatch(text):
            message = "expected an address of four numbers from 0 to 255"
            raise ValueError(f"{message}, got {text!r}") from None
    return text


_NO_HOST = re.compile(r"[\s/\[\]@?#]|(?:\.|localhost).*:[0-9]+$")

_NUMBERS = re.compile(r"[0-9.]+")
"""No name ends in a number; resolvers would take 10.1 for 10.0.0.1."""

Host = Annotated[str, Field(min_length=1), AfterValidator(_host)]
"""A host name or an IP address."""


class Words(Settings):
    """A name in the languages of the interface."""

    en: str = Field(min_length=1, max_length=120, description="English.")
    zh: str = Field(min_length=1, max_length=120, description="Chinese, the words that staff use.")
