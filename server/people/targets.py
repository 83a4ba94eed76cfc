"""Whom the words of a policy mean at an instant, and whether they mean anybody; pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from config.people import PolicySettings, StepSettings
from server.people.coverage import Hole, holes_of
from server.people.directory import Directory


def resolve(
    who: str, directory: Directory, *, site: str | None, trade: str | None, at: int
) -> list[str]:
    """Return the keys of the persons that ``who`` means, the first to be called first."""
    kind, _, name = who.partition(":")
    match kind:
        case "on_duty":
            return directory.on_duty(site, name or trade, at)
        case "leader":
            return directory.leaders(site, trade, at)
        case "manager":
            return directory.managers(site, trade)
        case "contractor":
            return directory.with_role("contractor", site, trade)
        case "person":
            return [name] if name in directory.people.persons else []
        case _:
            team = directory.people.teams.get(name)
            members = () if team is None else team.members
            return [one for one in members if one in directory.people.persons]


def policy_holes(
    directory: Directory, policy: PolicySettings, *, now: int, before: Directory | None = None
) -> list[Hole]:
    """Return the steps that reach nobody, or nobody at some hours.

    Args:
        before: Only what was no hole then.
    """
    holes: dict[str, Hole] = {}
    for site, trade in _places(directory, policy):
        at = _Place(site, trade, now)
        for number, step in enumerate(policy.steps, start=1):
            for hole in _step_holes(directory, step, number, at=at, before=before):
                holes.setdefault(hole.text_en, hole)
    return list(holes.values())


def reached(
    who: str,
    directory: Directory,
    *,
    site: str | None,
    trade: str | None,
    at: int,
    channels: Sequence[str] = (),
) -> list[str]:
    """Return those of whom ``who`` means that a channel leads to."""
    persons = resolve(who, directory, site=site, trade=trade, at=at)
    return [one for one in persons if directory.ways(one, channels)]


class _Place(NamedTuple):
    """For what a step is looked at, and when, UTC ms."""

    site: str | None
    trade: str | None
    now: int


def _places(
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


def _step_holes(
    directory: Directory,
    step: StepSettings,
    number: int,
    *,
    at: _Place,
    before: Directory | None,
) -> list[Hole]:
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
            Hole("nobody_has_a_channel", reason + place, reason_zh + place, site=site, trade=trade)
        ]
    if before is not None and _any_reached(before, step, fixed, at=at):
        # Whoever was always reached hid the hours; now they all count.
        before = None
    wanted = on_duty[0].partition(":")[2] or trade
    return holes_of(directory, site, wanted, now=now, channels=step.channels, before=before)


def _any_reached(directory: Directory, step: StepSettings, who: Sequence[str], at: _Place) -> bool:
    return any(
        reached(one, directory, site=at.site, trade=at.trade, at=at.now, channels=step.channels)
        for one in who
    )
