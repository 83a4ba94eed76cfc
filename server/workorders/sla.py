"""The clock of a work order, computed from its events and never from running totals; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from config.work_orders import ServiceHours, TargetSettings
from server.workorders.hours import Span, due_after, service_spans
from server.workorders.states import OrderState, is_done

_MINUTE_MS = 60_000


class Target(StrEnum):
    """What has to be done in time."""

    RESPOND = "respond"
    ARRIVE = "arrive"
    COMPLETE = "complete"


class Forecast(StrEnum):
    """How a clock stands."""

    NONE = "none"
    """Nothing is due."""
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    """Most of the time is used up."""
    PAUSED = "paused"
    MET = "met"
    LATE = "late"
    """Missed, or done after it was due."""


class Step(NamedTuple):
    """One event of the order."""

    at: int
    to: OrderState


class Level(NamedTuple):
    """A severity that the order has since an instant, and what is due by it."""

    since: int
    targets: TargetSettings
    hours: ServiceHours | None = None
    """When its minutes count; None: always."""


@dataclass(frozen=True, slots=True)
class TargetClock:
    """One target, UTC ms."""

    due_at: int | None
    met_at: int | None
    late: bool
    forecast: Forecast
    at_risk_at: int | None
    """From when on it is at risk."""


class RiskSettings(NamedTuple):
    """When a clock is at risk."""

    share: float = 0.75
    """Of its time is used up."""
    before_appointment_ms: int = 30 * _MINUTE_MS


_USUAL = RiskSettings()


@dataclass(frozen=True, slots=True)
class Sla:
    """What the events say about time, ms."""

    respond: TargetClock
    arrive: TargetClock
    complete: TargetClock
    on_site_at: int | None
    done_at: int | None
    """When it was completed or given up; None while there is work to do."""
    paused_ms: int
    """Waiting for parts, vendor or resident."""
    running_ms: int
    """From opening to completion, or to now, without the pauses."""

    @property
    def on_site_due_at(self) -> int | None:
        """By when somebody must be there; None when nobody must."""
        return self.arrive.due_at

    @property
    def on_site_late(self) -> bool:
        """Whether nobody was there by then."""
        return self.arrive.late

    def of(self, target: Target) -> TargetClock:
        """Return one of the clocks."""
        match target:
            case Target.RESPOND:
                return self.respond
            case Target.ARRIVE:
                return self.arrive
            case Target.COMPLETE:
                return self.complete


def sla_of(
    opened_at: int,
    steps: Sequence[Step],
    *,
    levels: Sequence[Level],
    appointments: Sequence[int] = (),
    risk: RiskSettings = _USUAL,
    now: int,
) -> Sla:
    """Return the clock at ``now``; everything in order.

    Args:
        opened_at: When the repair began.
        steps: Its changes of state.
        levels: Its severities; each keeps its deadline, the earliest counts.
        appointments: When somebody agreed to come; the last one counts.
        risk: When a clock is at risk.
        now: UTC ms.
    """
    on_site_at = _first(steps, OrderState.ON_SITE)
    done_at = _done_at(steps)
    end = now if done_at is None else done_at
    pauses = _pauses(steps, until=end)
    waiting = done_at is None and bool(steps) and steps[-1].to is OrderState.WAITING
    met = {
        Target.RESPOND: _first(steps, OrderState.ACCEPTED, OrderState.ON_SITE),
        Target.ARRIVE: on_site_at,
        Target.COMPLETE: done_at,
    }

    def clock(target: Target) -> TargetClock:
        due = _due(target, levels, appointments, pauses, risk)
        met_at = met[target]
        reached = end if met_at is None else met_at
        late = due is not None and reached > due[0]
        if due is None:
            return TargetClock(None, met_at, late=False, forecast=Forecast.NONE, at_risk_at=None)
        if late:
            forecast = Forecast.LATE
        elif met_at is not None or done_at is not None:
            forecast = Forecast.MET
        elif waiting:
            forecast = Forecast.PAUSED
        else:
            forecast = Forecast.AT_RISK if now >= due[1] else Forecast.ON_TRACK
        return TargetClock(due[0], met_at, late=late, forecast=forecast, at_risk_at=due[1])

    paused = sum(until - start for start, until in pauses)
    return Sla(
        respond=clock(Target.RESPOND),
        arrive=clock(Target.ARRIVE),
        complete=clock(Target.COMPLETE),
        on_site_at=on_site_at,
        done_at=done_at,
        paused_ms=paused,
        running_ms=max(end - opened_at - paused, 0),
    )


def _due(
    target: Target,
    levels: Sequence[Level],
    appointments: Sequence[int],
    pauses: Sequence[Span],
    risk: RiskSettings,
) -> tuple[int, int] | None:
    """Return when a target is due and from when on it is at risk; None when it never is."""
    found: list[tuple[int, int]] = []
    for level in levels:
        minutes: float | None = getattr(level.targets, f"{target}_min")
        if minutes is not None:
            whole = round(minutes * _MINUTE_MS)
            early = round(whole * risk.share)
            found.append((_after(level, whole, pauses), _after(level, early, pauses)))
    if target is Target.ARRIVE and appointments:
        due_at = appointments[-1]
        found.append((due_at, due_at - risk.before_appointment_ms))
    return min(found, default=None)


def _after(level: Level, counted_ms: int, pauses: Sequence[Span]) -> int:
    spans = service_spans(level.hours, level.since)
    return due_after(level.since, counted_ms, spans=spans, pauses=pauses)


def _first(steps: Sequence[Step], *states: OrderState) -> int | None:
    return next((step.at for step in steps if step.to in states), None)


def _done_at(steps: Sequence[Step]) -> int | None:
    """Return when it was completed or given up; None after work that was refused."""
    at = None
    for step in steps:
        if step.to in {OrderState.COMPLETED, OrderState.CANCELLED}:
            at = step.at
        elif not is_done(step.to):
            at = None
    return at


def _pauses(steps: Sequence[Step], *, until: int) -> list[Span]:
    """Return when it waited; the last pause may go on."""
    ends = [step.at for step in steps[1:]] + [until]
    return [
        (step.at, min(end, until))
        for step, end in zip(steps, ends, strict=False)
        if step.to is OrderState.WAITING and step.at < min(end, until)
    ]
