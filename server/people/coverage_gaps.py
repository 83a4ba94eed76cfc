"""Holes of a roster, and those that a change would open anywhere."""

from collections.abc import Collection, Sequence

from config.people import RosterSettings
from server.core.errors import InvalidError
from server.people.coverage import Hole, holes_of
from server.people.directory import Directory
from server.people.targets import policy_holes


class CoverageGapsError(InvalidError):
    """Hours or steps would reach nobody; 422 unless the caller accepts that."""

    def __init__(self, holes: Sequence[Hole]) -> None:
        super().__init__(
            "; ".join(hole.text_en for hole in holes)
            + ". Set accept_holes if that is meant, it is a warning then"
        )
        self.holes = tuple(holes)


def roster_holes(
    directory: Directory, roster: RosterSettings, now: int, before: Directory | None = None
) -> list[Hole]:
    """Return the hours in which nobody serves what the roster serves, other rosters included.

    Args:
        before: Only what was no hole then.
    """
    return [
        hole
        for site, trade in _places(roster)
        for hole in holes_of(directory, site, trade, now=now, before=before)
    ]


def new_holes(
    before: Directory, after: Directory, *, now: int, besides: Collection[str] = ()
) -> list[Hole]:
    """Return the holes that a change opens, wherever they are: what was one before is not told.

    Args:
        besides: Rosters and policies that are left out, such as "rosters.house".
    """
    rosters = [*before.people.rosters.items(), *after.people.rosters.items()]
    wanted = [one for key, one in rosters if f"rosters.{key}" not in besides]
    places = {place for one in wanted for place in _places(one)}
    holes = [
        hole
        for site, trade in sorted(places, key=str)
        for hole in holes_of(after, site, trade, now=now, before=before)
    ]
    for key, policy in after.people.policies.items():
        if f"policies.{key}" not in besides:
            holes += policy_holes(after, policy, now=now, before=before)
    return once(holes)


def once(holes: Sequence[Hole]) -> list[Hole]:
    """Return each hole once."""
    return list({hole.text_en: hole for hole in holes}.values())


def _places(roster: RosterSettings) -> list[tuple[str | None, str | None]]:
    return [(site, trade) for site in roster.sites or (None,) for trade in roster.trades or (None,)]
