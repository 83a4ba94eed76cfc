"""Values in parts, flags in words, and a VictoriaMetrics in trouble."""

import math
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from config.history import VictoriaBackend
from protocols.reading import Value
from server.core.errors import StoreAwayError, StoreError
from server.history.base import Batch
from server.history.exact_parts import Part, number_of_single, parts_of, value_of
from server.history.places import said
from server.history.series_tags import SeriesTags
from server.history.victoria import VictoriaHistory
from server.history.victoria_start import retention_ms
from server.history.victoria_summary import bucket_question
from tests.fakes.agent_clock import FakeClock

DAY_MS = 86_400_000


@given(st.one_of(st.floats(), st.floats(width=32), st.integers(-(2**63), 2**64 - 1), st.booleans()))
def test_a_number_comes_back_from_its_parts(value: Value) -> None:
    parts = parts_of(value)
    whole = {part: float(number) for part, number in parts.items()}
    assert said(value_of(whole, ""), 192, "") == said(value, 192, "")
    exact = [number for part, number in parts.items() if part not in (Part.NUMBER, Part.WIDE)]
    assert all(abs(number) <= 2**53 and number == int(number) for number in exact)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.floats(width=32))
def test_singles_are_in_the_order_of_their_numbers(one: float, other: float) -> None:
    parts = [parts_of(value).get(Part.SINGLE) for value in (one, other)]
    for value, image in zip((one, other), parts, strict=True):
        assert image is None or number_of_single(image) == value
    if None not in parts and not math.isnan(other):
        assert (parts[0] < parts[1]) == (one < other)  # pyright: ignore[reportOperatorIssue]


@pytest.mark.parametrize(
    ("said_", "days"),
    [("1", 31), ("12", 372), ("0.5", 15.5), ("36h", 1.5), ("10d", 10), ("2w", 14), ("5y", 1825)],
)
def test_a_retention_is_in_months_or_has_a_unit(said_: str, days: float) -> None:
    assert retention_ms(said_) == days * DAY_MS


class Fake(BaseHTTPRequestHandler):
    """Answers everything alike."""

    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")
    asked: list[str]

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append(self.path)
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 (of the base)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def fake() -> type[Fake]:
    return type("One", (Fake,), {"asked": []})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def history(fake: type[Fake], clock: FakeClock) -> Iterator[VictoriaHistory]:
    with ThreadingHTTPServer(("127.0.0.1", 0), fake) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        made = VictoriaHistory(
            VictoriaBackend(
                kind="victoriametrics", url=f"http://127.0.0.1:{server.server_address[1]}"
            ),
            token="user:password",
            describe=lambda _: SeriesTags("pump"),
            clock=clock,
            metrics=CollectorRegistry(),
            retention_days=30,
        )
        yield made
        made.close()
        server.shutdown()
        thread.join()


def one_reading(clock: FakeClock) -> Batch:
    made = Batch()
    made.add(1, clock.now_ms(), 1.5)
    return made


@pytest.mark.parametrize("status", [429, 503])
def test_nothing_is_asked_before_the_pause_is_over(
    fake: type[Fake], history: VictoriaHistory, clock: FakeClock, status: int
) -> None:
    fake.answer = (status, {"Retry-After": "30"}, b"busy")
    with pytest.raises(StoreAwayError, match=f"{status} busy"):
        history.append(one_reading(clock))
    with pytest.raises(StoreAwayError, match=r"asked for a pause, 30\.0 s of which are left"):
        history.raw(1, 0, clock.now_ms(), 10)
    assert len(fake.asked) == 1
    clock.advance(31)
    with pytest.raises(StoreAwayError, match="busy"):
        history.append(one_reading(clock))
    assert len(fake.asked) == 2


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (401, b"no", StoreError, "401 no: history.backend.token_file"),
        (403, b"no", StoreError, "403 no: no authKey may be set"),
        (404, b"no", StoreError, "404 no: is this a single-node"),
        (500, b"oops", StoreAwayError, "500 oops"),
        (200, b"hello", StoreError, "no VictoriaMetrics"),
    ],
)
def test_what_is_wrong_is_said(
    fake: type[Fake],
    history: VictoriaHistory,
    *,
    status: int,
    body: bytes,
    kind: type[StoreError],
    text: str,
) -> None:
    fake.answer = (status, {}, body)
    with pytest.raises(StoreError, match=text) as raised:
        history.check(lengthen=False)
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"no json",
        b'{"status":"success"}',
        b'{"data":{"result":[{}]}}',
        b'{"isPartial":true}',
    ],
)
def test_an_answer_that_is_none_is_a_store_error(
    fake: type[Fake], history: VictoriaHistory, clock: FakeClock, body: bytes
) -> None:
    fake.answer = (200, {}, body)
    with pytest.raises(StoreError, match="VictoriaMetrics http"):
        history.buckets(1, clock.now_ms() - 1000, clock.now_ms(), 10)


@pytest.mark.parametrize("figures", [("average",), ("minimum", "last"), ("count",)])
def test_each_metric_is_asked_once_for_all_that_is_wanted_of_it(figures: tuple[str, ...]) -> None:
    """Asked twice while readings come, its sum would be of other readings than their number."""
    question = bucket_question([7], 60_000, 0, figures)
    asked = re.findall(r'\{series_id="7",quality(!?)="192"(?:,__name__=~"([^"]*)")?\}', question)
    assert len(asked) == question.count("aggr_over_time") == question.count('"count_over_time"')
    for part in Part:
        matching = [
            name for bad, name in asked if not bad and re.fullmatch(name, f"heating_pump_{part}")
        ]
        assert len(matching) == 1, part
    assert [name for bad, name in asked if bad] == [""]
