"""Hours in which nobody would come, and their description in both languages; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from config.people import SHANGHAI
from server.people.directory import Directory
from server.people.duty import Span, local, uncovered

_DAY_MS = 86_400_000
HORIZON_MS = 35 * _DAY_MS
"""Five weeks: each weekday several times, and the next public holidays."""
_WEEK = 7
_MARGIN_MS = _WEEK * _DAY_MS

_TRADES_EN = {
    "heating": "heating",
    "electrical": "electrical work",
    "plumbing": "plumbing",
    "lift": "lifts",
    "fire": "fire protection",
    "low_voltage": "low voltage",
    "building": "building",
}
_TRADES_ZH = {
    "heating": "供暖",
    "electrical": "强电",
    "plumbing": "给排水",
    "lift": "电梯",
    "fire": "消防",
    "low_voltage": "弱电",
    "building": "土建",
}
_DAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


@dataclass(frozen=True, slots=True)
class CoverageGap:
    """Something that keeps a call from reaching anybody."""

    kind: Literal["nobody_on_duty", "nobody_has_a_channel"]
    text_en: str
    text_zh: str
    site: str | None = None
    """None: all estates."""
    trade: str | None = None
    """None: all trades."""
    start: int | None = None
    """UTC ms of the first time; None when it has no hours."""
    end: int | None = None


def duty_gaps(
    directory: Directory,
    site: str | None,
    trade: str | None,
    *,
    now: int,
    channels: Sequence[str] = (),
    before: Directory | None = None,
) -> list[CoverageGap]:
    """Return the hours of the next weeks without anybody, and those without a channel.

    What comes again every day or week is one gap, its first time counts. Only the named
    ``channels`` count, all of them when none is named.

    Args:
        before: Hours in which nobody was reached then are left out.
    """
    start, end = now - _MARGIN_MS, now + HORIZON_MS + _MARGIN_MS
    spans = directory.duty(site, trade, start=start, end=end)
    reachable = _reachable(directory, spans, channels)
    zone = next((one.time_zone for _, one in directory.rosters(site, trade)), SHANGHAI)
    words = _Words(site, trade, ZoneInfo(zone))
    empty = _coming_uncovered(spans, now=now)
    unreachable = [one for one in _coming_uncovered(reachable, now=now) if one not in empty]
    if before is not None and (empty or unreachable):
        then = before.duty(site, trade, start=start, end=end)
        known = _coming_uncovered(_reachable(before, then, channels), now=now)
        empty, unreachable = _besides(empty, known), _besides(unreachable, known)
    gaps = [words.nobody(group) for group in _grouped(empty, words.zone)]
    for group in _grouped(unreachable, words.zone):
        present = sorted(
            {
                directory.people.persons[one.person].name
                for one in spans
                if one.start < group[0][1] and one.end > group[0][0]
            }
        )
        # Where the unreachable hours touch empty ones, the empty ones are listed already.
        if present:
            gaps.append(words.unreachable(group, present))
    return sorted(gaps, key=lambda gap: (gap.start or 0, gap.kind))


def nobody_after_duty(site: str, trade: str) -> CoverageGap:
    """Return the gap of a place where an unanswered call climbs to nobody."""
    return CoverageGap(
        "nobody_has_a_channel",
        f"Nobody is called after those on duty for {_TRADES_EN[trade]} at {site}: "
        "no leader and no manager has a channel",
        f"{site} {_TRADES_ZH[trade]}值班人员未响应时无人可升级: 班长和经理均无联系方式",
        site=site,
        trade=trade,
    )


def _coming_uncovered(spans: Iterable[Span], *, now: int) -> list[tuple[int, int]]:
    start, end = now - _MARGIN_MS, now + HORIZON_MS + _MARGIN_MS
    found = uncovered([(one.start, one.end) for one in spans], start=start, end=end)
    return [one for one in found if one[1] > now and one[0] < now + HORIZON_MS]


def _reachable(directory: Directory, spans: Sequence[Span], channels: Sequence[str]) -> list[Span]:
    reached = {
        person: bool(directory.ways(person, channels)) for person in {one.person for one in spans}
    }
    return [one for one in spans if reached[one.person]]


def _besides(
    found: Sequence[tuple[int, int]], known: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return what is left of the hours after those that were known."""
    return [left for start, end in found for left in uncovered(known, start=start, end=end)]


def _grouped(found: Sequence[tuple[int, int]], zone: ZoneInfo) -> list[list[tuple[int, int]]]:
    """Put together what is the same hours every day, or on the same day every week."""
    daily: dict[object, list[tuple[int, int]]] = {}
    for start, end in found:
        daily.setdefault((local(start, zone).time(), end - start), []).append((start, end))
    groups: list[list[tuple[int, int]]] = []
    for same in daily.values():
        weekly: dict[int, list[tuple[int, int]]] = {}
        for one in same:
            weekly.setdefault(local(one[0], zone).weekday(), []).append(one)
        groups += [same] if len(weekly) == _WEEK else list(weekly.values())
    return groups


@dataclass(frozen=True, slots=True)
class _Words:
    """Describes where and for whom in both languages."""

    site: str | None
    trade: str | None
    zone: ZoneInfo

    def nobody(self, group: Sequence[tuple[int, int]]) -> CoverageGap:
        place_en, place_zh = self._place()
        time_en, time_zh = self._time(group)
        return CoverageGap(
            "nobody_on_duty",
            f"Nobody is on duty{place_en} {time_en}",
            f"{time_zh}{place_zh}无人值班",
            site=self.site,
            trade=self.trade,
            start=group[0][0],
            end=group[0][1],
        )

    def unreachable(self, group: Sequence[tuple[int, int]], names: Sequence[str]) -> CoverageGap:
        place_en, place_zh = self._place()
        time_en, time_zh = self._time(group)
        return CoverageGap(
            "nobody_has_a_channel",
            f"Nobody on duty{place_en} has a channel {time_en} ({', '.join(names)})",
            f"{time_zh}{place_zh}值班人员没有联系方式({'、'.join(names)})",
            site=self.site,
            trade=self.trade,
            start=group[0][0],
            end=group[0][1],
        )

    def _place(self) -> tuple[str, str]:
        trade_en = f" for {_TRADES_EN[self.trade]}" if self.trade else ""
        trade_zh = _TRADES_ZH[self.trade] if self.trade else ""
        site_en = f" at {self.site}" if self.site else ""
        site_zh = f"{self.site} " if self.site else ""
        return trade_en + site_en, site_zh + trade_zh

    def _time(self, group: Sequence[tuple[int, int]]) -> tuple[str, str]:
        start, end = group[0]
        if end - start >= HORIZON_MS:
            return "at any time", ""
        begin, until = local(start, self.zone), local(end, self.zone)
        if len({local(one[0], self.zone).weekday() for one in group}) == _WEEK:
            return (
                f"every day from {begin:%H:%M} to {until:%H:%M}",
                f"每天 {begin:%H:%M} 至 {until:%H:%M} ",
            )
        often = len(group) > 1
        spelling = "%H:%M" if often else "%Y-%m-%d %H:%M"
        first, last = format(begin, spelling), format(until, spelling)
        return (
            f"from {_DAYS_EN[begin.weekday()]} {first} to {_DAYS_EN[until.weekday()]} {last}",
            f"{_DAYS_ZH[begin.weekday()]} {first} 至{_DAYS_ZH[until.weekday()]} {last} ",
        )
