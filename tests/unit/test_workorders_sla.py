"""The clock of a work order, from its events."""

from hypothesis import given
from hypothesis import strategies as st

from config.work_orders import WorkOrderSettings
from server.workorders.sla import Level, Sla, Step, sla_of
from server.workorders.states import OrderState as S

MINUTE = 60_000


def clock(*steps: tuple[int, S], now: int, urgent: int | None = 0) -> Sla:
    levels = [] if urgent is None else [Level(urgent * MINUTE, WorkOrderSettings().sla.urgent)]
    return sla_of(0, [Step(at * MINUTE, to) for at, to in steps], levels=levels, now=now * MINUTE)


def test_urgent_means_on_site_within_thirty_minutes() -> None:
    assert clock((0, S.OPEN), now=10).on_site_due_at == 30 * MINUTE
    assert not clock((0, S.OPEN), now=30).on_site_late
    assert clock((0, S.OPEN), now=31).on_site_late


def test_arriving_in_time_stays_in_time() -> None:
    sla = clock((0, S.OPEN), (5, S.ACCEPTED), (29, S.ON_SITE), now=500)
    assert sla.on_site_at == 29 * MINUTE
    assert not sla.on_site_late


def test_arriving_late_stays_late() -> None:
    assert clock((0, S.OPEN), (31, S.ON_SITE), (40, S.COMPLETED), now=500).on_site_late


def test_others_have_no_arrival_to_miss() -> None:
    sla = clock((0, S.OPEN), now=500, urgent=None)
    assert sla.on_site_due_at is None
    assert not sla.on_site_late


def test_the_clock_pauses_while_waiting() -> None:
    sla = clock(
        (0, S.OPEN), (5, S.ACCEPTED), (10, S.WAITING), (40, S.ACCEPTED), (55, S.ON_SITE), now=60
    )
    assert sla.paused_ms == 30 * MINUTE
    assert sla.running_ms == 30 * MINUTE
    assert sla.on_site_due_at == 60 * MINUTE
    assert not sla.on_site_late


def test_a_pause_that_lasts_counts_up_to_now() -> None:
    sla = clock((0, S.OPEN), (10, S.WAITING), now=100)
    assert sla.paused_ms == 90 * MINUTE
    assert not sla.on_site_late


def test_becoming_urgent_starts_the_thirty_minutes_then() -> None:
    assert clock((0, S.OPEN), now=130, urgent=120).on_site_due_at == 150 * MINUTE


def test_the_clock_stops_at_completion_and_runs_again_when_work_is_refused() -> None:
    walk = [(0, S.OPEN), (5, S.ON_SITE), (20, S.COMPLETED)]
    assert clock(*walk, now=500).running_ms == 20 * MINUTE
    assert clock(*walk, (30, S.VERIFIED), (40, S.CLOSED), now=500).running_ms == 20 * MINUTE
    again = [*walk, (30, S.IN_PROGRESS), (50, S.COMPLETED)]
    assert clock(*again, now=500).running_ms == 50 * MINUTE


@given(
    st.lists(st.tuples(st.integers(0, 100), st.sampled_from(list(S))), max_size=12),
    st.integers(0, 50),
)
def test_time_is_either_running_or_paused(events: list[tuple[int, S]], more: int) -> None:
    steps = sorted(events, key=lambda event: event[0])
    now = (steps[-1][0] if steps else 0) + more
    sla = clock(*steps, now=now, urgent=None)
    assert sla.running_ms >= 0
    assert sla.paused_ms >= 0
    assert sla.running_ms + sla.paused_ms <= now * MINUTE
