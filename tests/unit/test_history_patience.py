"""A question ends in the store when nobody waits for its answer any more."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
from prometheus_client import CollectorRegistry

from config.history import InfluxBackend, VictoriaBackend
from server.core.clock import Clock, SystemClock
from server.core.errors import StoreAwayError, StoreError
from server.history import store_http
from server.history.duckdb import DuckHistory
from server.history.influx import InfluxHistory
from server.history.patience import waited_for
from server.history.questions import Plan
from server.history.series_tags import SeriesTags
from server.history.shared import SharedHistory
from server.history.victoria import VictoriaHistory
from tests.fakes.agent_clock import FakeClock

NOON = 20_000 * 86_400_000 + 43_200_000
TOO_LONG = "took too long: ask for a shorter range or for fewer points"
Make = Callable[[str, Clock, float], SharedHistory]


class Enemy(BaseHTTPRequestHandler):
    """Answers in drops, or breaks its answers off."""

    asked: list[str]
    ended: Event
    drops = 0
    """Bytes that come, of a million; one each 10 ms."""

    def do_POST(self) -> None:
        self.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        try:
            for _ in range(self.drops):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.01)
        except OSError:
            self.ended.set()  # whoever asked has hung up
        self.close_connection = True

    def log_message(self, format: str, *_args: object) -> None:  # noqa: A002 (of the base)
        """Say nothing."""


@pytest.fixture
def enemy() -> Iterator[tuple[type[Enemy], str]]:
    kind = type("One", (Enemy,), {"asked": [], "ended": Event()})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield kind, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _describe(_series: int) -> SeriesTags:
    return SeriesTags("pump")


def _more(clock: Clock) -> dict[str, Any]:
    return {
        "token": "",
        "describe": _describe,
        "clock": clock,
        "metrics": CollectorRegistry(),
        "retention_days": 30,
    }


def _victoria(url: str, clock: Clock, timeout_s: float) -> SharedHistory:
    backend = VictoriaBackend(kind="victoriametrics", url=url, timeout_s=timeout_s)
    return VictoriaHistory(backend, **_more(clock))


def _influx(url: str, clock: Clock, timeout_s: float) -> SharedHistory:
    backend = InfluxBackend(kind="influxdb", url=url, timeout_s=timeout_s)
    return InfluxHistory(backend, **_more(clock))


stores = pytest.mark.parametrize("make", [_victoria, _influx], ids=["victoriametrics", "influxdb"])


@stores
def test_an_answer_in_drops_is_waited_for_no_longer_than_who_asks_waits(
    enemy: tuple[type[Enemy], str], make: Make
) -> None:
    kind, url = enemy
    kind.drops = 1_000_000
    clock = SystemClock()
    with closing(make(url, clock, 10)) as history:
        with (
            waited_for(clock, clock.monotonic_s() + 0.1),
            pytest.raises(StoreError, match=TOO_LONG),
        ):
            history.raw(1, NOON, NOON + 1000, 10)
        assert kind.ended.wait(20)


@stores
def test_an_answer_in_drops_does_not_hold_up_what_nobody_hurries(
    enemy: tuple[type[Enemy], str], make: Make
) -> None:
    kind, url = enemy
    kind.drops = 1_000_000
    with (
        closing(make(url, SystemClock(), 0.05)) as history,
        pytest.raises(StoreAwayError, match=r"no whole answer within 0\.3 s|timed out"),
    ):
        history.raw(1, NOON, NOON + 1000, 10)


@stores
def test_an_answer_that_breaks_off_is_none(enemy: tuple[type[Enemy], str], make: Make) -> None:
    kind, url = enemy
    kind.drops = 5
    with (
        closing(make(url, SystemClock(), 10)) as history,
        pytest.raises(StoreAwayError, match="RemoteProtocolError"),
    ):
        history.raw(1, NOON, NOON + 1000, 10)


@stores
def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    enemy: tuple[type[Enemy], str], make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, url = enemy
    kind.drops = 1_000_000
    monkeypatch.setattr(store_http, "_MOST_BYTES", 3)
    with (
        closing(make(url, SystemClock(), 10)) as history,
        pytest.raises(StoreError, match="an answer of more than 3 bytes: ask for a shorter range"),
    ):
        history.raw(1, NOON, NOON + 1000, 10)
    assert kind.ended.wait(20)


@stores
def test_nothing_is_asked_for_somebody_who_does_not_wait(
    enemy: tuple[type[Enemy], str], make: Make
) -> None:
    kind, url = enemy
    clock = FakeClock()
    with closing(make(url, clock, 10)) as history, waited_for(clock, clock.monotonic_s() + 30):
        clock.advance(30)
        with pytest.raises(StoreError, match=TOO_LONG):
            history.raw(1, NOON, NOON + 1000, 10)
    assert kind.asked == []


def test_victoriametrics_is_told_for_how_long_it_may_work(enemy: tuple[type[Enemy], str]) -> None:
    kind, url = enemy
    clock = FakeClock()
    with closing(_victoria(url, clock, 10)) as history:
        for rest_s in (30, 90):
            with waited_for(clock, clock.monotonic_s() + rest_s), pytest.raises(StoreAwayError):
                history.raw(1, NOON, NOON + 1000, 10)
        with pytest.raises(StoreAwayError):
            history.raw(1, NOON, NOON + 1000, 10)
    said = [parse_qs(body)["timeout"] for body in kind.asked]
    assert said == [["30000ms"], ["60000ms"], ["60000ms"]]


def test_a_question_to_the_embedded_store_ends_when_nobody_waits(tmp_path: Path) -> None:
    endless = "SELECT sum(range % 7) FROM range(1_000_000_000_000)"
    clock = SystemClock()
    with closing(DuckHistory(tmp_path)) as history:
        asking = history._asking  # pyright: ignore[reportPrivateUsage]
        for _ in range(2):
            with (
                waited_for(clock, clock.monotonic_s() + 0.05),
                pytest.raises(StoreError, match=TOO_LONG),
            ):
                asking.rows([1], lambda _: (Plan(), endless))
        assert asking.rows([1], lambda _: (Plan(), "SELECT 1")) == [(1,)]
        assert history.damages() == []
