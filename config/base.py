"""What all configuration models share."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class Misfit(NamedTuple):
    """One thing that is wrong, at a path below the place that was checked."""

    path: tuple[str | int, ...]
    message: str


class MisfitError(ValueError):
    """Parts of a file that do not fit each other; keeps all of them, not only the first."""

    def __init__(self, misfits: Sequence[Misfit]) -> None:
        super().__init__("; ".join(f"{dotted(at)}: {message}" for at, message in misfits))
        self.misfits = tuple(misfits)


def dotted(path: Sequence[str | int]) -> str:
    """Return the path as people write it: ``devices.p1.points``."""
    return ".".join(str(part) for part in path)


class Settings(BaseModel):
    """Closed and frozen: an unknown key is an error, nothing changes after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


AnySettings = TypeVar("AnySettings", bound=Settings)

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


class Words(Settings):
    """A name in the languages of the interface."""

    en: str = Field(min_length=1, max_length=120, description="English.")
    zh: str = Field(min_length=1, max_length=120, description="Chinese, the words that staff use.")
