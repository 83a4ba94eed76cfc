"""A VictoriaMetrics that is killed, is started with wrong flags, and what its labels say."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from config.history import VictoriaBackend
from plantroom.processes import free_port
from protocols.reading import Quality
from server.core.clock import SystemClock
from server.core.errors import StoreAwayError, StoreError
from server.history.base import Batch
from server.history.series_tags import SeriesTags
from server.history.victoria import VictoriaHistory
from tests.stores import STORE_MARKS, new_victoria, victoria_at
from tests.victoria import FLAGS, temporary_victoria

pytestmark = STORE_MARKS
NUMBERS = count(1)
DAY_MS = 86_400_000
NOON = 20_000 * DAY_MS + DAY_MS // 2


def batch(start: int, rows: int, *, series: int = 1) -> Batch:
    made = Batch()
    for at in range(start, start + rows):
        made.add(series, NOON + at, at)
    return made


def asked(url: str, question: str) -> list[dict[str, object]]:
    parameters = {"query": question, "time": str((NOON + 60_000) / 1000)}
    answer = httpx.get(f"{url}/api/v1/query", params=parameters, trust_env=False)
    return answer.json()["data"]["result"]


def test_what_was_appended_is_there_once_after_each_of_ten_kills(tmp_path: Path) -> None:
    port = free_port()
    for round_ in range(10):
        with (
            temporary_victoria(port, tmp_path) as server,
            closing(victoria_at(server.url)) as history,
        ):
            history.append(batch(max(0, round_ * 1000 - 100), 1100))
            server.process.kill()
            server.process.wait()
            with pytest.raises(StoreAwayError, match="VictoriaMetrics http"):
                history.append(batch((round_ + 1) * 1000, 100))
            with pytest.raises(StoreAwayError, match="VictoriaMetrics http"):
                history.raw(1, NOON, NOON + 100, 1)
    with temporary_victoria(port, tmp_path) as server, closing(victoria_at(server.url)) as history:
        rows = history.raw(1, NOON, NOON + 20_000, 20_000)
        assert [row.value for row in rows] == list(range(10_000))
        (bucket,) = history.buckets(1, NOON, NOON + 20_000, 1)
        assert (bucket.count, bucket.minimum, bucket.maximum) == (10_000, 0, 9_999)
        answer = httpx.get(f"{server.url}/snapshot/list", trust_env=False).json()
        assert answer["snapshots"] == []


def test_a_reading_of_which_a_part_was_written_is_none_and_is_written_again(
    tmp_path: Path,
) -> None:
    with temporary_victoria(folder=tmp_path) as server, closing(victoria_at(server.url)) as history:
        history.append(batch(0, 1))
        url = server.url
        labels = '{"__name__":"pump_double_high","series_id":"1","quality":"192"}'
        line = f'{{"metric":{labels},"values":[7],"timestamps":[{NOON + 5}]}}'
        assert httpx.post(f"{url}/api/v1/import", content=line, trust_env=False).is_success
        httpx.get(f"{url}/internal/force_flush", trust_env=False)
    with temporary_victoria(folder=tmp_path) as server:
        again = victoria_at(server.url)
        assert [row.value for row in again.raw(1, NOON, NOON + 9, 9)] == [0]
        assert [one.value for one in again.last_values()] == [0]
        made = Batch()
        made.add(1, NOON + 5, 0.1 + 0.2)
        again.append(made)
        again.append(made)
        assert [row.value for row in again.raw(1, NOON, NOON + 9, 9)] == [0, 0.1 + 0.2]
        again.close()


def test_a_series_whose_class_and_name_change_goes_on(tmp_path: Path) -> None:
    tags = [SeriesTags("pump", "a", "g", "p", "t")]
    with (
        temporary_victoria(folder=tmp_path) as server,
        closing(victoria_at(server.url, describe=lambda _: tags[0])) as history,
    ):
        history.append(batch(0, 10))
        tags[0] = SeriesTags("fan", "a", "g", "renamed", "t")
        history.append(batch(5, 10))
        assert [row.value for row in history.raw(1, NOON, NOON + 99, 99)] == list(range(15))
        (bucket,) = history.buckets(1, NOON, NOON + 99, 1)
        assert (bucket.minimum, bucket.maximum, bucket.count) == (0, 14, 15)
        assert (bucket.first, bucket.last) == (0, 14)
        assert [one.value for one in history.last_values()] == [14]


def test_what_says_something_new_is_seen_at_once(tmp_path: Path) -> None:
    """VictoriaMetrics remembers for ten seconds what a filter found, when it has flushed since."""
    with (
        temporary_victoria(folder=tmp_path) as server,
        closing(victoria_at(server.url, interval_s=2.5)) as history,
    ):
        history.append(batch(0, 1))
        assert [row.value for row in history.raw(1, NOON, NOON + 9, 9)] == [0]
        made = Batch()
        made.add(1, NOON, "up")
        made.add(1, NOON + 1, None, Quality.BAD, "timeout")
        history.append(made)  # written, flushed, and a snapshot taken when the 2.5 s are over
        assert [row.value for row in history.raw(1, NOON, NOON + 9, 9)] == [0, "up", None]
        history.append(made)
        made.add(1, NOON, "down")
        history.append(made)
        expected = [0, "up", "down", None]
        assert [row.value for row in history.raw(1, NOON, NOON + 9, 9)] == expected


ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
NASTY = ["#1", " a", "a\\", "\\", "a b,c=d", '"q"', "\n", "\t#", "a\n#b", "\0", "}", ""]
ODD = st.one_of(ANY, st.sampled_from(NASTY))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with temporary_victoria(folder=tmp_path_factory.mktemp("victoria")) as server:
        yield server.url


@pytest.mark.timeout(600)
@given(tags=st.builds(SeriesTags, ODD, ODD, ODD, ODD, ODD), text=ODD, reason=ODD)
def test_no_name_and_no_text_costs_a_reading(
    url: str, tags: SeriesTags, text: str, reason: str
) -> None:
    number = next(NUMBERS)
    made = Batch()
    made.add(number, NOON, text, Quality.BAD, reason)
    made.add(number, NOON + 1, 1.5)
    with closing(victoria_at(url, describe=lambda _: tags)) as history:
        history.append(made)
        found = history.raw(number, NOON, NOON + 2, 9)
    assert [(row.value, row.reason) for row in found] == [(text, reason), (1.5, "")]


def test_texts_and_reasons_of_any_length_are_kept(tmp_path: Path) -> None:
    made = Batch()
    for at, size in enumerate((999, 1000, 1001, 2500, 300_000)):
        made.add(1, NOON + at, "水" * size, Quality.GOOD, "r" * (size // 2))
    made.add(1, NOON + 10, None, Quality.BAD, "z" * 3000)
    made.add(1, NOON + 11, 1.25, Quality.STALE, "z" * 3000)
    with new_victoria(tmp_path / "store") as history:
        history.append(made)
        history.append(made)
        rows = history.raw(1, NOON, NOON + 60, 60)
        assert [row.value for row in rows] == made.values
        assert [row.reason for row in rows] == made.reason
        (bucket,) = history.buckets(1, NOON, NOON + 60, 1)
        assert (bucket.count, bucket.bad_count) == (5, 2)


def test_readings_are_found_by_class_and_by_the_names_people_use(tmp_path: Path) -> None:
    made = batch(0, 3)
    made.extend(batch(0, 3, series=2))
    made.add(2, NOON + 4, 21.299999237060547)
    made.add(2, NOON + 5, "auto")
    with temporary_victoria(folder=tmp_path) as server, closing(victoria_at(server.url)) as history:
        history.append(made)
        url = server.url
        selected = '{point="temperature 2",quality="192"}'
        (one,) = asked(url, f"avg_over_time(heating_pump_integer{selected}[5m])")
        assert one["value"] == [(NOON + 60_000) // 1000, "1"]
        (one,) = asked(url, f"last_over_time(heating_pump_number{selected}[5m])")
        assert one["value"] == [(NOON + 60_000) // 1000, "21.299999237"]
        (one,) = asked(url, f"last_over_time(heating_pump_text{selected}[5m])")
        assert one["metric"] == {
            "__name__": "heating_pump_text",
            "site": "east gate",
            "gateway": "gw,1",
            "equipment": "pump=1\\",
            "point": "temperature 2",
            "series_id": "2",
            "quality": "192",
            "text": "auto",
        }


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((FLAGS[1],), "it keeps readings for 31 days: -retentionPeriod=1825d"),
        ((FLAGS[0],), "what is written twice would count twice: -dedup.minScrapeInterval=1ms"),
        (
            (FLAGS[0], "-dedup.minScrapeInterval=10s"),
            "at 10s it deletes readings: -dedup.minScrapeInterval=1ms",
        ),
        ((*FLAGS, "-storage.maxHourlySeries=10"), "new points: -storage.maxHourlySeries=0"),
        ((*FLAGS, "-maxLabelValueLen=100"), "parts of readings: -maxLabelValueLen of 4000 or more"),
    ],
    ids=["retention", "no-dedup", "dedup", "limit", "labels"],
)
def test_wrong_flags_are_named_with_what_to_set(flags: tuple[str, ...], said: str) -> None:
    with temporary_victoria(flags=flags) as server, closing(victoria_at(server.url)) as history:
        with pytest.raises(StoreError, match="started with other flags") as refused:
            history.append(batch(0, 1))
        assert said in str(refused.value)
        assert not isinstance(refused.value, StoreAwayError)


def test_the_check_says_how_long_readings_are_kept_and_what_would_be_better() -> None:
    with temporary_victoria() as server, closing(victoria_at(server.url)) as history:
        assert history.check(lengthen=False) == "VictoriaMetrics keeps 36500 days"
    with (
        temporary_victoria(flags=FLAGS[:2]) as server,
        closing(victoria_at(server.url)) as history,
    ):
        assert "-snapshotsMaxAge=1d would delete" in history.check(lengthen=False)


def test_readings_older_than_the_store_keeps_are_let_go_and_counted() -> None:
    metrics = CollectorRegistry()
    now = SystemClock().now_ms()
    with temporary_victoria(flags=("-retentionPeriod=10d", FLAGS[1])) as server:
        history = VictoriaHistory(
            VictoriaBackend(kind="victoriametrics", url=server.url, snapshot_interval_s=0),
            token="",
            describe=lambda _: SeriesTags("pump"),
            clock=SystemClock(),
            metrics=metrics,
            retention_days=10,
        )
        made = Batch()
        for days in (11, 12, 9, 0):
            made.add(days, now - days * DAY_MS, 1.5)
        history.append(made)
        assert sorted(one.series_id for one in history.last_values()) == [0, 9]
        assert metrics.get_sample_value("plantroom_history_expired_readings_total") == 2
        made.add(5, now + 3 * DAY_MS, 1.5)
        with pytest.raises(StoreError, match="nothing of more than 2 days ahead"):
            history.append(made)
        history.close()


def test_buckets_reach_to_this_second_and_ahead(tmp_path: Path) -> None:
    now = SystemClock().now_ms()
    with new_victoria(tmp_path / "store") as history:
        made = Batch()
        for at in range(-40, 20):
            made.add(1, now + at * 1000, at)
        history.append(made)
        found = history.buckets(1, now - 40_000, now + 20_000, 6)
        assert [one.count for one in found] == [10] * 6
        assert [one.last for one in found] == [-31, -21, -11, -1, 9, 19]
        rows = history.raw(1, now - 3 * DAY_MS, now + DAY_MS, 50)
        assert [row.value for row in rows] == list(range(-40, 10))
        rows = history.raw(1, 0, now + DAY_MS, 50)
        assert [row.value for row in rows] == list(range(-40, 10))
        (whole,) = history.buckets(1, 0, now + DAY_MS, 1)
        assert (whole.count, whole.first, whole.last) == (60, -40, 19)


def test_a_long_range_is_read_in_pages_from_its_first_reading_on(tmp_path: Path) -> None:
    with new_victoria(tmp_path / "store") as history:
        made = Batch()
        for day in range(400):
            for minute in range(30):
                made.add(1, NOON + day * DAY_MS + minute * 60_000, day * 30 + minute)
        history.append(made)
        end = NOON + 500 * DAY_MS
        assert [row.value for row in history.raw(1, 0, end, 50)] == list(range(50))
        start = NOON + 100 * DAY_MS
        assert [row.value for row in history.raw(1, start, end, 70)] == list(range(3000, 3070))
        assert len(history.raw(1, 0, end, 20_000)) == 12_000
        found = history.buckets(1, NOON, NOON + 400 * DAY_MS, 400)
        assert [one.count for one in found] == [30] * 400
