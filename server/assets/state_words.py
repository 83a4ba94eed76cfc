"""What people say for the states of a point, as its birth says it, and how rows keep it."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

from protocols.reading import Value

_RAW: Final = "{raw}"
"""Stands for a number in a state and in what is said for it: 'other ({raw})'."""
_NUMBER: Final = r"(-?\d+)"


class StateWord(NamedTuple):
    """A state, and what people say for it."""

    state: str
    en: str
    zh: str


StateWords: TypeAlias = tuple[StateWord, ...]
"""Of one point; points of the same device file share them."""


@lru_cache(maxsize=4096)
def shared(words: StateWords) -> StateWords:
    """Return the same object for the same words: a thousand pumps of a kind say them alike."""
    return words


def word_of(value: Value, words: Iterable[StateWord]) -> StateWord | None:
    """Return what is said for a value; None where it is no state that has words."""
    if not isinstance(value, str):
        return None
    patterned: list[StateWord] = []
    for word in words:
        if word.state == value:
            return word
        if _RAW in word.state:
            patterned.append(word)
    for state, en, zh in patterned:
        found = re.fullmatch(re.escape(state).replace(re.escape(_RAW), _NUMBER, 1), value)
        if found:
            return StateWord(value, en.replace(_RAW, found[1]), zh.replace(_RAW, found[1]))
    return None


def said_of(name: str, value: Value, words: Iterable[StateWord]) -> dict[str, str]:
    """Return ``name_en`` and ``name_zh`` with what is said for a value; empty: nothing is."""
    word = word_of(value, words)
    return {f"{name}_en": word.en if word else "", f"{name}_zh": word.zh if word else ""}


class StateWordsText(TypeDecorator[StateWords]):
    """Words of states as text: a JSON list, or nothing."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: StateWords | None, dialect: Dialect) -> str:
        """Return what is stored."""
        del dialect
        return json.dumps(value, ensure_ascii=False) if value else ""

    def process_result_value(self, value: str | None, dialect: Dialect) -> StateWords:
        """Return what was stored."""
        del dialect
        return _parsed(value) if value else ()


@lru_cache(maxsize=4096)
def _parsed(text: str) -> StateWords:
    return shared(tuple(StateWord(*word) for word in json.loads(text)))
