"""What is published of readings whose clock was wrong when they were taken."""

import asyncio

import pytest

from tests.fakes.gateway import NOW, reading
from tests.fakes.uplink_bench import Bench


async def test_readings_of_a_clock_that_was_never_set_wait_for_it() -> None:
    bench = Bench(utc_ms=5_000)
    bench.uplink.publish("p1", [reading(1.0, at=4_990)])
    bench.clock.advance(2)
    assert bench.connection.data() == []
    assert bench.journal.stats().provisional_readings == 1

    bench.clock.utc_ms = NOW + 2_000
    await bench.uplink._stamping.look()
    bench.say(2)
    await bench.drain.step()
    stamps = [p.metrics[0].timestamp for p in bench.connection.data()]
    # Live first; the one that waited follows, as any other backlog.
    assert stamps == [NOW, NOW - 10]
    assert bench.journal.stats().provisional_readings == 0


async def test_a_birth_carries_no_stamp_of_a_clock_that_was_wrong() -> None:
    bench = Bench(connected=False, utc_ms=5_000)
    bench.uplink.publish("p1", [reading(1.0, at=5_000)])
    bench.uplink.device_down("p2", 5_000, "timeout")
    bench.clock.advance(5)
    bench.clock.utc_ms = NOW
    await bench.uplink._stamping.look()
    bench.connect()

    births = [payload for topic, payload in bench.connection.sent if topic.kind.value == "DBIRTH"]
    stamps = {m.timestamp for birth in births for m in birth.metrics}
    assert len(births) == 2
    assert min(at for at in stamps if at is not None) == NOW - 5_000


async def test_a_gateway_without_any_time_is_described_and_born_again_when_it_has_one() -> None:
    bench = Bench(connected=False, utc_ms=5_000, clock_grace_s=0)
    closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    assert await bench.uplink._stamping.ready(bench.clock, closed)
    bench.connect()
    bench.uplink.publish("p1", [reading(1.0, at=5_000)])
    await bench.drain_all()
    assert next(topic.kind.value for topic, _ in bench.connection.sent) == "NBIRTH"
    assert bench.connection.data() == []

    bench.clock.utc_ms = NOW
    await bench.uplink._stamping.look()
    await bench.drain.step()
    kinds = [topic.kind.value for topic, _ in bench.connection.sent]
    assert kinds.count("NBIRTH") == 2
    assert [p.metrics[0].timestamp for p in bench.connection.data()] == [NOW]


async def test_rows_of_an_outage_under_a_clock_that_lags_are_moved_by_its_step() -> None:
    lag_ms = 60 * 86_400_000
    bench = Bench(connected=False, utc_ms=NOW - lag_ms, right=False, clock_grace_s=0)
    for number in range(100):
        bench.uplink.publish("p1", [reading(float(number), at=bench.clock.now_ms())])
        bench.clock.advance(1)
    bench.clock.utc_ms += lag_ms
    closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    assert await bench.uplink._stamping.ready(bench.clock, closed)
    bench.connect()
    await bench.drain_all()

    stamps = [p.metrics[0].timestamp for p in bench.connection.data()]
    assert stamps == [NOW + 1000 * number for number in range(100)]


@pytest.mark.parametrize("mode", ["journal", "state"])
async def test_rows_held_between_two_settlements_are_sent_as_well(mode: str) -> None:
    bench = Bench(connected=False, right=False, clock_grace_s=0, acknowledgement=mode)
    closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    assert await bench.uplink._stamping.ready(bench.clock, closed)
    for number in range(60):
        bench.uplink.publish("p1", [reading(float(number), at=bench.clock.now_ms())])
        bench.clock.advance(0.1)
    assert await bench.uplink._stamping.ready(bench.clock, closed)
    # After the times are given and before the births: this one waits for the next look.
    bench.uplink.publish("p1", [reading(77.0, at=bench.clock.now_ms())])
    bench.connect()
    for step in range(100):
        bench.clock.advance(await bench.drain.step())
        if step % 10 == 5:
            await bench.uplink._stamping.look()
            bench.uplink.publish("p1", [reading(99.0, at=bench.clock.now_ms())])
    assert set(range(61)) <= set(bench.connection.offsets())
