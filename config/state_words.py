"""What people say for the states of a point: by its file, its code list or its class (pure)."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

from config.base import Words
from config.code_lists import list_of_numbers, said_in
from config.coding import DataType
from config.problems import none_of

if TYPE_CHECKING:
    from config.classes import ClassPoint
    from config.point_kinds import PlacedPoint

RAW: Final = "{raw}"
"""Stands for the number in the word of a state that enum does not list, and in what is said."""


def states_of(enum: Mapping[int, str] | None, otherwise: str | None) -> frozenset[str]:
    """Return the states that a point may have; none: it has no words."""
    if not enum:
        return frozenset()
    return frozenset([*enum.values(), *([otherwise] if otherwise else [])])


def wrong_words(words: Mapping[str, Words], states: Collection[str]) -> str:
    """Return what contradicts itself in the words of states; empty when nothing does."""
    if words and not states:
        return "words means nothing without enum; remove it"
    for state, said in words.items():
        if state not in states:
            return f"words: {none_of(state, frozenset(states), 'state')}"
        for language, text in (("en", said.en), ("zh", said.zh)):
            rest = text.replace(RAW, "") if RAW in state else text
            if "{" in rest or "}" in rest:
                where = f"words: {language} of {state!r}"
                return f"{where}: only {RAW} stands for the number, and only where the state has it"
    return ""


def words_of_states(point: "PlacedPoint", canonical: "ClassPoint | None") -> dict[str, Words]:
    """Return what is said for each state of a point that has words somewhere.

    Args:
        point: What its file says comes first, then the code list that its numbers are from.
        canonical: The point of the class; its code list comes last.
    """
    if point.enum is None and point.type is not DataType.STRING:
        return {}
    said = dict(said_in(canonical.words)) if canonical is not None and canonical.words else {}
    if point.enum_from is not None:
        said |= said_in(list_of_numbers(point.enum_from))
    said |= point.state_words or {}
    states = states_of(point.enum, point.otherwise)
    return {state: words for state, words in said.items() if state in states or not states}
