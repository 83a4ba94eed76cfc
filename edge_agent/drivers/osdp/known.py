"""What is known of one reader between two looks at it (pure).

What changed and changed back in between is told once: the press of an exit button that lasted a
tenth of a second is seen by the next look, and its end by the one after.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from protocols.osdp.notes import CardRead, Kind, Presence, Status

CARD: Final = "card"
CARD_COUNT: Final = "card_count"

_MOST_CARDS: Final = 1000
"""Kept between two looks; far more than anybody presents."""
_PLACES: Final[Mapping[Kind, Sequence[str]]] = {
    Kind.LOCAL: ("tamper", "power_failure"),
}
_NUMBERED: Final = {Kind.INPUTS: "input", Kind.OUTPUTS: "output"}
_MISSING, _TAMPERED = 1, 2

Answer: TypeAlias = Mapping[str, Any]


class TakenCard(NamedTuple):
    """A card and when it was presented, UTC ms."""

    card: str
    at_ms: int


@dataclass(slots=True)
class State:
    """One contact or output.

    Attributes:
        now: As the reader says.
        told: As it was last told; None: not yet.
        flipped: Whether it was otherwise since then.
    """

    now: bool
    told: bool | None = None
    flipped: bool = False

    def seen(self, value: bool) -> None:  # noqa: FBT001 (the state itself)
        """Take what the reader says."""
        self.now = value
        self.flipped |= self.told is not None and value is not self.told

    def look(self) -> bool:
        """Return what to tell: what it is, or first what it was in between."""
        self.told = not self.now if self.flipped and self.now is self.told else self.now
        self.flipped = False
        return self.told


@dataclass
class KnownReader:
    """A reader, as its panel tells of it.

    Attributes:
        online: Whether it is there; None: not known yet.
        why: Why it is not.
    """

    online: bool | None = None
    why: str = "it was not asked yet"
    _states: dict[str, State] = field(default_factory=dict[str, State])
    _cards: deque[TakenCard] = field(default_factory=lambda: deque(maxlen=_MOST_CARDS))
    _last: TakenCard | None = None
    _count: int = 0

    def begin_anew(self) -> None:
        """Know nothing of it any more but its cards: the line is opened again."""
        self.online, self.why = None, "it was not asked yet"
        self._states.clear()

    def came_or_went(self, note: Presence) -> None:
        """Take whether it is there; what it said before it went is not what it says now."""
        self.online, self.why = note.online, note.why
        if not note.online:
            self._states.clear()

    def said(self, note: Status) -> None:
        """Take a status report."""
        for place, value in _states(note):
            state = self._states.setdefault(place, State(value))
            state.seen(value)

    def read(self, note: CardRead, at_ms: int) -> None:
        """Take a card."""
        self._last = TakenCard(note.card, at_ms)
        self._cards.append(self._last)
        self._count += 1

    def look(self, places: Sequence[str]) -> Answer:
        """Return what is to be told of these places: what it was in between, once, and cards."""
        found: dict[str, Any] = {
            place: state.look() for place, state in self._states.items() if place in places
        }
        if CARD in places:
            found[CARD] = list(self._cards)
            self._cards.clear()
        return found | {CARD_COUNT: self._count}

    def now(self, places: Sequence[str]) -> Answer:
        """Return how these places are now, whatever was told."""
        found: dict[str, Any] = {
            place: state.now for place, state in self._states.items() if place in places
        }
        return found | {CARD: [self._last] if self._last else [], CARD_COUNT: self._count}


def encode_answer(answer: Answer) -> bytes:
    """Return it as an answer carries it."""
    return json.dumps(answer).encode()


def decode_answer(values: Sequence[int]) -> Answer:
    """Return it again; its own side has written it."""
    found: dict[str, Any] = json.loads(bytes(values))
    return found


def _states(note: Status) -> list[tuple[str, bool]]:
    if note.values is None:
        return []
    if note.kind is Kind.READERS:
        return [
            (f"{name} {number}", value == code)
            for number, value in enumerate(note.values)
            for name, code in (("reader_missing", _MISSING), ("reader_tamper", _TAMPERED))
        ]
    if note.kind in _NUMBERED:
        name = _NUMBERED[note.kind]
        return [(f"{name} {number}", bool(value)) for number, value in enumerate(note.values)]
    return [
        (name, bool(value)) for name, value in zip(_PLACES[note.kind], note.values, strict=False)
    ]
