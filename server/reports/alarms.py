"""How well the alarms of a month serve people: each figure with its definition, and what it counts.

The numbers are those of ISA-18.2 as ``server/alarms/figures.py`` computes them; here stands what
management reads: name, definition, target, and exactly the announcements behind a number.
"""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from server.alarms.figures import BIN_MS, Announced, Figures, Flooding, floods_of


class AlarmFigure(StrEnum):
    """What the alarms are judged by."""

    ANNOUNCED = "announced"
    LOAD = "load"
    PEAK = "peak"
    FLOOD = "flood"
    FREQUENT = "frequent"
    SEVERE = "severe"
    STALE = "stale"
    FALSE = "false"
    EXPLAINED = "explained"
    ON_TRIAL = "on_trial"


class Unit(StrEnum):
    """What a value counts."""

    COUNT = "count"
    SHARE = "share"
    PER_TEN_MINUTES = "per_10_min"


class AlarmDefinition(NamedTuple):
    """What a figure is, and what it should be at most; None: it is for information."""

    name_en: str
    name_zh: str
    text_en: str
    text_zh: str
    unit: Unit
    at_most: float | None


ALARM_DEFINITIONS: Final = {
    AlarmFigure.ANNOUNCED: AlarmDefinition(
        "Alarms announced",
        "告警通知数",
        "Alarms that people were told of in the month; one that was announced again counts again.",
        "本月通知给人员的告警数; 再次通知的再次计入。",
        Unit.COUNT,
        None,
    ),
    AlarmFigure.LOAD: AlarmDefinition(
        "Alarms per operator in ten minutes",
        "每名值班员每 10 分钟告警数",
        "Announced alarms, averaged over the month up to now, for each person who watches an "
        "estate. 1 is good, 2 is the most that one can handle.",
        "本月至今通知的告警数按 10 分钟及每个小区的值班人数平均。1 为良好, 2 为上限。",
        Unit.PER_TEN_MINUTES,
        1.0,
    ),
    AlarmFigure.PEAK: AlarmDefinition(
        "Worst ten minutes",
        "最多 10 分钟告警数",
        "Alarms announced at one estate in its worst ten minutes.",
        "单个小区 10 分钟内通知的最多告警数。",
        Unit.COUNT,
        10.0,
    ),
    AlarmFigure.FLOOD: AlarmDefinition(
        "Time in floods",
        "告警泛滥时间占比",
        "Share of the time in a flood: it begins with more alarms in ten minutes than an operator "
        "can read and lasts until it is quiet again. Averaged over the estates.",
        "处于告警泛滥的时间比例: 10 分钟内告警数超过值班员可处理的数量时开始, 恢复平静时结束; "
        "多个小区取平均。",
        Unit.SHARE,
        0.01,
    ),
    AlarmFigure.FREQUENT: AlarmDefinition(
        "Share of the ten most frequent",
        "最频繁 10 条占比",
        "Of the announced alarms, those of the ten points that alarm most often.",
        "通知的告警中, 最频繁的 10 个点位所占的比例。",
        Unit.SHARE,
        0.05,
    ),
    AlarmFigure.SEVERE: AlarmDefinition(
        "Share of urgent and high",
        "紧急和重要占比",
        "Of the announced alarms, those that are urgent or high.",
        "通知的告警中, 级别为紧急或重要的比例。",
        Unit.SHARE,
        0.05,
    ),
    AlarmFigure.STALE: AlarmDefinition(
        "Active for more than a day, now",
        "当前持续超过一天",
        "Alarms that have been active for more than a day now, whatever the month.",
        "当前已持续一天以上的告警数, 与所选月份无关。",
        Unit.COUNT,
        4.0,
    ),
    AlarmFigure.FALSE: AlarmDefinition(
        "False alarms",
        "误报",
        "Alarms raised in the month whose work order was cancelled as a false alarm.",
        "本月触发且工单以误报取消的告警数。",
        Unit.COUNT,
        0.0,
    ),
    AlarmFigure.EXPLAINED: AlarmDefinition(
        "Explained by an outage",
        "由停电或离线解释",
        "Alarms that an outage explained in the month; nobody was told of them while it did.",
        "本月由停电或离线解释的告警数, 期间未通知人员。",
        Unit.COUNT,
        None,
    ),
    AlarmFigure.ON_TRIAL: AlarmDefinition(
        "Of rules on trial",
        "试运行规则的告警",
        "Alarms raised in the month by rules that are on trial; nobody was told of them.",
        "本月由试运行规则触发的告警数, 未通知人员。",
        Unit.COUNT,
        None,
    ),
}


def value_of(figure: AlarmFigure, made: Figures, counted: int) -> float | None:
    """Return the value of a figure; None when there is nothing that it could be of.

    Args:
        figure: Which one.
        made: The figures of the span.
        counted: How many alarms or announcements lie behind it.
    """
    match figure:
        case AlarmFigure.LOAD:
            return made.average_per_operator
        case AlarmFigure.PEAK:
            return made.peak
        case AlarmFigure.FLOOD:
            return made.flood_share
        case AlarmFigure.FREQUENT | AlarmFigure.SEVERE:
            return counted / made.alarms if made.alarms else None
        case _:
            return counted


def announcements_of(
    figure: AlarmFigure, found: Sequence[Announced], *, start: int, flooding: Flooding
) -> Sequence[Announced]:
    """Return exactly the announcements that a figure counts, in their order.

    Args:
        figure: One that counts announcements; others count none.
        found: Every announcement of the span.
        start: Of the span, on the grid of ten minutes.
        flooding: When a flood begins and ends.
    """
    match figure:
        case AlarmFigure.ANNOUNCED | AlarmFigure.LOAD:
            return found
        case AlarmFigure.PEAK:
            bins = Counter(_bin(one, start) for one in found)
            # Of equals the first one.
            worst = max(bins, key=lambda place: (bins[place], -place[1]), default=None)
            return [one for one in found if _bin(one, start) == worst]
        case AlarmFigure.FLOOD:
            flooded = floods_of(found, start=start, flooding=flooding)
            return [one for one in found if _bin(one, start)[1] in flooded[one.site_id]]
        case AlarmFigure.FREQUENT:
            counts = Counter(map(_of, found))
            often = {key for key, _ in counts.most_common(10)}
            return [one for one in found if _of(one) in often]
        case AlarmFigure.SEVERE:
            return [one for one in found if one.severity in {"urgent", "high"}]
        case _:
            return []


def _bin(one: Announced, start: int) -> tuple[int, int]:
    """Return which ten minutes of which estate an announcement is in."""
    return one.site_id, (one.at - start) // BIN_MS


def _of(one: Announced) -> tuple[str, int, int]:
    return one.rule, one.point_id, one.equipment_id
