"""Lists for charts say what the rows say, whatever kinds of values a slice holds."""

import pytest

from protocols.exact_json import exact
from protocols.reading import Quality, Value
from server.history.base import Batch
from server.history.charts import reading_lists, trend_lists
from server.history.memory import MemoryHistory
from server.history.slices import Slices
from server.history.trends import FIGURES

SLICES = Slices(100, 150, 100, 5)
KINDS: dict[int, list[Value]] = {
    1: [1.5, -2.5, 0.0, float("nan")],
    2: [7, -3, 2**53 - 1],
    3: [2**53, -(2**63), 2**63 - 1],
    4: [2**64 - 1, 2**63, 1],
    5: [True, False],
    6: ["auto", '"quoted"', "hand"],
    7: [1.5, 2, True, "off", 2**64 - 1, None],
    8: [None, None],
}


@pytest.fixture(scope="module")
def history() -> MemoryHistory:
    """Series in slices 1, 2, 3, 6 and 9; series 9 has nothing."""
    history, batch = MemoryHistory(), Batch()
    for series, values in KINDS.items():
        for number, at in enumerate((105, 107, 110, 117, 130, 131, 132, 149)):
            value = values[number % len(values)]
            quality = Quality.BAD if value is None or number == 3 else Quality.GOOD
            batch.add(series, at, value, quality, "" if quality is Quality.GOOD else "timeout")
    history.append(batch)
    return history


def same(one: object, other: object) -> bool:
    """Compare lists also by the types of what is in them; nan is nan."""
    return repr(one) == repr(other)


@pytest.mark.parametrize("series", [[8, 3, 9, 1, 2], [4, 7], [5, 6], [9]])
def test_a_list_has_an_entry_for_each_slice(history: MemoryHistory, series: list[int]) -> None:
    figures = list(FIGURES)
    lists = trend_lists(history.packed_trends(series, SLICES, figures), series, SLICES, figures)
    found = dict(zip(series, lists, strict=True))
    trends = history.trends(series, SLICES, figures)
    for one in series:
        for name in figures:
            expected: list[Value] = [0 if name in {"count", "bad_count"} else None] * SLICES.number
            if one in trends:
                for place, value in zip(trends[one].slices, trends[one].figures[name], strict=True):
                    expected[place] = value
            assert same(found[one][name], exact(expected)), (one, name)


def test_readings_are_in_lists(history: MemoryHistory) -> None:
    found = reading_lists(history.packed_readings([*KINDS, 9], 100, 149, 1000), 100)
    assert list(found) == list(KINDS)
    for series, rows in history.readings(list(KINDS), 100, 149, 1000).items():
        lists = found[series]
        assert lists["after_ms"] == [at - 100 for at in rows.taken_at]
        assert same(lists["value"], exact(rows.values))
        assert lists["quality"] == [Quality(one).name.lower() for one in rows.qualities]
        assert lists["reason"] == rows.reasons
