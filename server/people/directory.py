"""Everybody and every roster at once, and who is asked for: on duty, leader, manager; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from config.people import PeopleFile, Role, RosterSettings
from server.people.duty import Change, Span, spans_of


@dataclass(frozen=True, slots=True)
class Directory:
    """What the records hold about people."""

    people: PeopleFile
    changes: Mapping[str, Sequence[Change]] = field(default_factory=dict[str, Sequence[Change]])
    """Key of a roster to its exceptions, oldest first."""
    channels: frozenset[str] | None = None
    """Channels that the server has; None: those of the persons are taken on trust."""

    def ways(self, person: str, channels: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return (channel, address) of a person, the best first; only and as named, if any are."""
        who = self.people.persons[person]
        ways = [
            (one.channel, one.address or who.phone or "")
            for one in who.channels
            if _serves(channels, one.channel)
            and (self.channels is None or one.channel in self.channels)
        ]
        return sorted(ways, key=lambda way: channels.index(way[0])) if channels else ways

    def rosters(self, site: str | None, trade: str | None) -> Iterator[tuple[str, RosterSettings]]:
        """Yield the rosters that serve the site and the trade, by key."""
        for key, roster in sorted(self.people.rosters.items()):
            if _serves(roster.sites, site) and _serves(roster.trades, trade):
                yield key, roster

    def spans(self, site: str | None, trade: str | None, *, start: int, end: int) -> list[Span]:
        """Return all duty for the site and the trade between two instants, UTC ms, in order."""
        found = (self.spans_of(key, start=start, end=end) for key, _ in self.rosters(site, trade))
        return sorted(span for spans in found for span in spans)

    def spans_of(self, key: str, *, start: int, end: int) -> list[Span]:
        """Return the duty of one roster; those who left the house are not in it."""
        spans = spans_of(
            self.people.rosters[key],
            key=key,
            teams=self.people.teams,
            changes=self.changes.get(key, ()),
            start=start,
            end=end,
        )
        return [span for span in spans if span.person in self.people.persons]

    def on_duty(self, site: str | None, trade: str | None, at: int) -> list[str]:
        """Return who is on duty; a roster of the trade goes before one of all trades."""
        return self._at(site, trade, at, part="duty")

    def leaders(self, site: str | None, trade: str | None, at: int) -> list[str]:
        """Return the leader on duty; without one, everybody with the role ``lead``."""
        return self._at(site, trade, at, part="leader") or self.with_role("lead", site, trade)

    def managers(self, site: str | None, trade: str | None) -> list[str]:
        """Return the rosters' manager; without one, everybody with the role ``manager``."""
        named = _once(roster.manager for _, roster in self.rosters(site, trade) if roster.manager)
        known = [name for name in named if name in self.people.persons]
        return known or self.with_role("manager", site, trade)

    def with_role(self, role: Role, site: str | None, trade: str | None) -> list[str]:
        """Return everybody with that role who serves the site and the trade."""
        return [
            key
            for key, person in sorted(self.people.persons.items())
            if person.role == role and _serves(person.sites, site) and _serves(person.trades, trade)
        ]

    def _at(self, site: str | None, trade: str | None, at: int, *, part: str) -> list[str]:
        present = [
            span
            for span in self.spans(site, trade, start=at, end=at + 1)
            if span.part == part and span.covers(at)
        ]
        special = [one for one in present if self.people.rosters[one.roster].trades]
        return _once(span.person for span in special or present)


def _serves(named: Sequence[str], wanted: str | None) -> bool:
    """Whoever names nothing serves all; asked for all, only those count."""
    return not named or wanted in named


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
