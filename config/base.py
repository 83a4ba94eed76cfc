"""What all configuration models share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Closed and frozen: an unknown key is an error, nothing changes after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


Identifier = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$",
        description="Letters, digits, '_', '-' and '.'; starts with a letter or digit.",
    ),
]


class Words(Settings):
    """A name in the languages of the interface."""

    en: str = Field(min_length=1, max_length=120, description="English.")
    zh: str = Field(min_length=1, max_length=120, description="Chinese, the words that staff use.")
