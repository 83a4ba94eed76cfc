"""Roll-ups in InfluxDB answer as the readings would, whatever comes late, twice or is cut short."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.reading import Quality, Value
from server.core.errors import StoreError
from server.history.base import Batch, Bucket, History
from server.history.influx import InfluxHistory
from server.history.memory import MemoryHistory
from server.history.shared import Span
from server.history.slices import HOUR_MS, MINUTE_MS, Slices, even_slices, slices_of_width
from server.history.trends import FIGURES, buckets_of_trend
from tests.stores import STORE_MARKS, influx_in, new_database
from tests.unit.test_history_rollups import OFFSETS, SPAN, START, batch_of, shown

pytestmark = STORE_MARKS

VALUES = st.one_of(
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, -0.0, 1.5, 5e-324, 1e300]),
    st.integers(-3, 3),
    st.integers(-(2**63), 2**64 - 1),
    st.booleans(),
    st.sampled_from(["on", 'quoted "b" \\', "two\nlines", "水泵"]),
    st.none(),
)
ONE_KIND = st.sampled_from(
    [(1.5, -0.25, 7.0), (1, -2, 2**53 + 1), (True, False), ("on", "off", 'a "b" \\')]
)
ROWS = st.tuples(
    st.integers(1, 2),
    OFFSETS,
    VALUES,
    st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.BAD]),
    st.sampled_from(["", "", "timeout"]),
)


@st.composite
def batches(draw: st.DrawFn) -> list[tuple[int, int, Value, Quality, str]]:
    """Mostly each series says one kind of value, as points do."""
    rows = draw(st.lists(ROWS, min_size=1, max_size=10))
    if draw(st.integers(0, 3)):
        kinds = draw(ONE_KIND)
        return [
            (series, at, kinds[at % len(kinds)], quality, reason)
            for series, at, _, quality, reason in rows
        ]
    return rows


WORK = st.lists(
    st.one_of(
        batches(),
        batches(),
        st.sampled_from([HOUR_MS, SPAN // 2, SPAN, SPAN + HOUR_MS, "again", "open"]),
    ),
    min_size=2,
    max_size=8,
)
QUESTIONS = [
    slices_of_width(START, START + SPAN, HOUR_MS),
    slices_of_width(START + 1, START + SPAN - 1, 5 * HOUR_MS),
    slices_of_width(START, START + HOUR_MS * 3, MINUTE_MS),
    slices_of_width(START + 30_500, START + SPAN, 7 * MINUTE_MS),
    even_slices(START - 24 * HOUR_MS, START + 2 * SPAN, 1),
    even_slices(START + 3 * HOUR_MS + 5, START + 24 * HOUR_MS + 90_061, 3),
]


@pytest.fixture(autouse=True)
def dense(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two readings in an hour are many here."""
    monkeypatch.setattr("server.history.influx_rollups.DENSE", 2 / 60)


def answers(history: History, slices: Slices) -> dict[int, list[tuple[object, ...]]]:
    return {
        series: [shown(one) for one in buckets_of_trend(trend, slices)]
        for series, trend in history.trends([1, 2], slices, list(FIGURES)).items()
    }


