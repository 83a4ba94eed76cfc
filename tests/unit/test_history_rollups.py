"""Roll-ups answer as the readings would, whatever came late, twice, or was lost on the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.reading import Quality, Value
from server.core.errors import StoreError
from server.history.base import Batch, Bucket, History
from server.history.database import LAYOUT
from server.history.duckdb import DuckHistory
from server.history.memory import MemoryHistory
from server.history.places import said
from server.history.slices import HOUR_MS, MINUTE_MS, Slices, even_slices, slices_of_width
from server.history.trends import FIGURES, buckets_of_trend

DAY = 86_400_000
START = 20_000 * DAY
SPAN = 3 * DAY


@pytest.fixture(autouse=True)
def dense(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two readings in a minute are many here."""
    monkeypatch.setattr("server.history.rollups.DENSE", 2)


def open_history(folder: Path) -> DuckHistory:
    return DuckHistory(folder, memory_limit_mb=128, retention_days=30)


def batch(*rows: tuple[int, int, Value]) -> Batch:
    made = Batch()
    for series, taken_at, value in rows:
        made.add(series, taken_at, value)
    return made


def shown(bucket: Bucket) -> tuple[object, ...]:
    ends = [said(value, 0, "") for value in (bucket.first, bucket.last)]
    average = None if bucket.average is None else pytest.approx(bucket.average, rel=1e-9, abs=1e-6)
    return (
        *(bucket.start, bucket.end, bucket.minimum, average, bucket.maximum),
        *(*ends, bucket.count, bucket.bad_count),
    )


def answers(history: History, slices: Slices) -> dict[int, list[tuple[object, ...]]]:
    found = history.trends([1, 2, 3], slices, list(FIGURES))
    return {
        series: [shown(one) for one in buckets_of_trend(trend, slices)]
        for series, trend in found.items()
    }


QUESTIONS = [
    slices_of_width(START, START + SPAN, MINUTE_MS),
    slices_of_width(START + 1, START + SPAN - 1, 7 * MINUTE_MS),
    slices_of_width(START, START + SPAN, HOUR_MS),
    slices_of_width(START + 30_500, START + SPAN - 30_001, 5 * HOUR_MS),
    even_slices(START + 3 * HOUR_MS + 5, START + DAY + 90_061, 3),
    even_slices(START - DAY, START + 2 * SPAN, 1),
    slices_of_width(START + 59_999, START + 60_001, MINUTE_MS),
    slices_of_width(START + 1000, START + 2000, HOUR_MS),
]

