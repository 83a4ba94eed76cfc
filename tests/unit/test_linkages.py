"""Linkages on virtual time: delay, latch, runs, bad readings, restarts, kills, people."""

from typing import Any

import pytest

from config.linkages import Linkage
from edge_agent.linkages.state import LinkageState, Memory, State
from protocols.reading import Quality
from tests.fakes.linkage_bench import LEAK, LinkageBench, gateway_of

CLOSED = ("valve", "open", False)
PUMP_OFF = {"device": "pump", "point": "run", "value": False}


async def started(**options: Any) -> LinkageBench:
    bench = LinkageBench(**options)
    await bench.start()
    await bench.read(leak=False)
    return bench


async def test_a_leak_closes_the_valve_once_and_again_for_the_next_one() -> None:
    bench = await started()
    await bench.cycles(5, leak=True)
    assert bench.writes == [CLOSED]
    assert bench.said() == ["ready", "running", "done"]
    await bench.cycles(1, leak=False)
    await bench.cycles(2, leak=True)
    assert bench.writes == [CLOSED, CLOSED]
    assert bench.said("runs")[-1] == 2
    assert [result.by for result in bench.sink.results] == ["linkage x"] * 2
    assert bench.sink.of("x", "condition")[-1].quality is Quality.GOOD
    await bench.kill()


async def test_not_armed_it_says_what_it_would_have_done() -> None:
    bench = await started(armed=False)
    await bench.cycles(3, leak=True)
    assert (bench.writes, bench.state) == ([], "done")
    assert "not armed, would have given: valve.open = False" in str(bench.said("last_run")[-1])
    await bench.reload(armed=True)
    await bench.cycles(1, leak=True)
    assert bench.writes == [CLOSED]
    await bench.kill()


async def test_a_leak_that_is_there_at_the_start_counts() -> None:
    bench = LinkageBench()
    await bench.start()
    await bench.read(leak=True)
    assert bench.writes == [CLOSED]
    await bench.kill()


async def test_the_delay_is_without_a_break() -> None:
    bench = await started(delay_s=5)
    await bench.cycles(4, leak=True)
    assert bench.state == "delayed"
    await bench.cycles(1, leak=False)
    await bench.cycles(4, leak=True)
    await bench.cycles(1, leak=None)
    assert bench.sink.of("x", "condition")[-1].reason == "timeout of leak.leak"
    await bench.cycles(5, leak=True)
    assert bench.writes == []
    await bench.cycles(1, leak=True)
    assert bench.writes == [CLOSED]
    await bench.kill()


async def test_missing_readings_break_the_delay_and_are_reported() -> None:
    bench = await started(delay_s=5)
    await bench.cycles(4, leak=True)
    # No reading: time alone begins nothing.
    await bench.wait(2)
    assert bench.writes == []
    for _ in range(4):
        await bench.wait(1)
    unknown = bench.sink.of("x", "condition")[-1]
    assert (unknown.quality, unknown.reason) == (Quality.BAD, "too_old of leak.fault")
    await bench.cycles(5, leak=True)
    assert bench.writes == []
    await bench.cycles(1, leak=True)
    assert bench.writes == [CLOSED]
    await bench.kill()


async def test_a_gap_while_the_agent_itself_stood_still_breaks_the_delay() -> None:
    bench = await started(delay_s=5)
    await bench.cycles(1, leak=True)
    await bench.cycles(1, every_s=10, leak=True)
    assert bench.writes == []
    await bench.kill()


async def test_a_reading_that_is_too_old_begins_nothing() -> None:
    bench = await started()
    await bench.read(leak=True, fault=False, age_s=5)
    assert bench.writes == []
    await bench.read(leak=True, fault=False, age_s=3)
    assert bench.writes == [CLOSED]
    await bench.kill()


async def test_a_bad_reading_is_neither_true_nor_false() -> None:
    bench = await started()
    await bench.cycles(1, leak=True)
    # It is no end of the cause, so what follows is no new one.
    await bench.cycles(2, leak=None)
    await bench.cycles(2, leak=True)
    assert bench.writes == [CLOSED]
    await bench.kill()


@pytest.mark.parametrize("step_s", [-7200, -30, 30, 7200])
async def test_a_clock_that_is_set_neither_cuts_nor_stretches_the_delay(step_s: int) -> None:
    bench = await started(delay_s=5)
    await bench.cycles(3, leak=True)
    bench.clock.utc_ms += 1000 * step_s
    await bench.cycles(2, leak=True)
    assert bench.writes == []
    await bench.cycles(4, leak=True)
    assert bench.writes == [CLOSED]
    await bench.kill()


async def test_a_latch_waits_for_a_person_and_for_the_end_of_the_cause() -> None:
    bench = await started(latch=True)
    await bench.cycles(1, leak=True)
    refused = await bench.person(True, "x", "reset")  # noqa: FBT003
    assert (refused.status.value, "still holds" in refused.reason) == ("refused", True)
    await bench.cycles(1, leak=False)
    await bench.cycles(1, leak=True)
    await bench.cycles(1, leak=False)
    assert (bench.writes, bench.state, bench.said("latched")[-1]) == ([CLOSED], "done", True)
    reset = await bench.person(True, "x", "reset")  # noqa: FBT003
    assert reset.status.value == "done"
    await bench.cycles(1, leak=True)
    assert bench.writes == [CLOSED, CLOSED]
    await bench.kill()


async def test_a_condition_resets_a_latch_once_the_cause_is_gone() -> None:
    bench = await started(latch=True, reset="{leak.level} > 5")
    await bench.cycles(2, leak=True, level=9)
    await bench.cycles(1, leak=False, level=1)
    assert bench.said("latched")[-1] is True
    await bench.cycles(1, leak=False, level=9)
    assert (bench.said("latched")[-1], bench.state) == (False, "ready")
    await bench.kill()


