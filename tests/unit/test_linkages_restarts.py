"""Linkages over restarts, kills and reloads."""

from typing import Any

from protocols.reading import Quality
from tests.fakes.linkage_bench import LEAK, VALVE, LinkageBench, gateway_of

CLOSED = ("valve", "open", False)
PUMP_OFF = {"device": "pump", "point": "run", "value": False}


async def started(**options: Any) -> LinkageBench:
    bench = LinkageBench(**options)
    await bench.start()
    await bench.read(leak=False)
    return bench


async def test_runs_are_counted_over_a_restart_and_a_clock_set_back() -> None:
    bench = await started(max_runs=1, within_s=60)
    await bench.cycles(1, leak=True)
    await bench.cycles(1, leak=False)
    await bench.wait(1)
    await bench.kill()
    bench.clock.utc_ms -= 86_400_000
    await bench.start()
    await bench.cycles(1, leak=False)
    await bench.cycles(1, leak=True)
    assert (bench.writes, bench.state) == ([CLOSED], "limited")
    await bench.cycles(1, leak=False)
    await bench.cycles(1, every_s=61, leak=True)
    assert len(bench.writes) == 2
    await bench.kill()


async def test_what_was_done_before_a_restart_is_not_done_again_for_the_same_cause() -> None:
    bench = await started(latch=True)
    await bench.cycles(1, leak=True)
    await bench.kill()
    await bench.start()
    assert (bench.said()[-1], bench.said("latched")[-1]) == ("done", True)
    await bench.cycles(3, leak=True)
    await bench.cycles(1, leak=False)
    await bench.cycles(1, leak=True)
    assert bench.writes == [CLOSED]
    await bench.kill()


async def test_killed_between_command_and_confirmation_it_is_not_repeated() -> None:
    bench = await started(commands=[VALVE, PUMP_OFF])
    bench.other.go.clear()
    await bench.cycles(1, leak=True)
    assert bench.writes == [CLOSED]
    await bench.kill()
    bench.other.go.set()
    await bench.start()
    await bench.cycles(1, leak=True)
    # The rest is given, what may have been carried out is not, and that is said.
    assert bench.writes == [CLOSED, ("pump", "run", False)]
    assert bench.state == "failed"
    assert "valve.open = False failed (died)" in str(bench.said("last_run")[-1])
    await bench.kill()


async def test_killed_between_two_commands_the_rest_needs_the_cause() -> None:
    bench = await started(commands=[VALVE, PUMP_OFF])
    bench.other.go.clear()
    await bench.cycles(1, leak=True)
    await bench.kill()
    bench.other.go.set()
    await bench.start()
    await bench.cycles(1, leak=None)
    assert bench.writes == [CLOSED]
    await bench.cycles(1, leak=False)
    assert "its cause is gone" in str(bench.said("last_run")[-1])
    await bench.cycles(1, leak=True)
    assert bench.writes == [CLOSED, CLOSED, ("pump", "run", False)]
    await bench.kill()


async def test_a_reload_keeps_what_stays_and_forgets_what_goes() -> None:
    bench = await started(latch=True)
    await bench.cycles(1, leak=True)
    await bench.reload(latch=True, delay_s=1)
    await bench.cycles(1, leak=False)
    await bench.cycles(4, leak=True)
    assert (bench.writes, bench.said("latched")[-1]) == ([CLOSED], True)
    await bench.reload()
    assert bench.bus.devices["leak"].observer is None
    assert bench.service.status() == []
    await bench.cycles(2, leak=True)
    await bench.kill()


async def test_a_reload_during_a_run_leaves_it_alone_unless_it_changed() -> None:
    bench = await started(commands=[VALVE, PUMP_OFF])
    bench.other.go.clear()
    await bench.cycles(1, leak=True)
    await bench.reload(commands=[VALVE, PUMP_OFF])
    bench.other.go.set()
    await bench.cycles(1, leak=True)
    assert bench.writes == [CLOSED, ("pump", "run", False)]
    assert bench.state == "done"
    await bench.kill()


async def test_a_run_that_was_interrupted_does_not_go_on_when_it_is_disarmed() -> None:
    bench = await started(commands=[VALVE, PUMP_OFF])
    bench.other.go.clear()
    await bench.cycles(1, leak=True)
    await bench.reload(commands=[VALVE, PUMP_OFF], armed=False)
    bench.other.go.set()
    await bench.cycles(3, leak=True)
    assert (bench.writes, bench.state) == ([CLOSED], "failed")
    assert "it is not armed now" in str(bench.said("last_run")[-1])
    await bench.kill()


async def test_other_commands_in_the_file_are_not_the_rest_of_a_run() -> None:
    bench = await started(commands=[VALVE, PUMP_OFF])
    bench.other.go.clear()
    await bench.cycles(1, leak=True)
    await bench.kill()
    bench.other.go.set()
    bench.gateway = gateway_of(x=LEAK | {"commands": [PUMP_OFF, VALVE]})
    await bench.start()
    await bench.cycles(2, leak=True)
    assert (bench.writes, bench.state) == ([CLOSED], "failed")
    await bench.kill()


async def test_a_reload_makes_nothing_unknown() -> None:
    bench = await started(delay_s=5)
    await bench.cycles(3, leak=True)
    before = len(bench.sink.of("x", "condition"))
    await bench.reload(delay_s=5)
    await bench.cycles(1, leak=True)
    news = bench.sink.of("x", "condition")[before:]
    assert all(one.quality is Quality.GOOD for one in news)
    await bench.cycles(2, leak=True)
    assert bench.writes == [CLOSED]
    await bench.kill()
