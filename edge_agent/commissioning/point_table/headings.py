"""What one heading means: its possible roles, its qualifiers, and what is left over (pure)."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from edge_agent.commissioning.point_table.qualifiers import (
    TABLES,
    USED_BY,
    Qualifier,
    qualifier_words,
    sign,
)
from edge_agent.commissioning.point_table.roles import FILLERS, Meaning, Role, meanings
from edge_agent.commissioning.point_table.text import atoms, folded

_MEANINGS: Final = meanings()
_QUALIFIERS: Final = qualifier_words()
_FILLERS: Final = frozenset(word.strip() for word in FILLERS.split(","))
_LONGEST: Final = 8
_ALIKE: Final = 0.75
_BRACKETS: Final = re.compile(r"[(\[【<{〔]([^()\[\]【】<>{}〔〕]*)[)\]】>}〕]")
_AREAS: Final = re.compile(r"区|area|zone|block")
_FUNCTIONS: Final = re.compile(r"功能|function|func|funktion|\bfc\b|\d")


class Heading(NamedTuple):
    """A heading as far as its words are understood.

    Args:
        text: As the file has it, on one line.
        meanings: Possible roles.
        qualifiers: How its cells are meant.
        unknown: Brackets that mean nothing here.
        rest: Words outside brackets that mean nothing here, or contradict each other.
    """

    text: str
    meanings: tuple[Meaning, ...]
    qualifiers: frozenset[Qualifier]
    unknown: tuple[str, ...]
    rest: str

    @property
    def roles(self) -> dict[Role, int]:
        """Possible roles and their weights."""
        return {one.role: one.weight for one in self.meanings}


class _Words(NamedTuple):
    """A run of words, cut into what is known."""

    roles: list[list[Meaning]]
    vague: list[list[Meaning]]
    qualifiers: set[Qualifier]
    rest: list[str]


def read_heading(text: str) -> Heading:
    """Return what a heading means."""
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    main = _cut(_BRACKETS.sub(" ", plain))
    meant = main.roles or main.vague
    qualifiers, unknown = main.qualifiers, list[str]()
    for bracket in _BRACKETS.findall(plain):
        one = sign(folded(bracket))
        words = _cut(bracket)
        if one is not None:
            qualifiers.add(one)
        elif words.rest or not (words.qualifiers or words.roles or words.vague):
            unknown.append(bracket)
        elif words.qualifiers or folded(bracket) in _QUALIFIERS:
            qualifiers |= words.qualifiers | (
                {_QUALIFIERS[folded(bracket)]} if folded(bracket) in _QUALIFIERS else set()
            )
        elif meant and _common([*meant, *words.roles]):
            meant = [*meant, *words.roles]
        elif not meant:
            meant = words.roles
        else:
            unknown.append(bracket)
    common = _common(meant)
    rest = " ".join(main.rest)
    if meant and not common:
        rest = plain
        common = [meaning for one in meant for meaning in one]
    if any(one.role is Role.TABLE for one in common):
        qualifiers |= {Qualifier.ZONE} if _AREAS.search(folded(plain)) else set()
        qualifiers |= {Qualifier.FUNCTION} if _FUNCTIONS.search(folded(plain)) else set()
    if not common and qualifiers & TABLES and not rest:
        # "Holding register" alone heads its addresses.
        common = [Meaning(Role.ADDRESS, 1)]
    return Heading(plain, tuple(common), frozenset(qualifiers), tuple(unknown), rest)


def qualifiers_in(text: str) -> set[Qualifier]:
    """Return the qualifiers in a sentence, such as a title or a remark below the table."""
    words, found = atoms(text), set[Qualifier]()
    for start in range(len(words)):
        for end in range(start + 1, min(len(words), start + _LONGEST) + 1):
            word = "".join(words[start:end])
            # "h", "d" and "min" say too little inside a sentence.
            if word in _QUALIFIERS and (len(word) > 3 or not word.isascii()):  # noqa: PLR2004
                found.add(_QUALIFIERS[word])
    return found


def nearest(text: str) -> str:
    """Return ``; did you mean '...'?`` for a heading that is nearly known."""
    close = _close(text)
    return f" (did you mean {close!r}?)" if close else ""


def nearest_role(text: str) -> Role | None:
    """Return the role of a heading that is nearly known."""
    close = _close(text)
    return max(_MEANINGS[close], key=lambda one: one.weight).role if close else None


def _close(text: str) -> str:
    found = get_close_matches("".join(atoms(text)), list(_MEANINGS), n=1, cutoff=_ALIKE)
    return found[0] if found else ""


def _common(meant: Sequence[Sequence[Meaning]]) -> list[Meaning]:
    """Return the roles that all parts of a heading allow, each with its greatest weight."""
    if not meant:
        return []
    shared = set[Role].intersection(*({one.role for one in part} for part in meant))
    weights: dict[Role, int] = {}
    for part in meant:
        for role, weight in part:
            if role in shared:
                weights[role] = max(weight, weights.get(role, 0))
    return [Meaning(role, weight) for role, weight in weights.items()]


def _cut(text: str) -> _Words:
    """Cut a heading into known words, so that most of it is covered by the fewest words."""
    words = atoms(text)
    found = _Words([], [], set(), [])
    both = list[str]()
    start = 0
    for end in _ends(words):
        word = "".join(words[start:end])
        start = end
        if word in _FILLERS:
            if word in _MEANINGS:
                found.vague.append(_MEANINGS[word])
        elif word in _MEANINGS and word in _QUALIFIERS:
            both.append(word)
        elif word in _MEANINGS:
            found.roles.append(_MEANINGS[word])
        elif word in _QUALIFIERS:
            found.qualifiers.add(_QUALIFIERS[word])
        else:
            found.rest.append(word)
    # "Decimal" beside "address" is its base; alone it is a column of its own.
    alone = not found.roles
    for word in both:
        qualifier = _QUALIFIERS[word]
        if alone:
            found.roles.append(_MEANINGS[word])
        if not alone or any(qualifier in USED_BY.get(one.role, ()) for one in _MEANINGS[word]):
            found.qualifiers.add(qualifier)
    return found


def _ends(words: Sequence[str]) -> list[int]:
    """Return where each piece of the best cut ends."""
    best: list[tuple[int, int, list[int]]] = [(0, 0, [])]
    for end in range(1, len(words) + 1):
        choices: list[tuple[int, int, list[int]]] = []
        for start in range(max(0, end - _LONGEST), end):
            word = "".join(words[start:end])
            known = word in _MEANINGS or word in _QUALIFIERS or word in _FILLERS
            if known or end - start == 1:
                covered, pieces, ends = best[start]
                gain = end - start if known else 0
                choices.append((covered + gain, pieces - 1, [*ends, end]))
        best.append(max(choices, key=lambda one: one[:2]))
    return best[-1][2]
