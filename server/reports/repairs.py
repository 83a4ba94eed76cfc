"""The figures by which repairs are judged; pure, from the facts of each repair.

A repair is an order from its opening to its completion; one that was opened again because its
fault came back is another repair of the same order. Instants are UTC ms; a month is one of the
estate's own calendar.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo


class Figure(StrEnum):
    """What management is judged by."""

    ON_TIME = "on_time"
    """维修及时率."""
    PASSED = "passed"
    """维修合格率."""
    CALLED_BACK = "called_back"
    """回访率."""
    SATISFIED = "satisfied"
    """维修满意率."""


class Definition(NamedTuple):
    """What a figure is, and what it should be."""

    name_en: str
    name_zh: str
    text_en: str
    text_zh: str
    target: float


DEFINITIONS: Final = {
    Figure.ON_TIME: Definition(
        "Repairs on time",
        "维修及时率",
        "Of the repairs whose arrival was due in the month (30 minutes after an urgent one opened, "
        "or the appointment; waiting pauses the first), those with somebody on site by then. "
        "Cancelled before it was due: not counted.",
        "本月应到场的维修(急修为开单后30分钟, 其他为预约时间, 挂起时间不计)中按时到场的比例; "
        "到期前取消的不计。",
        1.0,
    ),
    Figure.PASSED: Definition(
        "Repairs passed",
        "维修合格率",
        "Of the repairs completed for the first time in the month and judged since, those that "
        "were verified, never sent back, and whose fault did not come back as a repeat failure.",
        "本月首次完工且已有结论的维修中, 验收通过、未被退回、未重复故障的比例。",
        1.0,
    ),
    Figure.CALLED_BACK: Definition(
        "Return calls",
        "回访率",
        "Of the residents' repairs completed for the first time in the month, those with a return "
        "call.",
        "本月首次完工的居民报修中已回访的比例。",
        1.0,
    ),
    Figure.SATISFIED: Definition(
        "Repair satisfaction",
        "维修满意率",
        "Of the repairs whose return call in the month asked for it, those whose resident was "
        "satisfied or very satisfied.",
        "本月回访并询问满意度的维修中, 居民满意或非常满意的比例。",
        0.99,
    ),
}


@dataclass(frozen=True, slots=True)
class RepairFacts:
    """What the lines of one repair say."""

    order_id: int
    number: int
    """Of the repair within its order, from 1."""
    of_resident: bool
    arrive_due_at: int | None
    arrived_at: int | None
    completed_at: int | None
    """The first time."""
    cancelled_at: int | None
    verified_at: int | None
    sent_back: bool
    repeated: bool
    """Its fault came back as a repeat failure."""
    called_back_at: int | None
    satisfied: bool | None
    """None when it was not asked."""


class Month(NamedTuple):
    """From its first instant until just before the next month's, UTC ms."""

    start: int
    end: int

    def has(self, at: int | None) -> bool:
        """Return whether an instant is in it."""
        return at is not None and self.start <= at < self.end


class Ratio(NamedTuple):
    """Repairs that met a figure, and those that missed it."""

    met: Sequence[RepairFacts]
    missed: Sequence[RepairFacts]

    @property
    def rate(self) -> float | None:
        """0 to 1; None when there is nothing to count."""
        counted = len(self.met) + len(self.missed)
        return len(self.met) / counted if counted else None


def month_of(first: date, zone: ZoneInfo) -> Month:
    """Return the month that begins on a local date."""
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    start, end = (
        round(datetime(one.year, one.month, 1, tzinfo=zone).timestamp() * 1000)
        for one in (first, after)
    )
    return Month(start, end)


def ratio(figure: Figure, repairs: Iterable[RepairFacts], month: Month, *, now: int) -> Ratio:
    """Return who is counted by a figure in a month, and how."""
    judge: Callable[[RepairFacts, Month, int], bool | None] = _JUDGES[figure]
    judged = [(one, judge(one, month, now)) for one in repairs]
    return Ratio(
        [one for one, met in judged if met is True], [one for one, met in judged if met is False]
    )


def _on_time(repair: RepairFacts, month: Month, now: int) -> bool | None:
    due_at = repair.arrive_due_at
    if due_at is None or not month.has(due_at):
        return None
    if repair.arrived_at is not None and repair.arrived_at <= due_at:
        return True
    given_up = repair.cancelled_at is not None and repair.cancelled_at <= due_at
    return None if given_up or now <= due_at else False


def _passed(repair: RepairFacts, month: Month, _now: int) -> bool | None:
    if not month.has(repair.completed_at):
        return None
    if repair.sent_back or repair.repeated:
        return False
    return None if repair.verified_at is None else True


def _called_back(repair: RepairFacts, month: Month, _now: int) -> bool | None:
    if not repair.of_resident or not month.has(repair.completed_at):
        return None
    return repair.called_back_at is not None


def _satisfied(repair: RepairFacts, month: Month, _now: int) -> bool | None:
    return repair.satisfied if month.has(repair.called_back_at) else None


_JUDGES: Final = {
    Figure.ON_TIME: _on_time,
    Figure.PASSED: _passed,
    Figure.CALLED_BACK: _called_back,
    Figure.SATISFIED: _satisfied,
}
