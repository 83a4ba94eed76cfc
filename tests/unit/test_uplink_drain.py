"""Live first, backlog at its rate, nothing poured into a void; with a fake connection and clock."""

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from config.edge import JournalSettings
from edge_agent.errors import JournalFullError
from edge_agent.journal.base import Row
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.uplink.inbound import Rebirth
from edge_agent.uplink.node import MAX_QUEUED_BYTES
from tests.fakes.agent_clock import FakeClock
from tests.fakes.gateway import NOW, reading
from tests.fakes.uplink_bench import Bench


async def test_the_backlog_keeps_to_its_rate() -> None:
    bench = Bench(connected=False, backlog_rate=1000)
    bench.say(*range(100))
    bench.connect()
    pauses = await bench.drain_all()

    assert bench.connection.offsets() == list(range(100))
    assert all(m.is_historical for p in bench.connection.data() for m in p.metrics)
    assert abs(sum(pauses) - 200 / 1000) < 0.02


async def test_live_readings_go_before_a_long_backlog() -> None:
    bench = Bench(connected=False)
    bench.say(*range(200))
    bench.connect()
    await bench.drain.step()
    bench.say(999)
    await bench.drain.step()

    assert bench.connection.offsets() == [*range(50), 200, *range(50, 100)]


async def test_a_slow_broker_leaves_live_data_in_the_journal_until_it_is_fast_again() -> None:
    bench = Bench()
    bench.say(1)
    bench.connection.queued_bytes = MAX_QUEUED_BYTES + 1
    bench.say(2, 3)
    await bench.drain.step()
    assert bench.connection.offsets() == [0]

    bench.connection.queued_bytes = 0
    bench.say(4)
    await bench.drain.step()
    assert bench.connection.offsets() == [0, 3, 1, 2]
    assert [p.metrics[0].is_historical for p in bench.connection.data()] == [
        False, False, True, True
    ]  # fmt: skip


async def test_nobody_acknowledging_gets_a_probe_each_timeout_not_the_whole_backlog() -> None:
    bench = Bench(connected=False, ack_timeout_s=10, backlog_rate=10_000)
    bench.say(*range(1000))
    bench.connect()
    bench.clock.advance(11)
    pause = await bench.drain.step()
    assert (len(bench.connection.data()), pause) == (50, 10)

    bench.book.acknowledged([(0, 49)], bench.clock.monotonic_s())
    assert await bench.drain.step() < 0.1


async def test_unacknowledged_live_rows_are_sent_again_and_acknowledged_ones_are_not() -> None:
    bench = Bench(ack_timeout_s=10)
    bench.say(1, 2, 3)
    bench.journal.acknowledge([(1, 1)])
    bench.clock.advance(10)
    bench.say(4)
    await bench.drain_all()
    await bench.drain.step()

    assert bench.connection.offsets() == [0, 1, 2, 3, 0, 2]


async def test_without_acknowledgements_a_row_leaves_after_its_time_on_a_living_connection() -> (
    None
):
    bench = Bench(acknowledgement="state", ack_timeout_s=10)
    bench.say(1, 2)
    bench.clock.advance(9)
    await bench.drain.step()
    assert bench.journal.stats().rows == 2
    bench.lose_connection()
    bench.clock.advance(5)
    bench.connect()
    await bench.drain_all()
    assert bench.connection.offsets() == [0, 1]
    bench.clock.advance(10)
    await bench.drain.step()
    assert bench.journal.stats().rows == 0


async def test_a_device_that_is_down_is_opened_for_its_backlog_and_closed_after_it() -> None:
    bench = Bench(connected=False)
    bench.say(1, 2)
    bench.uplink.device_down("p1", NOW, "timeout")
    bench.connect()
    born = len(bench.connection.sent)
    await bench.drain_all()
    await bench.drain.step()

    kinds = [topic.kind.value for topic, _ in bench.connection.sent[born:]]
    # Two readings, and that it is offline.
    assert kinds == ["DBIRTH", "DDATA", "DDATA", "DDATA", "DDEATH"]


