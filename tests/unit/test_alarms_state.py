"""The ISA-18.2 state machine: every state x every event, and random walks against a model."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.alarms.state import (
    AlarmFacts,
    AlarmState,
    OutOfService,
    Shelf,
    acknowledge,
    activate,
    put_in_service,
    release,
    reset,
    return_to_normal,
    shelve,
    suppress,
    take_out_of_service,
    unshelve,
)
from server.core.errors import ConflictError

SHELF = Shelf(until=1, by="li", reason="test run")
OUT = OutOfService(until=1, by="li")


HIDDEN = {"shelf": SHELF, "suppressed_by": "gateway", "out_of_service": OUT}


def facts(words: str) -> AlarmFacts:
    """Facts by their names, as "active unseen latched"; what is not named is not so."""
    named = set(words.split())
    hidden = {key: value for key, value in HIDDEN.items() if key.partition("_")[0].upper() in named}
    return AlarmFacts(
        active="active" in named,
        acknowledged="unseen" not in named,
        latching="latched" in named,
        latched="latched" in named,
        life_safety="safety" in named,
        **hidden,  # pyright: ignore[reportArgumentType] (of mixed types)
    )


EVENTS: dict[str, Callable[[AlarmFacts], AlarmFacts]] = {
    "activate": activate,
    "return": return_to_normal,
    "acknowledge": acknowledge,
    "reset": reset,
    "shelve": lambda facts: shelve(facts, SHELF),
    "unshelve": unshelve,
    "suppress": lambda facts: suppress(facts, "gateway"),
    "release": release,
    "take_out": lambda facts: take_out_of_service(facts, OUT),
    "put_in": put_in_service,
}

NAMES = {
    "N": "normal",
    "U": "unacknowledged",
    "A": "acknowledged",
    "R": "returned_unacknowledged",
    "L": "latched",
    "S": "shelved",
    "X": "suppressed",
    "O": "out_of_service",
}

# Facts: the state's name, then the name after each of EVENTS, in their order; "-" is refused.
# Leaving what hides an active alarm announces it again, whoever saw it before.
TABLE = """
.                              : N  U N N N S N X N O N
active unseen                  : U  U R A U S U X U O U
active unseen latched          : U  U R A - S U X U O U
active unseen safety           : U  U R A U - U - U - U
active                         : A  A N A A S A X A O A
active latched                 : A  A L A - S A X A O A
active safety                  : A  A N A A - A - A - A
unseen                         : R  U R N R S R X R O R
unseen latched                 : R  U R L R S R X R O R
unseen safety                  : R  U R N R - R - R - R
latched                        : L  U L L N S L X L O L
latched safety                 : L  U L L N - L - L - L
active SHELF                   : S  S S S S S U X S O S
active unseen SHELF            : S  S S S S S U X S O S
active latched SHELF           : S  S S S - S U X S O S
SHELF                          : S  S S S S S N X S O S
unseen SHELF                   : S  S S S S S R X S O S
latched SHELF                  : S  S S S S S L X S O S
active SUPPRESSED              : X  X X X X X X X U O X
active unseen SUPPRESSED       : X  X X X X X X X U O X
active latched SUPPRESSED      : X  X X X - X X X U O X
SUPPRESSED                     : X  X X X X X X X N O X
unseen SUPPRESSED              : X  X X X X X X X R O X
latched SUPPRESSED             : X  X X X X X X X L O X
active SHELF SUPPRESSED        : X  X X X X X X X S O X
active OUT                     : O  O O O O O O O O O U
active latched OUT             : O  O O O - O O O O O U
OUT                            : O  O O O O O O O O O N
unseen OUT                     : O  O O O O O O O O O R
latched OUT                    : O  O O O O O O O O O L
active SHELF OUT               : O  O O O O O O O O O S
active SUPPRESSED OUT          : O  O O O O O O O O O X
active SHELF SUPPRESSED OUT    : O  O O O O O O O O O X
"""

ROWS = {
    words.strip(): names.split()
    for words, names in (line.split(":") for line in TABLE.strip().splitlines())
}
CASES = [
    (words, event, row[0], row[1 + column])
    for words, row in ROWS.items()
    for column, event in enumerate(EVENTS)
]


@pytest.mark.parametrize(("words", "event", "name", "after"), CASES)
def test_every_event_in_every_state(words: str, event: str, name: str, after: str) -> None:
    before = facts(words)
    assert before.state == NAMES[name]
    if after == "-":
        with pytest.raises(ConflictError):
            EVENTS[event](before)
    else:
        assert EVENTS[event](before).state == NAMES[after]


def test_the_table_is_complete() -> None:
    assert {NAMES[row[0]] for row in ROWS.values()} == {str(state) for state in AlarmState}
    assert all(len(row) == 1 + len(EVENTS) for row in ROWS.values())


@pytest.mark.parametrize("event", ["shelve", "suppress", "take_out"])
def test_life_safety_is_never_hidden(event: str) -> None:
    with pytest.raises(ConflictError, match="life safety"):
        EVENTS[event](facts("active unseen safety"))


def test_a_latch_is_not_reset_while_the_condition_lasts() -> None:
    active = activate(AlarmFacts(latching=True))
    with pytest.raises(ConflictError, match="still active"):
        reset(active)
    assert reset(return_to_normal(acknowledge(active))).over


class Plain:
    """What an alarm is, in the words of an operator; knows nothing of the code."""

    def __init__(self, *, latching: bool) -> None:
        self.latching = latching
        self.on = self.unseen = self.latch = False
        self.hidden: set[str] = set()

    def follow(self, event: str) -> bool:
        """Do it; False when it is refused."""
        if event == "activate" and not self.on:
            self.on = self.unseen = True
            self.latch = self.latch or self.latching
        elif event == "return":
            self.on = False
        elif event == "acknowledge":
            self.unseen = False
        elif event == "reset":
            if self.on and self.latch:
                return False
            self.latch = False
        elif event in {"shelve", "suppress", "take_out"}:
            self.hidden.add(event)
        elif event in {"unshelve", "release", "put_in"}:
            way = {"unshelve": "shelve", "release": "suppress", "put_in": "take_out"}[event]
            if way in self.hidden:
                self.hidden.discard(way)
                self.unseen = self.unseen or self.on
        return True

    def name(self) -> str:
        for way, name in (("take_out", "O"), ("suppress", "X"), ("shelve", "S")):
            if way in self.hidden:
                return NAMES[name]
        if self.unseen:
            return NAMES["U" if self.on else "R"]
        return NAMES["A" if self.on else "L" if self.latch else "N"]


@given(st.booleans(), st.lists(st.sampled_from(list(EVENTS)), max_size=60))
def test_random_walks_agree_with_a_plain_model(latching: bool, events: list[str]) -> None:  # noqa: FBT001
    now, plain = AlarmFacts(latching=latching), Plain(latching=latching)
    for event in events:
        allowed = plain.follow(event)
        try:
            now = EVENTS[event](now)
            assert allowed
        except ConflictError:
            assert not allowed
        assert str(now.state) == plain.name()
        assert (now.active, now.acknowledged, now.latched) == (
            plain.on,
            not plain.unseen,
            plain.latch,
        )
        assert now.over is not (plain.on or plain.unseen or plain.latch)
        assert now.announced is not bool(plain.hidden)


@given(st.sampled_from(list(ROWS)), st.sampled_from(list(EVENTS)))
def test_the_same_event_again_changes_nothing(words: str, event: str) -> None:
    try:
        once = EVENTS[event](facts(words))
    except ConflictError:
        return
    assert EVENTS[event](once) == once
