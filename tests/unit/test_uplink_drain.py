"""Live first, backlog at its rate, nothing poured into a void; with a fake connection and clock."""

from config.edge import JournalSettings
from edge_agent.journal.memory import MemoryJournal
from edge_agent.uplink.drain import Drain
from edge_agent.uplink.encoder import DeviceEncoder
from edge_agent.uplink.node import MAX_QUEUED_BYTES, Node
from edge_agent.uplink.resend import ResendBook
from edge_agent.uplink.uplink import Uplink
from tests.fakes.agent_clock import FakeClock
from tests.fakes.gateway import NOW, gateway, reading
from tests.fakes.uplink_connection import FakeConnection


class Bench:
    """An uplink whose connection is up, without a broker."""

    def __init__(self, *, connected: bool = True, **uplink: object) -> None:
        self.clock = FakeClock(NOW)
        settings = gateway(uplink=uplink)
        self.journal = MemoryJournal(JournalSettings(), self.clock)
        self.uplink = Uplink(settings, self.journal, self.clock)
        self.connection = FakeConnection()
        if connected:
            self.connect()
        self.uplink.device_up("p1", NOW)

    @property
    def node(self) -> Node:
        return self.uplink._node

    @property
    def book(self) -> ResendBook:
        return self.uplink._book

    @property
    def drain(self) -> Drain:
        return self.uplink._drain

    @property
    def encoder(self) -> DeviceEncoder:
        return self.node.encoders["p1"]

    def connect(self) -> None:
        self.connection = FakeConnection()
        self.node.session.connect()
        self.node.connection = self.connection
        self.uplink._act(self.node.session.connected())

    def lose_connection(self) -> None:
        self.node.session.connection_lost()
        self.node.connection = None
        self.book.forget_sent()

    def say(self, *values: float) -> None:
        for value in values:
            self.uplink.readings("p1", [reading(value), reading(True, name="running")])  # noqa: FBT003

    async def drain_all(self) -> list[float]:
        pauses: list[float] = []
        while self.book.due:
            pauses.append(await self.drain.step())
            self.clock.advance(pauses[-1])
        return pauses


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
    # Two readings, and that it was demoted.
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


async def test_readings_of_a_clock_that_was_never_set_wait_for_it() -> None:
    bench = Bench()
    bench.clock.utc_ms = 5_000
    bench.uplink.readings("p1", [reading(1.0, at=4_990)])
    bench.clock.advance(2)
    assert bench.connection.data() == []
    assert bench.uplink.stats().held_readings == 1

    bench.clock.utc_ms = NOW + 2_000
    bench.say(2)
    assert [p.metrics[0].timestamp for p in bench.connection.data()] == [NOW - 10, NOW]