async def test_a_connection_that_just_went_loses_no_row() -> None:
    bench = Bench()
    bench.connection.lost = True
    bench.say(1, 2)
    assert await bench.drain.step() > 0
    assert list(bench.book.due) == [(0, 1)]
    assert bench.journal.stats().rows == 2


async def test_a_row_that_cannot_be_read_does_not_stop_the_others() -> None:
    bench = Bench(connected=False)
    bench.say(1)
    bench.journal.append("p1", b"\xff\xff\xff", taken_at=NOW)
    bench.say(2)
    bench.connect()
    await bench.drain_all()

    assert bench.connection.offsets() == [0, 2]
    assert [row.offset for row in await bench.journal.read(0, 9, limit=9)] == [0, 2]


async def test_rows_acknowledged_and_not_deleted_yet_hide_none_behind_them(tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    async with SqliteJournal(JournalSettings(path=tmp_path / "j.sqlite"), clock) as journal:
        bench = Bench(connected=False, journal=journal, acknowledgement="state")
        bench.say(*range(2000))
        await journal.commit()
        bench.connect()
        journal.acknowledge([(3, 3)])
        await bench.drain_all()
        assert bench.connection.offsets() == [n for n in range(2000) if n != 3]


async def test_what_was_acknowledged_is_looked_up_once_more_and_then_forgotten() -> None:
    bench = Bench(connected=False, ack_timeout_s=10)
    bench.say(*range(500))
    bench.connect()
    while bench.book.due:
        bench.clock.advance(await bench.drain.step())
        ranges = [(offset, offset) for offset in bench.connection.offsets()]
        bench.journal.acknowledge(ranges)
        bench.book.acknowledged(ranges, bench.clock.monotonic_s())
    bench.clock.advance(11)
    await bench.drain.step()
    await bench.drain_all()
    assert not bench.book._live
    assert not bench.book._resent
    assert bench.connection.offsets() == list(range(500))


async def test_a_journal_that_cannot_be_read_costs_the_backlog_a_pause_and_nothing_else() -> None:
    bench = Bench(connected=False)
    bench.say(1, 2)
    bench.connect()
    read, bench.journal.read = bench.journal.read, refuse  # type: ignore[method-assign]
    with capture_logs() as logs:
        assert [await bench.drain.step() for _ in range(3)] == [1.0] * 3
    assert [entry["event"] for entry in logs] == ["journal_not_readable"]
    bench.say(3)
    assert bench.connection.offsets() == [2]
    bench.journal.read = read  # type: ignore[method-assign]
    await bench.drain_all()
    assert bench.connection.offsets() == [2, 0, 1]
    assert bench.uplink.stats().failed_reads == 3


async def refuse(first: int, last: int, *, limit: int) -> list[Row]:
    raise JournalFullError(f"disk I/O error at {first}..{last}, {limit}")


async def test_no_more_is_under_way_than_what_is_acknowledged_in_about_a_second() -> None:
    """A line that takes 300 readings a second: live data must not wait for more than two."""
    bench = Bench(connected=False)
    bench.say(*range(3000))
    bench.connect()
    line = SlowLine(bench, readings_per_s=300)
    longest_s = 0.0
    while line.delivered < 3000:
        bench.clock.advance(await bench.drain.step())
        line.deliver()
        if line.delivered > 600:
            longest_s = max(longest_s, line.queue_s)
    assert longest_s < 1.0
    assert line.offsets == list(range(3000))


class SlowLine:
    """Delivers what was published in order, so many readings a second, and acknowledges it."""

    def __init__(self, bench: Bench, *, readings_per_s: float) -> None:
        self._bench, self._rate = bench, readings_per_s
        self._began_s = bench.clock.monotonic_s()
        self.offsets: list[int] = []
        self.delivered = 0

    @property
    def queue_s(self) -> float:
        return 2 * (len(self.offsets) - self.delivered) / self._rate

    def deliver(self) -> None:
        self.offsets += self._bench.connection.offsets()
        self._bench.connection.sent.clear()
        now_s = self._bench.clock.monotonic_s()
        passed = int((now_s - self._began_s) * self._rate / 2)
        ranges = [(offset, offset) for offset in self.offsets[self.delivered : passed]]
        if ranges:
            self._bench.journal.acknowledge(ranges)
            self._bench.book.acknowledged(ranges, now_s)
        self.delivered += len(ranges)


async def test_a_host_that_acknowledges_late_is_not_sent_everything_twice() -> None:
    bench = Bench(connected=False, ack_timeout_s=10)
    bench.say(1)
    bench.connect()
    await bench.drain_all()
    bench.clock.advance(12)
    await bench.drain.step()
    bench.book.acknowledged([(0, 0)], bench.clock.monotonic_s())
    bench.say(2)
    bench.clock.advance(15)
    await bench.drain.step()
    assert bench.connection.offsets() == [0, 0, 1]


def kinds(bench: Bench) -> list[str]:
    return [topic.kind.value for topic, _ in bench.connection.sent if topic.device]


async def test_a_host_that_never_acknowledges_hears_no_birth_of_an_offline_device() -> None:
    bench = Bench()
    bench.say(1.0, 2.0)
    for _ in range(120):
        bench.clock.advance(await bench.drain.step())
    bench.uplink.device_down("p1", NOW, "timeout")
    bench.connection.sent.clear()
    for _ in range(300):
        bench.clock.advance(await bench.drain.step())
    assert kinds(bench) == []
    # Nothing is lost: it goes with the device when that is back.
    bench.uplink.device_up("p1", NOW)
    await bench.drain_all()
    assert kinds(bench)[0] == "DBIRTH"
    assert set(bench.connection.offsets()) == {0, 1, 2}
    assert "DDEATH" not in kinds(bench)


async def test_with_state_the_backlog_of_an_offline_device_waits_until_it_is_back() -> None:
    bench = Bench(acknowledgement="state", connected=False)
    bench.say(1.0, 2.0)
    bench.uplink.device_down("p1", NOW, "timeout")
    bench.uplink.device_up("p2", NOW)
    bench.uplink.device_state("p2", NOW, "degraded", "timeout")
    bench.connect()
    for _ in range(300):
        bench.clock.advance(await bench.drain.step())
    assert bench.connection.offsets() == [3]
    assert kinds(bench).count("DDEATH") == 1
    bench.uplink.device_up("p1", NOW)
    await bench.drain_all()
    assert bench.connection.offsets() == [3, 0, 1, 2]


async def test_a_server_that_acknowledges_again_gets_the_backlog_of_an_offline_device() -> None:
    bench = Bench()
    bench.say(1.0)
    bench.uplink.device_down("p1", NOW, "timeout")
    for _ in range(300):
        bench.clock.advance(await bench.drain.step())
    bench.connection.sent.clear()
    bench.uplink._obey(Rebirth(), retained=False)
    await bench.drain_all()
    assert {0, 1} <= set(bench.connection.offsets())


async def test_rows_sent_live_do_not_go_out_again_because_others_got_their_time() -> None:
    bench = Bench(connected=False, utc_ms=5_000, right=False, clock_grace_s=0)
    bench.uplink.publish("p1", [reading(1.0, at=4_990)])
    closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    assert await bench.uplink._stamping.ready(bench.clock, closed)
    bench.connect()
    bench.clock.utc_ms = NOW
    # The clock has a time, and nobody has looked yet: these go out live.
    bench.say(2.0, 3.0)
    assert bench.connection.offsets() == [1, 2]
    await bench.uplink._stamping.look()
    await bench.drain_all()
    assert bench.connection.offsets() == [1, 2, 0]
