"""An InfluxDB that ends, forgets, changes classes, and what its tags say."""

import subprocess
import sys
from contextlib import closing
from functools import cache
from itertools import count
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from config.history import InfluxBackend
from plantroom.processes import free_port
from protocols.reading import Quality
from server.core.clock import SystemClock
from server.core.errors import StoreError
from server.history.base import Batch
from server.history.influx import InfluxHistory
from server.history.series_tags import SeriesTags
from tests.influxdb import temporary_influxdb, v2_in_front_of
from tests.stores import STORE_MARKS, ask_influx, influx_in, new_database, new_influx

pytestmark = STORE_MARKS
NUMBERS = count(1)
NOON = 20_000 * 86_400_000 + 43_200_000


@cache
def odd_names() -> InfluxBackend:
    return new_database()


def batch(start: int, rows: int, *, series: int = 1) -> Batch:
    made = Batch()
    for at in range(start, start + rows):
        made.add(series, NOON + at, at)
    return made


def test_a_store_that_is_killed_has_every_reading_once_afterwards(tmp_path: Path) -> None:
    port = free_port()
    with (
        v2_in_front_of(f"http://127.0.0.1:{port}") as url,
        closing(
            influx_in(InfluxBackend(kind="influxdb", url=url, organisation="estate"))
        ) as history,
    ):
        with temporary_influxdb(port, tmp_path):
            ask_influx(url, 'CREATE DATABASE "plantroom"')
            history.append(batch(0, 12_000))
        with pytest.raises(StoreError, match="InfluxDB http"):
            history.append(batch(12_000, 100))
        with pytest.raises(StoreError, match="InfluxDB http"):
            history.raw(1, NOON, NOON + 100, 1)
    with (
        temporary_influxdb(port, tmp_path) as behind,
        v2_in_front_of(behind.url) as url,
        closing(
            influx_in(InfluxBackend(kind="influxdb", url=url, organisation="estate"))
        ) as history,
    ):
        history.append(batch(11_000, 1100))
        history.append(batch(12_000, 100))
        rows = history.raw(1, NOON, NOON + 20_000, 20_000)
        assert [row.value for row in rows] == list(range(12_100))


def test_a_series_whose_class_and_name_change_goes_on() -> None:
    backend, tags = new_database(), [SeriesTags("pump", "a", "g", "p", "t")]
    with closing(
        InfluxHistory(
            backend,
            token="secret",
            describe=lambda _: tags[0],
            clock=SystemClock(),
            metrics=CollectorRegistry(),
            retention_days=1825,
        )
    ) as history:
        history.append(batch(0, 10))
        tags[0] = SeriesTags("fan", "a", "g", "renamed", "t")
        history.append(batch(5, 10))
        assert [row.value for row in history.raw(1, NOON, NOON + 99, 99)] == list(range(15))
        (bucket,) = history.buckets(1, NOON, NOON + 99, 1)
        assert (bucket.minimum, bucket.maximum, bucket.count) == (0, 14, 15)
        assert [one.value for one in history.last_values()] == [14]


ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
NASTY = ["#1", " a", "a\\", "\\", "a b,c=d", '"q"', "\n", "\t#", "a\n#b", "time", ""]
ODD = st.one_of(ANY, st.sampled_from(NASTY))


@pytest.mark.timeout(600)
@given(tags=st.builds(SeriesTags, ODD, ODD, ODD, ODD, ODD), text=ODD, reason=ODD)
def test_no_name_and_no_text_costs_a_reading(tags: SeriesTags, text: str, reason: str) -> None:
    number = next(NUMBERS)
    made = Batch()
    made.add(number, NOON, text, Quality.BAD, reason)
    made.add(number, NOON + 1, 1.5)
    with closing(influx_in(odd_names(), describe=lambda _: tags)) as history:
        history.append(made)
        found = history.raw(number, NOON, NOON + 2, 9)
    assert [(row.value, row.reason) for row in found] == [(text, reason), (1.5, "")]


def test_texts_that_are_more_than_a_server_takes_at_once_are_sent_in_parts() -> None:
    made = Batch()
    for at in range(60):
        made.add(1, NOON + at, f"{at}" + "x" * 900_000)
    with closing(new_influx()) as history:
        history.append(made)
        assert [row.value for row in history.raw(1, NOON, NOON + 60, 60)] == made.values


