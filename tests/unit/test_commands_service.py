"""Commands are carried out once, and their outcome is known."""

import asyncio

import pytest

from config.points import Writable
from edge_agent.commands.rules import Command
from edge_agent.commands.service import CommandService, Status
from edge_agent.errors import (
    CommandError,
    DeviceRefusedError,
    DeviceTimeoutError,
    PortDownError,
)
from edge_agent.health import Health
from edge_agent.polling.writes import Written
from protocols.reading import Quality, Reading, Value
from tests.fakes.agent_clock import FakeClock
from tests.fakes.devices import device, point


class FakePort:
    """Takes writes and reports what it is told to."""

    def __init__(self) -> None:
        self.writes: list[tuple[str, str, Value]] = []
        self.error: Exception | None = None
        self.confirmed = True
        self.up = True
        self.go = asyncio.Event()
        self.go.set()

    def answers(self, device: str) -> bool:
        assert device == "d1"
        return self.up

    async def write(
        self, device: str, point: str, value: Value, *, expires_at: int | None = None
    ) -> Written:
        del expires_at
        self.writes.append((device, point, value))
        await self.go.wait()
        if self.error is not None:
            raise self.error
        before = Reading(point, 20, Quality.GOOD, 1)
        after = Reading(point, value if self.confirmed else 20, Quality.GOOD, 2)
        return Written(before, after, self.confirmed)


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.port = FakePort()
        self.health = Health()
        points = {"setpoint": point(0, writable=Writable(maximum=60)), "state": point(1)}
        self.service = CommandService(
            devices={"d1": device("d1", points)},
            ports={"bus": self.port},
            health=self.health,
            clock=self.clock,
        )

    def command(self, value: Value = 25, **options: str) -> Command:
        given = {"id": "k1", "device": "d1", "point": "setpoint", "by": "operator"} | options
        return Command(value=value, at=self.clock.now_ms(), **given)


@pytest.fixture
def bench() -> Bench:
    return Bench()


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
    again = await bench.service.execute(bench.command(30))
    assert again == first
    assert len(bench.port.writes) == 1


async def test_a_key_is_carried_out_once_even_while_it_is_running(bench: Bench) -> None:
    bench.port.go.clear()
    both = [asyncio.create_task(bench.service.execute(bench.command())) for _ in range(5)]
    while not bench.port.writes:
        await bench.clock.sleep(0)
        await asyncio.wait(both, timeout=0)
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


async def test_a_demoted_unit_is_refused_at_once(bench: Bench) -> None:
    bench.port.up = False
    result = await bench.service.execute(bench.command())
    assert (result.status, result.reason) == (Status.REFUSED, "the device does not answer")
    assert bench.port.writes == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DeviceRefusedError("exception 3", code=3), Status.REFUSED),
        (CommandError("expired"), Status.REFUSED),
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


async def test_a_cancelled_command_may_be_given_again(bench: Bench) -> None:
    bench.port.go.clear()
    first = asyncio.create_task(bench.service.execute(bench.command()))
    await asyncio.wait([first], timeout=0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    bench.port.go.set()
    assert (await bench.service.execute(bench.command())).status is Status.DONE


async def test_the_memory_of_keys_is_bounded(bench: Bench) -> None:
    for number in range(1005):
        await bench.service.execute(bench.command(id=f"k{number}"))
    assert len(bench.service._known) == 1000
