"""Neutral words of states, and the numbers that makers and regions use for them, as data."""

from functools import cache
from importlib import resources
from typing import Self

from pydantic import Field, model_validator

from config.base import Conflict, ConflictingSettingsError, Identifier, Settings, Words
from config.problems import suggestion


class Numbers(Settings):
    """What one maker or region writes for the words of a list."""

    source: str = Field(min_length=1, description="Where the numbers were published.")
    confidence: str = Field(min_length=1, description="How far the source can be trusted.")
    codes: dict[int, Identifier] = Field(min_length=1, description="Number to word of the list.")


class CodeList(Settings):
    """Words that a state has, whatever number its maker gives it."""

    code_list: Identifier = Field(alias="list", description="Id; the file's name.")
    name: Words = Field(description="Name that people use.")
    words: dict[Identifier, Words] = Field(min_length=1, description="Word to what people say.")
    reported_only: list[Identifier] = Field(
        default=[], description="Words that equipment reports and nobody can tell it to take."
    )
    numbers: dict[Identifier, Numbers] = Field(
        default={}, description="Maker or region to its numbers."
    )

    @model_validator(mode="after")
    def _known_words(self) -> Self:
        conflicts = [
            Conflict(("numbers", name, "codes", number), f"no word {word!r} in {self.code_list}")
            for name, numbers in self.numbers.items()
            for number, word in numbers.codes.items()
            if word not in self.words
        ] + [
            Conflict(("reported_only", index), f"no word {word!r} in {self.code_list}")
            for index, word in enumerate(self.reported_only)
            if word not in self.words
        ]
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self


@cache
def load_code_lists() -> dict[str, CodeList]:
    """Return the packaged lists by their ids."""
    # What reads files is not in the memory of a gateway that runs.
    from config.source import Document  # noqa: PLC0415

    found = resources.files("config").joinpath("code_lists").iterdir()
    files = sorted((one for one in found if one.name.endswith(".yaml")), key=lambda file: file.name)
    lists = [CodeList.model_validate_json(Document.read(file).json, strict=True) for file in files]
    return {one.code_list: one for one in lists}


def words_of_list(name: str) -> frozenset[str]:
    """Return the words of a list.

    Raises:
        ValueError: There is no such list; says which there are.
    """
    return frozenset(said_in(name))


def said_in(name: str) -> dict[str, Words]:
    """Return what people say for each word of a list.

    Raises:
        ValueError: There is no such list; says which there are.
    """
    lists = load_code_lists()
    if name not in lists:
        raise ValueError(_unknown("code list", name, list(lists)))
    return lists[name].words


def list_of_numbers(name: str) -> str:
    """Return the list that ``LIST.NUMBERS`` names numbers of."""
    return name.partition(".")[0]


def codes_of(name: str) -> dict[int, str]:
    """Return number to word of ``LIST.NUMBERS``, as ``elevator_fault.platform_b``.

    Raises:
        ValueError: There is no such list, or it has no such numbers; says which there are.
    """
    known = {
        f"{list_name}.{numbers_name}": numbers.codes
        for list_name, one in load_code_lists().items()
        for numbers_name, numbers in one.numbers.items()
    }
    if name not in known:
        raise ValueError(_unknown("numbers of a code list", name, list(known)))
    return known[name]


def _unknown(what: str, name: str, known: list[str]) -> str:
    return f"no {what} {name!r}{suggestion(name, known)} There are: {', '.join(known)}"
