"""What may have been missed is noticed: the broker away, the server's clock ahead."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from server.alarming.link_state import TRANSITIONS, Edge, LinkPhase, LinkState
from server.alarming.link_watch import LinkWatch, engine_handlers
from server.alarms.evaluation.memory import Memory, Seen
from server.core.errors import StoreError
from tests.fakes.agent_clock import FakeClock
from tests.fakes.rule_bench import RuleBench


def watch(bench: RuleBench, receives: Callable[[], bool]) -> LinkWatch:
    return LinkWatch(bench.clock, receives=receives, handlers=engine_handlers(bench.engine))


def waiting(bench: RuleBench) -> None:
    """The level is low since 1 s; its delay runs."""
    bench.see("level", 0.5, 1)


def test_a_delay_of_before_the_broker_was_away_waits_for_the_backlog() -> None:
    bench, receives = RuleBench(), True
    link = watch(bench, lambda: receives)
    waiting(bench)
    assert link.look()
    receives = False
    assert not link.look()
    bench.clock.advance(12)
    assert bench.is_held("low_level", "level", 1)
    receives = True
    assert link.look()
    bench.clock.advance(14)
    assert bench.is_held("low_level", "level", 1)
    bench.clock.advance(2)
    assert bench.expire("low_level", "level", 1) == [("raised", "low_level", 1, None)]


def test_a_delay_that_began_after_the_broker_was_back_waits_for_nobody() -> None:
    bench, receives = RuleBench(), False
    link = watch(bench, lambda: receives)
    link.look()
    receives = True
    link.look()
    waiting(bench)
    bench.clock.advance(10)
    assert bench.expire("low_level", "level", 1) == [("raised", "low_level", 1, None)]


def test_a_clock_that_is_set_ahead_is_no_silence_and_ends_no_delay() -> None:
    bench = RuleBench()
    link = watch(bench, lambda: True)
    bench.clock.advance(100)
    bench.see("pressure", 3.0, 100)
    bench.see("level", 0.5, 100)
    bench.clock.utc_ms += 3_600_000
    link.look()
    assert bench.sweep() == []
    assert bench.is_held("low_level", "level", 100)
    assert bench.see("level", 2.0, 104) == []
    bench.clock.advance(60 + 121)
    assert [one[:2] for one in bench.sweep()] == [("raised", "silent")]


@pytest.mark.parametrize("seconds", [0, 5])
def test_what_a_start_finds_running_waits_until_a_birth_confirms_it(seconds: int) -> None:
    bench = RuleBench()
    level = bench.series["level"]
    began = Seen(bench.start + 1000, 0.5)
    bench.engine.restore({("pump.low_level", level.id): Memory(held=True, pending=began)})
    assert bench.engine.gateways_to_confirm() == {"estate/gw"}
    assert bench.is_held("low_level", "level", 1)
    level.stands_at = began.at + seconds * 1000
    assert bench.expire("low_level", "level", 1) == [("raised", "low_level", 1, None)]
    assert bench.engine.gateways_to_confirm() == set()


def test_it_waits_no_longer_than_its_bound_though_the_backlog_goes_on() -> None:
    bench = RuleBench()
    level = bench.series["level"]
    began = Seen(bench.start + 1000, 0.5)
    bench.engine.restore({("pump.low_level", level.id): Memory(held=True, pending=began)})
    for _ in range(3):
        bench.see("temperature", 20.0, 1, late=True)
        assert bench.is_held("low_level", "level", 1)
        bench.clock.advance(10)
    assert bench.expire("low_level", "level", 1) == [("raised", "low_level", 1, None)]


def phases(looks: str, *, state: LinkState | None = None) -> tuple[list[Edge], LinkState]:
    """What follows from looks two seconds apart: ``r`` received, ``-`` not."""
    now_s, edges = 0.0, list[Edge]()
    state = state or LinkState(now_s, ahead_s=0.0)
    for letter in looks:
        now_s += 2
        state, found = state.look(received=letter == "r", now_s=now_s, ahead_s=0.0)
        edges += found
        phase = state.phase_at(now_s)
        if phase is not state.phase:
            edges.append(TRANSITIONS[state.phase, phase])
            state = replace(state, phase=phase)
    return edges, state


@pytest.mark.parametrize(
    ("looks", "edges"),
    [
        ("r" * 29, []),
        ("r" * 30, [Edge.FIRST_CONNECTED]),
        ("-" + "r" * 29, [Edge.INTERRUPTED, Edge.RESUMED]),
        ("-" + "r" * 30, [Edge.INTERRUPTED, Edge.RESUMED, Edge.FIRST_CONNECTED]),
        ("--", [Edge.INTERRUPTED, Edge.LOST]),
        ("--" + "r" * 30, [Edge.INTERRUPTED, Edge.LOST, Edge.RESUMED, Edge.RECONNECTED]),
        ("--r--", [Edge.INTERRUPTED, Edge.LOST, Edge.RESUMED, Edge.INTERRUPTED]),
        ("r" * 30 + "-" + "r" * 60, [Edge.FIRST_CONNECTED, Edge.INTERRUPTED, Edge.RESUMED]),
        ("r" * 30 + "--", [Edge.FIRST_CONNECTED, Edge.INTERRUPTED, Edge.LOST]),
    ],
)
def test_the_phases_of_the_connection(looks: str, edges: list[Edge]) -> None:
    assert phases(looks)[0] == edges


def test_an_interruption_too_short_to_be_a_loss_begins_the_grace_anew() -> None:
    _, state = phases("r" * 40 + "-" + "r" * 29)
    assert state.phase is LinkPhase.CONNECTED
    assert not state.is_settled(140.0)
    assert state.is_settled(142.0)


def test_a_change_of_phase_that_failed_is_made_with_the_next_sweep() -> None:
    clock, lost = FakeClock(), list[float]()

    def fail() -> None:
        lost.append(clock.monotonic_s())
        if len(lost) == 1:
            raise StoreError("disk full")

    handlers: dict[Edge, Callable[[], object]] = dict.fromkeys(Edge, lambda: None)
    link = LinkWatch(clock, receives=lambda: False, handlers=handlers | {Edge.LOST: fail})
    link.sweep()
    clock.advance(2)
    with pytest.raises(StoreError):
        link.sweep()
    for _ in range(3):
        clock.advance(2)
        link.sweep()
    assert lost == [1002.0, 1004.0]


def test_a_clock_that_jumps_ahead_is_no_change_of_the_phase() -> None:
    state, edges = LinkState(0.0, ahead_s=0.0).look(received=True, now_s=2.0, ahead_s=3600.0)
    assert edges == (Edge.CLOCK_AHEAD,)
    assert state.phase_at(2.0) is LinkPhase.STARTING


def test_every_change_of_the_phase_is_in_the_table() -> None:
    begins = {before for before, _ in TRANSITIONS}
    assert begins == set(LinkPhase)
    assert LinkPhase.STARTING not in {after for _, after in TRANSITIONS}
