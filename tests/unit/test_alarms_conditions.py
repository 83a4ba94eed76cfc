"""When a bare condition holds, and which values need not be looked at."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from config.conditions import Condition
from protocols.reading import Quality, Value
from server.alarms.evaluation.conditions import NOTHING, holds, no_change_band, point_of

_ADAPTER: TypeAdapter[Condition] = TypeAdapter(Condition)


def condition(**fields: Any) -> Condition:
    return _ADAPTER.validate_python({"point": "p", **fields})


HI = condition(kind="limit", level="hi", limit=80, deadband=5)
LO = condition(kind="limit", level="lo", limit=1, deadband=0.25)
FAULT = condition(kind="state", equals=True)
MODE = condition(kind="state", equals=[2, "manual"])
SILENT = condition(kind="stale")
GONE = _ADAPTER.validate_python({"kind": "unreachable"})
GOOD, BAD = Quality.GOOD, Quality.BAD


@pytest.mark.parametrize(
    ("rule", "value", "quality", "before", "expected"),
    [
        (HI, 80.0, GOOD, False, False),
        (HI, 80.1, GOOD, False, True),
        (HI, 75.1, GOOD, True, True),
        (HI, 75.0, GOOD, True, False),
        (HI, 99.0, BAD, False, None),
        (HI, None, BAD, True, None),
        (HI, math.nan, GOOD, True, None),
        (HI, "hot", GOOD, False, None),
        (LO, 1, GOOD, False, False),
        (LO, 0.9, GOOD, False, True),
        (LO, 1.2, GOOD, True, True),
        (LO, 1.25, GOOD, True, False),
        (FAULT, True, GOOD, False, True),
        (FAULT, 1, GOOD, False, True),
        (FAULT, False, GOOD, True, False),
        (FAULT, True, BAD, False, None),
        (MODE, 2, GOOD, False, True),
        (MODE, "manual", GOOD, False, True),
        (MODE, 1, GOOD, True, False),
        (MODE, "auto", GOOD, True, False),
        (SILENT, 5, GOOD, True, False),
        (SILENT, 5, Quality.STALE, False, None),
        (GONE, False, GOOD, False, True),
        (GONE, True, GOOD, True, False),
    ],
)
def test_conditions(
    rule: Condition, value: Value, quality: Quality, *, before: bool, expected: bool | None
) -> None:
    assert holds(rule, value, quality, before=before) is expected


def test_the_watched_point() -> None:
    assert point_of(HI) == "p"
    assert point_of(GONE) == "connection"


@given(
    rule=st.sampled_from([HI, LO]),
    before=st.booleans(),
    value=st.floats(allow_nan=False, width=32),
)
def test_a_quiet_value_changes_nothing_and_a_loud_one_changes(
    rule: Condition, *, before: bool, value: float
) -> None:
    band = no_change_band(rule, None, held=before)
    assert (band.low <= value <= band.high) is (holds(rule, value, GOOD, before=before) is before)


@given(st.sampled_from([FAULT, MODE]), st.integers(0, 4), st.integers(0, 4))
def test_a_state_is_quiet_only_while_it_stays(rule: Condition, last: int, value: int) -> None:
    band = no_change_band(rule, last, held=False)
    assert (band.low <= value <= band.high) is (value == last)


def test_text_is_always_evaluated() -> None:
    assert no_change_band(MODE, "auto", held=False) == NOTHING