async def test_no_more_than_so_many_runs_in_so_long() -> None:
    bench = await started(max_runs=2, within_s=60)
    for _ in range(4):
        await bench.cycles(1, leak=True)
        await bench.cycles(1, leak=False)
    assert bench.writes == [CLOSED, CLOSED]
    assert bench.said().count("limited") == 2
    await bench.cycles(1, every_s=60, leak=True)
    assert len(bench.writes) == 3
    await bench.kill()


async def test_without_a_time_runs_are_counted_until_a_person_resets_them() -> None:
    bench = await started(max_runs=1, within_s=None)
    await bench.cycles(1, leak=True)
    await bench.cycles(1, leak=False)
    await bench.cycles(1, every_s=86_400, leak=True)
    assert (len(bench.writes), bench.state) == (1, "limited")
    await bench.cycles(1, leak=False)
    assert (await bench.person(True, "x", "reset")).status.value == "done"  # noqa: FBT003
    await bench.cycles(1, leak=True)
    assert len(bench.writes) == 2
    await bench.kill()


async def test_a_refused_command_is_given_again_while_the_cause_is_there() -> None:
    bench = await started(retry_s=10)
    bench.other.up = False
    await bench.cycles(3, leak=True)
    assert (bench.writes, bench.state) == ([], "running")
    bench.other.up = True
    await bench.cycles(2, leak=True)
    assert (bench.writes, bench.state) == ([CLOSED], "done")
    bench.other.up = False
    await bench.cycles(1, leak=False)
    await bench.cycles(12, leak=True)
    assert bench.state == "failed"
    bench.other.up = True
    await bench.cycles(3, leak=True)
    assert bench.writes == [CLOSED]
    await bench.kill()


@pytest.mark.parametrize(
    ("on_failure", "more"), [("stop", []), ("continue", [("pump", "run", False)])]
)
async def test_what_follows_a_failure_is_said_in_the_file(on_failure: str, more: list[Any]) -> None:
    first = {"device": "valve", "point": "open", "value": False, "on_failure": on_failure}
    bench = await started(commands=[first, PUMP_OFF], retry_s=0)
    valve_port = bench.other
    real = valve_port.answers
    valve_port.answers = lambda device: device != "valve" and real(device)  # type: ignore[method-assign]
    await bench.cycles(1, leak=True)
    assert (bench.writes, bench.state) == (more, "failed")
    await bench.kill()


async def test_people_have_the_last_word_while_the_cause_stays() -> None:
    bench = await started()
    await bench.cycles(1, leak=True)
    assert (await bench.person(True)).status.value == "done"  # noqa: FBT003
    await bench.cycles(5, leak=True)
    assert bench.writes == [CLOSED, ("valve", "open", True)]
    await bench.kill()


async def test_everything_is_said_again_now_and_then() -> None:
    bench = await started()
    await bench.cycles(300, leak=False)
    assert len(bench.said("armed")) == 2
    assert bench.service.status()[0]["state"] == "ready"
    await bench.kill()


async def test_a_refused_command_waits_for_a_condition_that_is_not_known() -> None:
    bench = await started(retry_s=10)
    bench.other.up = False
    await bench.cycles(1, leak=True)
    await bench.cycles(3, leak=None)
    bench.other.up = True
    await bench.cycles(2, leak=None)
    assert (bench.writes, bench.state) == ([], "running")
    await bench.cycles(2, leak=True)
    assert (bench.writes, bench.state) == ([CLOSED], "done")
    await bench.kill()


async def test_a_refused_command_is_given_up_when_its_cause_is_gone() -> None:
    bench = await started(retry_s=10)
    bench.other.up = False
    await bench.cycles(1, leak=True)
    await bench.read(leak=False)
    bench.other.up = True
    await bench.cycles(3, leak=False)
    assert (bench.writes, bench.said().count("failed"), bench.state) == ([], 1, "ready")
    await bench.kill()


async def test_a_command_waits_for_its_port_no_longer_than_its_cause_is_believed() -> None:
    bench = await started(max_age_s=3)
    await bench.cycles(1, leak=True)
    assert bench.other.expires_at == bench.clock.now_ms() + 3000
    await bench.kill()


async def test_several_linkages_are_apart() -> None:
    bench = LinkageBench()
    other = LEAK | {"when": "{leak.level} > 5", "commands": [PUMP_OFF], "delay_s": 2}
    bench.gateway = gateway_of(x=LEAK, y=other)
    await bench.start()
    await bench.cycles(1, leak=True, level=1)
    assert bench.writes == [CLOSED]
    await bench.cycles(3, leak=True, level=9)
    assert bench.writes == [CLOSED, ("pump", "run", False)]
    await bench.kill()


def test_of_runs_whose_times_are_out_of_order_the_oldest_counts_no_longer() -> None:
    linkage = Linkage.model_validate(LEAK | {"max_runs": 2, "within_s": 100})
    # The first is of a time to come, for the clock was set back: as if it were now.
    memory = Memory(run_times=[5_000_000, 1_000_000])
    state = LinkageState(linkage, memory, now_s=500, now_ms=1_090_000)
    assert not state.seen(truth=True, at_s=505, gap_s=4, now_s=505, now_ms=1_095_000)
    assert state.state is State.LIMITED
    state.seen(truth=False, at_s=511, gap_s=4, now_s=511, now_ms=1_101_000)
    assert state.seen(truth=True, at_s=512, gap_s=4, now_s=512, now_ms=1_102_000)
    assert memory.run_times == [5_000_000]