@pytest.mark.timeout(600)
@settings(max_examples=max(5, settings.default.max_examples // 2))
@given(work=WORK, asked=st.lists(st.sampled_from(QUESTIONS), min_size=2, max_size=3, unique=True))
def test_roll_ups_answer_as_the_readings_do(
    work: list[list[tuple[int, int, Value, Quality, str]] | int | str], asked: list[Slices]
) -> None:
    backend = new_database()
    history, plain = influx_in(backend), MemoryHistory()
    last = Batch()
    for step in work:
        match step:
            case int():
                history.maintain(START + step)
            case "again":
                history.append(last)
            case "open":
                history.close()
                history = influx_in(backend)
            case _:
                last = batch_of(step)  # pyright: ignore[reportArgumentType]
                history.append(last)
                plain.append(last)
    for _ in range(2):
        for slices in asked:
            assert answers(history, slices) == answers(plain, slices)
        history.maintain(START + SPAN)
    history.close()


def every_second(start_ms: int, end_ms: int) -> Batch:
    made = Batch()
    for at in range(start_ms, end_ms, 1000):
        made.add(1, at, at // 1000 % 97 / 4)
    return made


@pytest.fixture
def history() -> Iterator[InfluxHistory]:
    with closing(influx_in(new_database())) as opened:
        yield opened


def rolled(history: InfluxHistory) -> MemoryHistory:
    plain = MemoryHistory()
    made = every_second(START, START + 3 * HOUR_MS)
    history.append(made)
    plain.append(made)
    history.maintain(START + 3 * HOUR_MS + 3 * MINUTE_MS)
    return plain


WHOLE = [
    slices_of_width(START, START + 3 * HOUR_MS, HOUR_MS),
    slices_of_width(START, START + 3 * HOUR_MS, MINUTE_MS),
    slices_of_width(START, START + 3 * HOUR_MS, 90 * MINUTE_MS),
]


def forbid_readings(history: InfluxHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_of_1(span: Span, *_: object) -> list[Bucket]:
        assert span.series_id != 1
        return []

    monkeypatch.setattr(history, "_summaries", nothing_of_1)
    monkeypatch.setattr(history, "raw", None)


def test_no_reading_is_read_of_what_is_rolled_up(
    history: InfluxHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = rolled(history)
    forbid_readings(history, monkeypatch)
    for slices in WHOLE:
        assert answers(history, slices) == answers(plain, slices)


def test_what_comes_late_spoils_its_hour_until_that_is_made_anew(
    history: InfluxHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = rolled(history)
    late = Batch()
    late.add(1, START + HOUR_MS + 500, -7.5)
    history.append(late)
    plain.append(late)
    for slices in WHOLE:
        assert answers(history, slices) == answers(plain, slices)
    history.maintain(START + 3 * HOUR_MS + 4 * MINUTE_MS)
    forbid_readings(history, monkeypatch)
    for slices in WHOLE:
        assert answers(history, slices) == answers(plain, slices)


def test_what_comes_while_an_hour_is_made_is_not_missed(
    history: InfluxHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = every_second(START, START + 2 * HOUR_MS)
    plain = MemoryHistory()
    history.append(made)
    plain.append(made)
    summarise, late = history._summaries, Batch()
    late.add(1, START + 100, 1e6)

    def and_something_comes(*of: object) -> list[Bucket] | None:
        found = summarise(*of)  # pyright: ignore[reportArgumentType]
        history.append(late)
        plain.append(late)
        return found

    monkeypatch.setattr(history._rollups, "_summarise", and_something_comes)
    history.maintain(START + 2 * HOUR_MS + 3 * MINUTE_MS)
    monkeypatch.setattr(history._rollups, "_summarise", summarise)
    for slices in WHOLE:
        assert answers(history, slices) == answers(plain, slices)


def test_a_maintenance_that_fails_half_way_leaves_right_answers(
    history: InfluxHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = rolled(history)
    more = every_second(START + 3 * HOUR_MS, START + 5 * HOUR_MS)
    history.append(more)
    plain.append(more)
    write = history._connection.write

    def half(lines: list[str]) -> None:
        write(lines[: len(lines) // 2])
        raise StoreError("the disk is full")

    monkeypatch.setattr(history._connection, "write", half)
    with pytest.raises(StoreError, match="full"):
        history.maintain(START + 5 * HOUR_MS + 3 * MINUTE_MS)
    monkeypatch.setattr(history._connection, "write", write)
    late = every_second(START + 3 * HOUR_MS + 500, START + 3 * HOUR_MS + 10_000)
    history.append(late)
    plain.append(late)
    five = slices_of_width(START, START + 5 * HOUR_MS, HOUR_MS)
    for slices in (five, slices_of_width(START, START + 5 * HOUR_MS, MINUTE_MS)):
        assert answers(history, slices) == answers(plain, slices)
