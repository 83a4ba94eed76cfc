"""What the server does for its web process, and what it leaves."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from server.core.errors import StoreError
from server.history.rationed import RationedReader
from server.web.desk import Desk
from server.web.link import Frame
from server.web.remote import HISTORY_S
from tests.fakes.agent_clock import FakeClock
from tests.patience import PATIENCE_S


class SlowHistory:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.go_on = threading.Event()

    def packed_raw(self, series: int, _start: int, _end: int, _limit: int) -> bytes:
        self.asked.append(series)
        assert self.go_on.wait(PATIENCE_S)
        return b"rows"


@pytest.mark.long
async def test_a_question_that_nobody_waits_for_any_more_is_left() -> None:
    clock, history = FakeClock(), SlowHistory()
    parts = ("records", "values", "checks", "late_s", "notes", "metrics")
    services = SimpleNamespace(clock=clock, **dict.fromkeys(parts))
    desk = Desk(
        cast("Any", None),
        cast("Any", services),
        history=cast("Any", history),
        reader=RationedReader(clock),
    )
    first, late = (
        asyncio.create_task(desk.answer(Frame("raw", {"of": (series, 0, 1, 1)})))
        for series in (1, 2)
    )
    while not history.asked:
        await asyncio.sleep(0.001)
    clock.advance(HISTORY_S + 1)
    history.go_on.set()
    assert (await first).body == b"rows"
    with pytest.raises(StoreError, match="out of date"):
        await late
    assert history.asked == [1]
