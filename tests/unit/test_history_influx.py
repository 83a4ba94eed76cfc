"""An InfluxDB in trouble, and one whose bucket is not what it should be."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from config.errors import ConfigError
from config.history import HistorySettings, InfluxBackend
from server.core.errors import StoreAwayError, StoreError
from server.history.base import Batch
from server.history.duckdb import DuckHistory
from server.history.influx import InfluxHistory
from server.history.opening import open_history, try_history
from server.history.series_tags import SeriesTags
from tests.fakes.agent_clock import FakeClock
from tests.fakes.influxdb import FakeInflux, fake_influxdb

NOON = 20_000 * 86_400_000 + 43_200_000


@pytest.fixture
def fake() -> Iterator[FakeInflux]:
    with fake_influxdb() as made:
        yield made


@pytest.fixture
def metrics() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def history(
    fake: FakeInflux, clock: FakeClock, metrics: CollectorRegistry
) -> Iterator[InfluxHistory]:
    made = InfluxHistory(
        InfluxBackend(kind="influxdb", url=fake.url, timeout_s=0.3),
        token="secret",
        describe=lambda _: SeriesTags("pump", "a", "g", "p", "t"),
        clock=clock,
        metrics=metrics,
        retention_days=30,
    )
    yield made
    made.close()


def batch(*values: int) -> Batch:
    made = Batch()
    for at, value in enumerate(values):
        made.add(1, NOON + at, value)
    return made


def writes(fake: FakeInflux) -> list[str]:
    asked = zip(fake.asked, fake.bodies, strict=True)
    return [body for what, body in asked if what == "POST /api/v2/write"]


def test_readings_go_as_lines_in_batches_of_five_thousand(
    fake: FakeInflux, history: InfluxHistory
) -> None:
    history.append(batch(*range(12_000)))
    assert [body.count("\n") + 1 for body in writes(fake)] == [5000, 5000, 2000]
    first, *_ = writes(fake)[0].splitlines()
    where = "pump,equipment=p,gateway=g,point=t,site=a,series_id=1"
    assert first == f"{where} integer=0i,quality=192i {NOON}000000"
    assert fake.authorization == "Token secret"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 502, 503])
def test_a_refused_write_is_a_store_error_with_the_servers_words(
    fake: FakeInflux, history: InfluxHistory, status: int
) -> None:
    fake.write = (status, {}, '{"code": "x", "message": "these very words"}')
    with pytest.raises(StoreError, match=f"{status} these very words"):
        history.append(batch(1))


@pytest.mark.parametrize(("status", "lines"), [(500, 2), (503, 2), (400, 1)])
def test_what_a_server_could_not_keep_is_written_again_although_it_shows_it(
    fake: FakeInflux, history: InfluxHistory, status: int, lines: int
) -> None:
    """InfluxDB shows readings that its full disk had no room for; they end with its process."""
    fake.write = (status, {}, '{"code": "internal error", "message": "no space left on device"}')
    with pytest.raises(StoreError):
        history.append(batch(1))
    fake.write = (204, {}, "")
    later = Batch()
    later.add(2, NOON, 7)
    history.append(later)
    assert len(writes(fake)[-1].splitlines()) == lines
    history.append(batch(1, 2, 3))
    assert len(writes(fake)[-1].splitlines()) == 3


def test_a_slow_server_is_given_up(fake: FakeInflux, history: InfluxHistory) -> None:
    history.append(batch(1))
    fake.delay_s = 0.6
    with pytest.raises(StoreError, match="Timeout"):
        history.append(batch(1, 2))
    with pytest.raises(StoreError, match="Timeout"):
        history.raw(1, NOON, NOON + 1, 1)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "after",
    [
        lambda _: "30",
        lambda now: format_datetime(datetime.fromtimestamp(now / 1000 + 30, UTC), usegmt=True),
    ],
    ids=["seconds", "date"],
)
def test_nothing_is_sent_before_the_pause_that_was_asked_for_has_passed(
    fake: FakeInflux,
    history: InfluxHistory,
    clock: FakeClock,
    status: int,
    after: Callable[[int], str],
) -> None:
    history.append(batch(1))
    fake.write = (status, {"Retry-After": after(clock.now_ms())}, "busy")
    with pytest.raises(StoreError, match="busy"):
        history.append(batch(1, 2))
    fake.write = (204, {}, "")
    asked = len(fake.asked)
    clock.advance(28)
    with pytest.raises(StoreError, match="asked for a pause"):
        history.append(batch(1, 2))
    assert len(fake.asked) == asked
    clock.advance(3)
    history.append(batch(1, 2))


@pytest.mark.parametrize(
    "said", ["soon", "-5", "", "9" * 40, "\xb2", "Fri, 31 Dec 9999 23:59:59 GMT"]
)
def test_a_pause_that_means_nothing_is_none_or_bounded(
    fake: FakeInflux, history: InfluxHistory, clock: FakeClock, said: str
) -> None:
    fake.write = (503, {"Retry-After": said}, "busy")
    with pytest.raises(StoreError, match="busy"):
        history.append(batch(1))
    fake.write = (204, {}, "")
    clock.advance(601)
    history.append(batch(1))


def test_dropped_lines_are_counted_and_only_expired_ones_let_go(
    fake: FakeInflux, history: InfluxHistory, metrics: CollectorRegistry
) -> None:
    partial = "partial write: points beyond retention policy dropped=3"
    fake.write = (400, {}, f'{{"error": "{partial}"}}')
    history.append(batch(1, 2, 3, 4))
    partial = 'partial write: field type conflict: input field \\"integer\\" dropped=2'
    fake.write = (400, {}, f'{{"error": "{partial}"}}')
    with pytest.raises(StoreError, match="field type conflict"):
        history.append(batch(5))
    count = metrics.get_sample_value
    assert count("plantroom_history_partial_writes_total") == 2
    assert count("plantroom_history_expired_readings_total") == 3


def test_version_2_says_in_other_words_that_lines_are_too_old(
    fake: FakeInflux, history: InfluxHistory, metrics: CollectorRegistry
) -> None:
    said = "partial write: dropped 2 points outside retention policy of duration 720h0m0s"
    fake.write = (422, {}, f'{{"code": "unprocessable entity", "message": "failure: {said}"}}')
    history.append(batch(1, 2, 3))
    assert metrics.get_sample_value("plantroom_history_expired_readings_total") == 2


def test_a_range_that_only_its_readings_can_tell_of_has_a_bound(
    fake: FakeInflux, history: InfluxHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.history.shared._MOST_ROWS", 2)
    row = [NOON * 1_000_000, None, None, "nan", None, None, 192, None]
    columns = ["time", "number", "integer", "literal", "boolean", "text", "quality", "reason"]
    series = {"name": "pump", "columns": columns, "values": [row] * 3}
    monkeypatch.setattr(history, "_summaries", lambda *_: None)
    fake.results = [{"statement_id": 0, "series": [series]}]
    with pytest.raises(StoreError, match="ask for a shorter range"):
        history.buckets(1, NOON, NOON + 10, 5)


def test_what_a_failed_write_may_have_stored_is_looked_up_and_written_as_it_was(
    fake: FakeInflux, history: InfluxHistory
) -> None:
    fake.write = (500, {}, "no")
    with pytest.raises(StoreError):
        history.append(batch(1, 2))
    columns = ["time", "number", "integer", "literal", "boolean", "text", "quality", "reason"]
    row = [NOON * 1_000_000, None, 1, None, None, None, 192, None]
    series = {"name": "pump", "tags": {"series_id": "1"}, "columns": columns, "values": [row]}
    fake.results = [{"statement_id": 0, "series": [series]}]
    fake.write = (204, {}, "")
    history.append(batch(1, 2))
    assert writes(fake)[-1] == writes(fake)[0]
    assert writes(fake)[-1].endswith(f"integer=2i,quality=192i {NOON + 1}000000")


@pytest.mark.parametrize(
    "answer",
    [
        "<html>",
        "[]",
        '{"results": []}',
        '{"results": [{"error": "no such thing"}]}',
        '{"results": [{"series": [{"partial": true}], "partial": true}, {}]}',
        "null",
        '{"results": [{"series": [{}]}]}',
    ],
)
def test_an_answer_that_is_none_is_a_store_error(
    fake: FakeInflux, history: InfluxHistory, answer: str
) -> None:
    fake.raw_answer = answer
    with pytest.raises(StoreError, match="InfluxDB"):
        history.raw(1, NOON, NOON + 1, 1)


def test_a_bucket_of_2_is_looked_for_and_its_retention_lengthened(
    fake: FakeInflux, history: InfluxHistory
) -> None:
    with pytest.raises(StoreError, match=r"no bucket 'plantroom'.*influx bucket create"):
        history.check(lengthen=True)
    rule = {"type": "expire", "everySeconds": 86_400, "shardGroupDurationSeconds": 3600}
    fake.buckets = [{"id": "1", "name": "plantroom", "orgID": "2", "retentionRules": [rule]}]
    assert "keeps 1 days; at the start this is made 30 days" in history.check(lengthen=False)
    assert history.check(lengthen=True).endswith("keeps 30 days")
    assert fake.buckets[0]["retentionRules"][0]["everySeconds"] == 30 * 86_400
    fake.buckets[0]["retentionRules"] = []
    assert "deletes nothing" in history.check(lengthen=True)


def test_what_answers_and_is_no_influxdb_is_refused(
    fake: FakeInflux, history: InfluxHistory
) -> None:
    fake.version = ""
    with pytest.raises(StoreError, match="no InfluxDB"):
        history.check(lengthen=True)
    fake.version = "v3.2.0"
    assert history.check(lengthen=True).startswith("InfluxDB 3.2.0, plantroom; how long")


def settings(path: Path, url: str, token_file: Path | None = None) -> HistorySettings:
    backend = InfluxBackend(kind="influxdb", url=url, token_file=token_file)
    return HistorySettings(path=path, backend=backend)


@pytest.mark.parametrize(
    ("text", "mode", "wrong"),
    [
        ("abc\n", 0o640, "mode 640 lets others read it; expected 600"),
        ("", 0o600, "expected one token in one line"),
        ("two words", 0o600, "expected one token in one line"),
    ],
)
def test_a_token_file_that_is_empty_or_open_to_others_is_refused(
    tmp_path: Path, clock: FakeClock, text: str, mode: int, wrong: str
) -> None:
    path = tmp_path / "token"
    path.write_text(text, "utf-8")
    path.chmod(mode)
    with pytest.raises(ConfigError, match=wrong):
        try_history(settings(tmp_path, "http://127.0.0.1:1", path), clock)
    with pytest.raises(ConfigError, match=r"history\.backend.token_file"):
        try_history(settings(tmp_path, "http://127.0.0.1:1", tmp_path / "none"), clock)


def test_a_server_that_is_not_there_is_told_by_the_check_and_waited_for_by_the_start(
    tmp_path: Path, clock: FakeClock, fake: FakeInflux
) -> None:
    nobody = settings(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(StoreAwayError, match=r"InfluxDB http://127\.0\.0\.1:1: ConnectError"):
        try_history(nobody, clock)
    fake.everything = (503, {}, "starting")
    opened = open_history(
        settings(tmp_path, fake.url),
        describe=lambda _: SeriesTags("pump"),
        clock=clock,
        metrics=CollectorRegistry(),
    )
    with pytest.raises(StoreAwayError, match="503 starting"):
        opened.append(batch(1))
    fake.everything = None
    with pytest.raises(StoreError, match="no bucket 'plantroom'"):
        opened.append(batch(1))
    opened.close()


def test_the_embedded_store_is_the_default(
    tmp_path: Path, clock: FakeClock, metrics: CollectorRegistry
) -> None:
    embedded = HistorySettings(path=tmp_path / "history")
    assert try_history(embedded, clock) == ""
    opened = open_history(
        embedded, describe=lambda _: SeriesTags("pump"), clock=clock, metrics=metrics
    )
    assert isinstance(opened, DuckHistory)
    opened.close()