VALUES = st.one_of(
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, -0.0, 5e-324]),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-3, 3),
    st.booleans(),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=3),
    st.none(),
)
OFFSETS = st.one_of(
    st.sampled_from([0, 0, 1, 59_999, 60_000, 60_001, HOUR_MS - 1, HOUR_MS, DAY - 1, DAY]),
    st.integers(0, 3 * MINUTE_MS),
    st.integers(0, SPAN - 1),
)
ROWS = st.tuples(
    st.integers(1, 3),
    OFFSETS,
    VALUES,
    st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.BAD, Quality.STALE]),
    st.sampled_from(["", "", "timeout"]),
)
CARE = st.sampled_from([HOUR_MS, DAY // 2, DAY + 3 * HOUR_MS, 2 * DAY, SPAN + DAY])
"""How late after the start the history is maintained: nothing, some hours, some days are over."""
WORK = st.lists(
    st.one_of(
        st.lists(ROWS, min_size=1, max_size=12),
        st.lists(ROWS, min_size=1, max_size=12),
        CARE,
        st.sampled_from(["again", "open"]),
    ),
    min_size=2,
    max_size=8,
)
Work = list[list[tuple[int, int, Value, Quality, str]] | int | str]


def batch_of(rows: list[tuple[int, int, Value, Quality, str]]) -> Batch:
    """As the ingest makes it: what merely repeats the one before it says nothing."""
    made = Batch()
    of_instant: dict[tuple[int, int], list[object]] = {}
    for series, offset, value, quality, reason in rows:
        known = of_instant.setdefault((series, offset), [])
        says = said(value, quality, reason)
        if known and known[-1] == says:
            continue
        if says in known:
            made.nth[len(made)] = known.count(says)
        known.append(says)
        made.add(series, START + offset, value, quality, reason)
    return made


@pytest.mark.long
@pytest.mark.timeout(300)
@settings(max_examples=max(6, settings.default.max_examples - 14))
@given(work=WORK, asked=st.lists(st.sampled_from(QUESTIONS), min_size=2, max_size=3, unique=True))
def test_roll_ups_answer_as_the_readings_do(
    tmp_path_factory: pytest.TempPathFactory, work: Work, asked: list[Slices]
) -> None:
    folder = tmp_path_factory.mktemp("rolled")
    history, plain = open_history(folder), MemoryHistory(retention_days=30)
    last = Batch()
    for step in work:
        match step:
            case int():
                history.maintain(START + step)
            case "open":
                history.close()
                history = open_history(folder)
            case "again":
                history.append(last)
            case _:
                last = batch_of(step)
                history.append(last)
                plain.append(last)
    for slices in asked:
        assert answers(history, slices) == answers(plain, slices), slices
    history.close()


def fill(history: History) -> None:
    """Three days: one point each 15 s for five minutes of each hour, one each ten minutes."""
    made = Batch()
    for hour in range(72):
        for second in range(0, 300, 15):
            made.add(1, START + hour * HOUR_MS + second * 1000, float(hour * 1000 + second))
        for minute in range(0, 60, 10):
            made.add(2, START + hour * HOUR_MS + minute * MINUTE_MS, hour * 100 + minute)
    history.append(made)


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[tuple[DuckHistory, MemoryHistory]]:
    history, plain = open_history(tmp_path), MemoryHistory()
    fill(history)
    fill(plain)
    yield history, plain
    history.close()


def agree(history: History, plain: History) -> None:
    for slices in (QUESTIONS[1], QUESTIONS[3]):
        assert answers(history, slices) == answers(plain, slices), slices


@pytest.mark.long
def test_a_kill_at_any_moment_leaves_readings_and_roll_ups_that_agree(
    filled: tuple[DuckHistory, MemoryHistory], monkeypatch: pytest.MonkeyPatch
) -> None:
    history, plain = filled
    places = (
        "server.history.days.forget_open",
        "server.history.ordered.dense_series",
        "server.history.ordered.MINUTE_MS",
        "server.history.sealed_rollups.dense_series",
        "server.history.sealed_rollups.sync",
        "server.history.sealed_rollups.forget_parts",
    )
    for place in places:
        with monkeypatch.context() as patched:
            patched.setattr(place, _killed)
            with pytest.raises((StoreError, ZeroDivisionError)):
                history.maintain(START + DAY + 5 * HOUR_MS)
        agree(history, plain)
    history.maintain(START + DAY + 5 * HOUR_MS)
    agree(history, plain)


def _killed(*_: object, **__: object) -> str:
    raise ZeroDivisionError


@pytest.mark.long
def test_values_of_one_instant_keep_their_order_from_the_first_hour_to_the_file(
    tmp_path: Path,
) -> None:
    history, plain = open_history(tmp_path), MemoryHistory()
    day = [slices_of_width(START, START + DAY, width) for width in (MINUTE_MS, HOUR_MS)]
    for number, hours in enumerate((2, 3, 4, 14, 27, 27)):
        # Of the same instant each time, beside others that come before and after it.
        made = batch(
            *((1, START + at, number * 10 + at) for at in (0, 500, 1000)),
            (2, START + HOUR_MS, f"{number}"),
            (3, START + number, float(number)),
            *((3, START + at, 2**64 - 1 - at) for at in (7, 8)),
        )
        history.append(made)
        plain.append(made)
        for slices in day:
            assert answers(history, slices) == answers(plain, slices), (number, "hot")
        history.maintain(START + hours * HOUR_MS)
        for slices in day:
            assert answers(history, slices) == answers(plain, slices), (number, hours)
    history.close()


@pytest.mark.long
def test_late_readings_reach_the_answers_at_once_and_the_roll_ups_later(
    filled: tuple[DuckHistory, MemoryHistory],
) -> None:
    history, plain = filled
    now = START + 2 * DAY + 5 * HOUR_MS
    for number in range(4):
        history.maintain(now)
        late = batch(
            *((1, START + number * 17 * HOUR_MS + at, -float(number + at)) for at in range(30)),
            (2, START + 10 * MINUTE_MS, -7 - number),
            (3, START + number, "new"),
        )
        for _ in range(2):
            history.append(late)
            plain.append(late)
        agree(history, plain)


@pytest.mark.long
def test_a_year_of_hours_is_read_without_the_day_files(
    filled: tuple[DuckHistory, MemoryHistory], tmp_path: Path
) -> None:
    history, plain = filled
    history.maintain(START + SPAN + 5 * HOUR_MS)
    for file in tmp_path.glob("*.parquet"):
        file.rename(file.with_suffix(".away"))
    for width in (HOUR_MS, 6 * HOUR_MS):
        slices = slices_of_width(START, START + SPAN, width)
        assert answers(history, slices) == answers(plain, slices)
    minutes = slices_of_width(START, START + SPAN, MINUTE_MS)
    found = history.trends([1], minutes, ["count"])
    assert found == plain.trends([1], minutes, ["count"])


@pytest.mark.long
def test_roll_ups_that_are_lost_are_made_again(
    filled: tuple[DuckHistory, MemoryHistory], tmp_path: Path
) -> None:
    history, plain = filled
    now = START + SPAN + 5 * HOUR_MS
    history.maintain(now)
    kept = sorted((tmp_path / "_minutes").iterdir())
    assert len(kept) == 3
    kept[0].write_bytes(b"PAR1 no footer PAR1")
    kept[1].unlink()
    agree(history, plain)
    assert len(list((tmp_path / "_minutes").iterdir())) == 1
    history.maintain(now)
    assert sorted((tmp_path / "_minutes").iterdir()) == kept
    agree(history, plain)


@pytest.mark.long
def test_a_folder_of_the_version_before_is_rolled_up(
    filled: tuple[DuckHistory, MemoryHistory], tmp_path: Path
) -> None:
    history, plain = filled
    history.maintain(START + SPAN + 5 * HOUR_MS)
    with history._database.transaction() as cursor:
        for table in ("hours", "minutes", "ordered", "rolled", "by_minute", "clustered"):
            cursor.execute(f"DROP TABLE {table}")
        cursor.execute("UPDATE layout SET version = 1")
    history.close()
    history = open_history(tmp_path)
    with history._database.cursor() as cursor:
        assert cursor.execute("SELECT version FROM layout").fetchall() == [(LAYOUT,)]
    agree(history, plain)
    assert not list((tmp_path / "_minutes").iterdir())
    history.maintain(START + SPAN + 5 * HOUR_MS)
    agree(history, plain)
    assert len(list((tmp_path / "_minutes").iterdir())) == 3
    history.close()


@pytest.mark.long
def test_a_day_that_is_deleted_takes_its_roll_ups_along(
    filled: tuple[DuckHistory, MemoryHistory], tmp_path: Path
) -> None:
    history, _ = filled
    history.maintain(START + SPAN + 5 * HOUR_MS)
    history.maintain(START + 32 * DAY)
    slices = slices_of_width(START, START + SPAN, HOUR_MS)
    (only,) = [set(one.slices) for one in history.trends([1], slices, ["count"]).values()]
    assert only == set(range(48, 72))
    assert len(list((tmp_path / "_minutes").iterdir())) == 1


@pytest.mark.long
def test_hours_lie_in_the_order_of_series(filled: tuple[DuckHistory, MemoryHistory]) -> None:
    history, plain = filled
    history.maintain(START + SPAN + 5 * HOUR_MS)
    for day in range(3, 6):
        made = batch(*((one, START + day * DAY + one, float(day)) for one in (3, 2, 1)))
        history.append(made)
        plain.append(made)
    history.maintain(START + 7 * DAY)
    with history._database.cursor() as cursor:
        rows = cursor.execute("SELECT series, since FROM hours").fetchall()
    assert rows == sorted(rows)
    agree(history, plain)