def test_readings_are_found_by_class_and_by_the_names_people_use() -> None:
    backend = new_database()
    with closing(influx_in(backend)) as history:
        history.append(batch(0, 3))
        history.append(batch(0, 3, series=2))
        statement = "SELECT mean(integer) FROM heating_pump WHERE \"point\" = 'temperature 2'"
        parameters = {"db": backend.bucket, "q": statement}
        answer = httpx.get(f"{backend.url}/query", params=parameters, trust_env=False).json()
        assert answer["results"][0]["series"][0]["values"][0][1] == 1


def test_last_values_outlive_what_influxdb_deletes() -> None:
    backend = new_database()
    with closing(influx_in(backend, retention_days=30)) as history:
        made = Batch()
        made.add(1, NOON, "on")
        made.add(1, NOON, "off")
        made.add(2, NOON, 5)
        history.append(made)
        history.maintain(NOON + 28 * 86_400_000)
        history.maintain(NOON + 29 * 86_400_000)
        for measurement in ("heating_pump", "electricity, meter=1"):
            ask_influx(
                f"{backend.url}", f'DROP MEASUREMENT "{measurement}"', database=backend.bucket
            )
    with closing(influx_in(backend, retention_days=30)) as history:
        assert sorted(
            (one.series_id, one.taken_at, one.value) for one in history.last_values()
        ) == [
            (1, NOON, "off"),
            (1, NOON, "on"),
            (2, NOON, 5),
        ]
        history.append(batch(1, 1, series=2))
        assert [one.value for one in history.last_values() if one.series_id == 2] == [1]


def test_a_bucket_is_checked_and_made_to_keep_readings_for_long_enough() -> None:
    backend = new_database()
    with closing(influx_in(backend, retention_days=30)) as history:
        assert "deletes nothing" in history.check(lengthen=True)
        policy = (
            f'ALTER RETENTION POLICY "autogen" ON "{backend.bucket}" DURATION 48h SHARD DURATION 1h'
        )
        ask_influx(backend.url, policy)
        assert "keeps 2 days; at the start this is made 30 days" in history.check(lengthen=False)
        assert history.check(lengthen=True).endswith("keeps 30 days")
        assert history.check(lengthen=False).endswith("keeps 30 days")
    missing = influx_in(backend.model_copy(update={"bucket": "no_such"}))
    with pytest.raises(StoreError, match=r"no database 'no_such'; there are: .*CREATE DATABASE"):
        missing.check(lengthen=True)
    missing.close()


def test_what_is_older_than_influxdb_keeps_is_dropped_and_counted() -> None:
    backend = new_database()
    ask_influx(
        backend.url,
        f'ALTER RETENTION POLICY "autogen" ON "{backend.bucket}" DURATION 48h SHARD DURATION 1h',
    )
    metrics = CollectorRegistry()
    with closing(
        InfluxHistory(
            backend,
            token="secret",
            describe=lambda _: SeriesTags("pump"),
            clock=SystemClock(),
            metrics=metrics,
            retention_days=2,
        )
    ) as history:
        now = SystemClock().now_ms()
        made = batch(0, 3)
        made.add(1, now, 7)
        history.append(made)
        assert [row.value for row in history.raw(1, 0, now + 1, 10)] == [7]
        assert metrics.get_sample_value("plantroom_history_expired_readings_total") == 3


def test_a_bucket_with_fields_of_another_type_is_refused() -> None:
    backend = new_database()
    parameters = {"db": backend.bucket, "precision": "ns"}
    line = f'pump,series_id=9 integer="text" {NOON * 1_000_000}'
    behind = httpx.post(f"{backend.url}/write", params=parameters, content=line, trust_env=False)
    assert behind.is_success
    with (
        closing(
            InfluxHistory(
                backend,
                token="secret",
                describe=lambda _: SeriesTags("pump"),
                clock=SystemClock(),
                metrics=CollectorRegistry(),
                retention_days=1825,
            )
        ) as history,
        pytest.raises(StoreError, match="field type conflict"),
    ):
        history.append(batch(0, 3))


def test_a_query_over_a_day_of_seconds_is_answered_in_pages() -> None:
    with closing(new_influx()) as history:
        history.append(batch(0, 30_000))
        assert len(history.raw(1, NOON, NOON + 30_000, 25_000)) == 25_000
        found = history.buckets(1, NOON, NOON + 30_000, 500)
        assert [bucket.count for bucket in found] == [60] * 500


def test_a_server_with_the_embedded_store_loads_no_client_of_another() -> None:
    code = "import sys, server.app; sys.exit('influxdb_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
