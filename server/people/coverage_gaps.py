"""Gaps of a roster or a policy, and those that a change would open anywhere."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from config.people import PolicySettings, RosterSettings, StepSettings
from server.core.errors import InvalidError
from server.people.coverage import CoverageGap, duty_gaps
from server.people.directory import Directory


class CoverageGapsError(InvalidError):
    """Hours or steps would reach nobody; 422 unless the caller accepts that."""

    def __init__(self, gaps: Sequence[CoverageGap]) -> None:
        super().__init__(
            "; ".join(gap.text_en for gap in gaps)
            + ". Set accept_gaps if that is meant, it is a warning then"
        )
        self.gaps = tuple(gaps)


def roster_gaps(
    directory: Directory, roster: RosterSettings, now: int, before: Directory | None = None
) -> list[CoverageGap]:
    """Return the hours in which nobody serves what the roster serves, other rosters included.

    Args:
        before: Only what was no gap then.
    """
    return [
        gap
        for site, trade in _places_of_roster(roster)
        for gap in duty_gaps(directory, site, trade, now=now, before=before)
    ]


def policy_gaps(
    directory: Directory, policy: PolicySettings, *, now: int, before: Directory | None = None
) -> list[CoverageGap]:
    """Return the steps that reach nobody, or nobody at some hours.

    Args:
        before: Only what was no gap then.
    """
    gaps: dict[str, CoverageGap] = {}
    for site, trade in _places_of_policy(directory, policy):
        at = _Place(site, trade, now)
        for number, step in enumerate(policy.steps, start=1):
            for gap in _step_gaps(directory, step, number, at=at, before=before):
                gaps.setdefault(gap.text_en, gap)
    return list(gaps.values())


def new_gaps(
    before: Directory, after: Directory, *, now: int, besides: Collection[str] = ()
) -> list[CoverageGap]:
    """Return the gaps that a change opens, wherever they are: what was one before is left out.

    Args:
        besides: Rosters and policies that are left out, such as "rosters.house".
    """
    rosters = [*before.people.rosters.items(), *after.people.rosters.items()]
    wanted = [one for key, one in rosters if f"rosters.{key}" not in besides]
    places = {place for one in wanted for place in _places_of_roster(one)}
    gaps = [
        gap
        for site, trade in sorted(places, key=str)
        for gap in duty_gaps(after, site, trade, now=now, before=before)
    ]
    for key, policy in after.people.policies.items():
        if f"policies.{key}" not in besides:
            gaps += policy_gaps(after, policy, now=now, before=before)
    return once(gaps)


def once(gaps: Sequence[CoverageGap]) -> list[CoverageGap]:
    """Return each gap once."""
    return list({gap.text_en: gap for gap in gaps}.values())


class _Place(NamedTuple):
    """The estate, the trade and the instant (UTC ms) that a step is checked for."""

    site: str | None
    trade: str | None
    now: int


def _places_of_roster(roster: RosterSettings) -> list[tuple[str | None, str | None]]:
    return [(site, trade) for site in roster.sites or (None,) for trade in roster.trades or (None,)]


def _places_of_policy(
    directory: Directory, policy: PolicySettings
) -> Iterator[tuple[str | None, str | None]]:
    """Yield where it applies: as it says, or else wherever there is a roster."""
    rosters = directory.people.rosters.values()
    sites = policy.sites or _named(roster.sites for roster in rosters)
    trades = policy.trades or _named(roster.trades for roster in rosters)
    for site in sites or (None,):
        for trade in trades or (None,):
            yield site, trade


def _named(lists: Iterable[Sequence[str]]) -> Sequence[str]:
    found = list(lists)
    # A roster that serves everything stands for all that nobody names.
    return () if not all(found) else sorted({name for one in found for name in one})


def _step_gaps(
    directory: Directory,
    step: StepSettings,
    number: int,
    *,
    at: _Place,
    before: Directory | None,
) -> list[CoverageGap]:
    site, trade, now = at
    fixed = [who for who in step.who if not who.startswith("on_duty")]
    if _any_reached(directory, step, fixed, at=at):
        return []
    on_duty = [who for who in step.who if who not in fixed]
    if not on_duty:
        if before is not None and not _any_reached(before, step, fixed, at=at):
            return []
        reason = f"Step {number} ({', '.join(fixed)}) reaches nobody who has a channel"
        reason_zh = f"第 {number} 步 ({', '.join(fixed)}) 没有可联系的人员"
        place = f" at {site}" if site else ""
        return [
            CoverageGap(
                "nobody_has_a_channel", reason + place, reason_zh + place, site=site, trade=trade
            )
        ]
    if before is not None and _any_reached(before, step, fixed, at=at):
        # Those who were always reached covered these hours; now all of them count.
        before = None
    wanted = on_duty[0].partition(":")[2] or trade
    return duty_gaps(directory, site, wanted, now=now, channels=step.channels, before=before)


def _any_reached(directory: Directory, step: StepSettings, who: Sequence[str], at: _Place) -> bool:
    return any(
        directory.reached(one, site=at.site, trade=at.trade, at=at.now, channels=step.channels)
        for one in who
    )
