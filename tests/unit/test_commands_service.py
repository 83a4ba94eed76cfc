"""Commands are carried out once, and their outcome is known."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.commands.ledger import SqliteLedger
from edge_agent.commands.result import Status
from edge_agent.errors import (
    CommandError,
    DeviceRefusedError,
    DeviceTimeoutError,
    PortDownError,
)
from protocols.reading import Value
from tests.fakes.command_bench import CommandBench as Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with SqliteLedger(tmp_path / "commands.sqlite") as ledger:
        yield Bench(ledger)


async def test_a_command_is_written_and_read_back(bench: Bench) -> None:
    result = await bench.service.execute(bench.command())
    assert (result.status, result.reason) == (Status.DONE, "")
    assert (result.before, result.asked, result.after) == (20, 25, 25)
    assert (result.id, result.by, result.at) == ("k1", "operator", bench.clock.now_ms())
    assert bench.health.registry.get_sample_value("plantroom_commands_total", {"status": "done"})


async def test_a_device_that_reads_back_otherwise_is_unconfirmed(bench: Bench) -> None:
    bench.port.confirmed = False
    result = await bench.service.execute(bench.command())
    assert (result.status, result.after) == (Status.UNCONFIRMED, 20)


async def test_a_key_is_carried_out_once(bench: Bench) -> None:
    first = await bench.service.execute(bench.command())
    again = await bench.service.execute(bench.command())
    assert again == first
    assert len(bench.port.writes) == 1


@pytest.mark.parametrize("change", [{"point": "slow"}, {"device": "d-2"}, {"value": 30}])
async def test_a_key_given_again_for_something_else_is_refused(
    bench: Bench, change: dict[str, Any]
) -> None:
    bench.port.go.clear()
    first = asyncio.create_task(bench.service.execute(bench.command()))
    while not bench.port.writes:
        await asyncio.wait([first], timeout=0.001)
    meanwhile = await bench.service.execute(bench.command(**change))
    bench.port.go.set()
    done = await first
    afterwards = await bench.service.execute(bench.command(**change))
    for other in (meanwhile, afterwards):
        assert (other.status, other.after) == (Status.REFUSED, None)
        assert other.reason == "this key was given before, for another point or value"
    assert await bench.service.execute(bench.command()) == done
    assert len(bench.port.writes) == 1


async def test_a_key_is_carried_out_once_even_while_it_is_running(bench: Bench) -> None:
    bench.port.go.clear()
    both = [asyncio.create_task(bench.service.execute(bench.command())) for _ in range(5)]
    while not bench.port.writes:
        await asyncio.wait(both, timeout=0.001)
    bench.port.go.set()
    results = await asyncio.gather(*both)
    assert len(set(results)) == 1
    assert len(bench.port.writes) == 1


async def test_without_a_key_each_command_counts(bench: Bench) -> None:
    for _ in range(2):
        await bench.service.execute(bench.command(id=""))
    assert len(bench.port.writes) == 2


@pytest.mark.parametrize(
    ("options", "value", "reason"),
    [
        ({"device": "d9"}, 25, "no such device"),
        ({"point": "nothing"}, 25, "no such point"),
        ({"point": "state"}, 25, "read only"),
        ({}, 61, "outside 0 to 60"),
    ],
)
async def test_a_command_against_the_rules_touches_no_device(
    bench: Bench, options: dict[str, str], value: Value, reason: str
) -> None:
    result = await bench.service.execute(bench.command(value, **options))
    assert result.status is Status.REFUSED
    assert reason in result.reason
    assert bench.port.writes == []


async def test_an_offline_unit_is_refused_at_once(bench: Bench) -> None:
    bench.port.up = False
    result = await bench.service.execute(bench.command())
    assert (result.status, result.reason) == (Status.REFUSED, "the device does not answer")
    assert bench.port.writes == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DeviceRefusedError("exception 5, acknowledge", code=5), Status.FAILED),
        (CommandError("exception 3, illegal data value"), Status.REFUSED),
        (DeviceTimeoutError("no answer in time"), Status.FAILED),
        (PortDownError("gone"), Status.FAILED),
    ],
)
async def test_what_the_device_says_is_the_outcome(
    bench: Bench, error: Exception, status: Status
) -> None:
    bench.port.error = error
    result = await bench.service.execute(bench.command())
    assert (result.status, result.reason, result.after) == (status, str(error), None)


async def test_a_command_cut_off_on_its_way_is_not_given_a_second_time(bench: Bench) -> None:
    bench.port.go.clear()
    first = asyncio.create_task(bench.service.execute(bench.command()))
    while not bench.port.writes:
        await asyncio.sleep(0.001)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    bench.port.go.set()
    again = await bench.service.execute(bench.command())
    assert again.status is Status.FAILED
    assert "unknown whether" in again.reason
    assert len(bench.port.writes) == 1


async def test_a_point_is_not_commanded_faster_than_its_pace(bench: Bench) -> None:
    first = await bench.service.execute(bench.command(id="a", point="slow"))
    soon = await bench.service.execute(bench.command(id="b", point="slow"))
    other = await bench.service.execute(bench.command(id="c"))
    bench.clock.advance(10.1)
    late = await bench.service.execute(bench.command(id="d", point="slow"))
    assert [one.status for one in (first, soon, other, late)] == [
        Status.DONE, Status.REFUSED, Status.DONE, Status.DONE,
    ]  # fmt: skip
    assert soon.reason == "too soon after the command before; again in 10.0 s"


async def test_an_interlock_that_holds_lets_the_command_pass(bench: Bench) -> None:
    bench.say("d1", "level", 1.5)
    bench.say("d-2", "fault", value=False)
    assert (await bench.service.execute(bench.command(1, point="locked"))).status is Status.DONE


@pytest.mark.parametrize(
    ("level", "fault", "age_s", "refusal"),
    [
        (1.5, True, 0.5, "does not hold"),
        (2.5, False, 0.5, "does not hold"),
        (1.5, None, 0.5, "cannot be judged: d-2.fault is stale (timeout)"),
        (1.5, False, 30, "cannot be judged: d-2.fault is 30 s old"),
    ],
)
async def test_an_interlock_refuses_what_it_cannot_vouch_for(
    bench: Bench, level: float, fault: Value, age_s: float, refusal: str
) -> None:
    bench.say("d1", "level", level)
    bench.say("d-2", "fault", fault, age_s)
    refused = await bench.service.execute(bench.command(1, point="locked"))
    assert refused.status is Status.REFUSED
    assert refusal in refused.reason
    assert bench.port.writes == []


async def test_an_interlock_is_judged_when_the_write_goes_out(bench: Bench) -> None:
    bench.say("d1", "level", 1.5)
    bench.say("d-2", "fault", value=False)
    bench.port.reaches_the_front = lambda: bench.say("d1", "level", 2.5)
    refused = await bench.service.execute(bench.command(1, point="locked"))
    assert (refused.status, "does not hold" in refused.reason) == (Status.REFUSED, True)
    assert sorted(bench.port.watched) == [("d-2", "fault"), ("d1", "level")]


async def test_a_refused_command_does_not_count_for_the_pace(bench: Bench) -> None:
    bench.say("d1", "level", 2.5)
    bench.say("d-2", "fault", value=False)
    refused = await bench.service.execute(bench.command(1, point="locked", id="a"))
    assert refused.status is Status.REFUSED
    bench.say("d1", "level", 1.5)
    assert (await bench.service.execute(bench.command(1, point="locked", id="b"))).reason == ""


async def test_an_interlock_does_not_rest_on_what_another_port_is_about_to_change(
    bench: Bench,
) -> None:
    bench.say("d1", "level", 1.5)
    bench.say("d-2", "fault", value=False)
    bench.other.go.clear()
    valve = asyncio.create_task(
        bench.service.execute(bench.command(value=True, id="v", device="d-2", point="fault"))
    )
    while not bench.other.writes:
        await asyncio.wait([valve], timeout=0.001)
    refused = await bench.service.execute(bench.command(1, point="locked", id="a"))
    assert "d-2.fault is being commanded" in refused.reason
    bench.other.go.set()
    await valve
    assert (await bench.service.execute(bench.command(1, point="locked", id="b"))).reason == ""


async def test_an_interlock_over_a_device_that_a_reload_took_away_refuses(bench: Bench) -> None:
    bench.say("d1", "level", 1.5)
    bench.say("d-2", "fault", value=False)
    bench.port.reaches_the_front = lambda: bench.devices.pop("d-2")
    refused = await bench.service.execute(bench.command(1, point="locked"))
    assert "d-2.fault was never read" in refused.reason


async def test_an_interlock_over_what_was_never_read_refuses(bench: Bench) -> None:
    refused = await bench.service.execute(bench.command(1, point="locked"))
    assert "d1.level was never read" in refused.reason


async def test_an_old_command_is_refused_by_the_age_its_point_allows(bench: Bench) -> None:
    old = bench.command()._replace(at=bench.clock.now_ms() - 61_000)
    assert (await bench.service.execute(old)).reason == "expired: given 61 s ago, valid 60 s"


async def test_a_refusal_tells_the_value_that_stays(bench: Bench) -> None:
    bench.say("d1", "setpoint", 33)
    refused = await bench.service.execute(bench.command(61)._replace(why="a test run"))
    assert (refused.before, refused.asked, refused.why) == (33, 61, "a test run")
    assert refused.before_at == bench.clock.now_ms() - 500


async def test_a_command_that_was_refused_for_want_of_room_stays_refused(bench: Bench) -> None:
    refused = await bench.service.refuse(bench.command(), "32 commands wait")
    assert (refused.status, refused.reason) == (Status.REFUSED, "32 commands wait")
    # Sent again before the answer was heard.
    assert await bench.service.execute(bench.command()) == refused
    assert bench.port.writes == []


async def test_a_command_that_is_under_way_is_not_refused_for_want_of_room(bench: Bench) -> None:
    bench.port.go.clear()
    first = asyncio.create_task(bench.service.execute(bench.command()))
    while not bench.port.writes:
        await asyncio.wait([first], timeout=0.001)
    again = asyncio.create_task(bench.service.refuse(bench.command(), "32 commands wait"))
    await asyncio.wait([again], timeout=0.01)
    bench.port.go.set()
    assert await again == await first
    assert (await again).status is Status.DONE
