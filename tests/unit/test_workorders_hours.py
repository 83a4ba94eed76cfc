"""Time that counts: service hours, shifts over midnight, holidays, make-up workdays, pauses."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.work_orders import ServiceHours, TargetSettings
from server.workorders.hours import Span, due_after, service_spans
from server.workorders.sla import Forecast, Level, Step, sla_of
from server.workorders.states import OrderState as S

ZONE = ZoneInfo("Asia/Shanghai")
MINUTE = 60_000
OFFICE = ServiceHours.model_validate({"shifts": [{"start": "08:30", "end": "17:30"}]})
NIGHT = ServiceHours.model_validate({"shifts": [{"days": [], "start": "22:00", "end": "06:00"}]})
BOTH = ServiceHours.model_validate(
    {
        "shifts": [
            {"days": [], "start": "08:00", "end": "16:00"},
            {"days": [], "start": "15:00", "end": "09:00"},
        ]
    }
)


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


def due(hours: ServiceHours, since: str, minutes: int, *pauses: tuple[str, str]) -> str:
    found = due_after(
        at(since),
        minutes * MINUTE,
        spans=service_spans(hours, at(since)),
        pauses=[(at(start), at(end)) for start, end in pauses],
    )
    return f"{datetime.fromtimestamp(found / 1000, ZONE):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("hours", "since", "minutes", "expected"),
    [
        # A Friday afternoon, a weekend between.
        (OFFICE, "2026-11-27 17:00", 60, "2026-11-30 09:00"),
        (OFFICE, "2026-11-27 05:00", 30, "2026-11-27 09:00"),
        (OFFICE, "2026-11-27 17:00", 30, "2026-11-27 17:30"),
        # National Day of 2025 lasts until 8 October; 28 September, a Sunday, was worked for it.
        (OFFICE, "2025-09-30 17:00", 60, "2025-10-09 09:00"),
        (OFFICE, "2025-09-27 12:00", 60, "2025-09-28 09:30"),
        # Over midnight, begun in the shift of the day before.
        (NIGHT, "2026-11-28 05:30", 60, "2026-11-28 22:30"),
        (NIGHT, "2026-11-28 23:30", 120, "2026-11-29 01:30"),
        # Shifts that overlap count once.
        (BOTH, "2026-11-28 08:00", 1440, "2026-11-29 08:00"),
    ],
)
def test_minutes_of_service(hours: ServiceHours, since: str, minutes: int, expected: str) -> None:
    assert due(hours, since, minutes) == expected


def test_a_pause_counts_only_as_far_as_it_lies_in_the_hours() -> None:
    pause = ("2026-11-27 16:00", "2026-11-30 09:00")
    assert due(OFFICE, "2026-11-27 15:30", 60, pause) == "2026-11-30 09:30"


@given(
    st.integers(0, 500),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 50)), max_size=6),
)
def test_what_counts_until_it_is_due_is_the_target(
    target: int, gaps: list[tuple[int, int]]
) -> None:
    pauses: list[Span] = []
    reached = 0
    for gap, length in gaps:
        pauses.append((reached + gap, reached + gap + length))
        reached += gap + length
    found = due_after(0, target, spans=[(0, 10**9)], pauses=pauses)
    paused = sum(max(min(end, found) - start, 0) for start, end in pauses if start < found)
    assert found - paused == target


def test_an_appointment_is_when_somebody_must_be_there() -> None:
    level = [Level(0, TargetSettings())]
    steps = [Step(0, S.OPEN), Step(1, S.ACCEPTED)]
    made = [100 * MINUTE, 200 * MINUTE]
    for now, forecast in ((10, "on_track"), (171, "at_risk"), (201, "late")):
        clock = sla_of(0, steps, levels=level, appointments=made, now=now * MINUTE).arrive
        assert (clock.due_at, clock.forecast) == (200 * MINUTE, Forecast(forecast))


def test_each_target_has_its_own_clock() -> None:
    targets = TargetSettings(respond_min=5, arrive_min=30, complete_min=60)
    steps = [Step(0, S.OPEN), Step(6 * MINUTE, S.ACCEPTED), Step(20 * MINUTE, S.ON_SITE)]
    sla = sla_of(0, steps, levels=[Level(0, targets)], now=50 * MINUTE)
    assert (sla.respond.forecast, sla.respond.late) == (Forecast.LATE, True)
    assert (sla.arrive.forecast, sla.arrive.met_at) == (Forecast.MET, 20 * MINUTE)
    assert (sla.complete.forecast, sla.complete.at_risk_at) == (Forecast.AT_RISK, 45 * MINUTE)


def test_waiting_after_it_was_due_does_not_make_it_due_later() -> None:
    targets = [Level(0, TargetSettings(arrive_min=30))]
    steps = [Step(0, S.OPEN), Step(40 * MINUTE, S.WAITING), Step(90 * MINUTE, S.ON_SITE)]
    assert sla_of(0, steps, levels=targets, now=100 * MINUTE).on_site_due_at == 30 * MINUTE
