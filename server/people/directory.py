"""Everybody and every roster at once, and who is asked for: on duty, leader, manager; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from zoneinfo import ZoneInfo

from config.people import PeopleFile, PersonSettings, Role, RosterSettings
from server.messages.receivers import QuietHours, Receiver
from server.people.channels import Channels
from server.people.duty import Change, Span, spans_of, uncovered


@dataclass(frozen=True, slots=True)
class Directory:
    """What the records hold about people."""

    people: PeopleFile
    changes: Mapping[str, Sequence[Change]] = field(default_factory=dict[str, Sequence[Change]])
    """Key of a roster to its exceptions, oldest first."""
    channels: Channels = None
    """Channels that the server has; None: those of the persons are taken on trust."""

    def ways(self, person: str, channels: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return (channel, address) of a person, the best first; only and as named, if any are.

        A channel that the server does not have, or an address that is none for it, is no way.
        """
        who = self.people.persons[person]
        ways = [
            (one.channel, address)
            for one in who.channels
            if _serves(channels, one.channel)
            and self._leads(who.name, one.channel, address := one.address or who.phone or "")
        ]
        return sorted(ways, key=lambda way: channels.index(way[0])) if channels else ways

    def receivers(
        self, person: str, channels: Sequence[str] = (), *, at_any_hour: bool = False
    ) -> list[Receiver]:
        """Return the ways to a person for messages, the best first; none: not to be reached.

        Args:
            person: Key of the person.
            channels: Only and as named, if any are.
            at_any_hour: Quiet hours do not count.
        """
        who = self.people.persons[person]
        hours = None if at_any_hour else _quiet_hours(who)
        return [
            Receiver(who.name, channel, address, who.languages[0], hours)
            for channel, address in self.ways(person, channels)
        ]

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

    def duty(self, site: str | None, trade: str | None, *, start: int, end: int) -> list[Span]:
        """Return the spans of those who would be called between two instants, UTC ms, in order.

        While a roster of the trade has somebody on duty, one of all trades does not count.
        """
        spans = self.spans(site, trade, start=start, end=end)
        return self._preferred([one for one in spans if one.part == "duty"], start=start, end=end)

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

    def resolve(self, who: str, *, site: str | None, trade: str | None, at: int) -> list[str]:
        """Return the keys of the persons that a policy names, in the order of calling.

        Args:
            who: on_duty, on_duty:TRADE, leader, manager, contractor, person:KEY or team:KEY.
            site: Key of the estate; None: all.
            trade: The trade; None: all.
            at: UTC ms.
        """
        kind, _, name = who.partition(":")
        match kind:
            case "on_duty":
                return self.on_duty(site, name or trade, at)
            case "leader":
                return self.leaders(site, trade, at)
            case "manager":
                return self.managers(site, trade)
            case "contractor":
                return self.with_role("contractor", site, trade)
            case "person":
                return [name] if name in self.people.persons else []
            case _:
                team = self.people.teams.get(name)
                members = () if team is None else team.members
                return [one for one in members if one in self.people.persons]

    def reached(
        self,
        who: str,
        *,
        site: str | None,
        trade: str | None,
        at: int,
        channels: Sequence[str] = (),
    ) -> list[str]:
        """Return those of whom ``who`` means that a channel leads to."""
        persons = self.resolve(who, site=site, trade=trade, at=at)
        return [one for one in persons if self.ways(one, channels)]

    def _leads(self, name: str, channel: str, address: str) -> bool:
        return self.channels is None or self.channels.reach(name, channel, address)

    def _at(self, site: str | None, trade: str | None, at: int, *, part: str) -> list[str]:
        spans = self.spans(site, trade, start=at, end=at + 1)
        present = [one for one in spans if one.part == part]
        return _once(one.person for one in self._preferred(present, start=at, end=at + 1))

    def _preferred(self, spans: Sequence[Span], *, start: int, end: int) -> list[Span]:
        rosters = self.people.rosters
        special = [one for one in spans if rosters[one.roster].trades]
        general = [one for one in spans if not rosters[one.roster].trades]
        free = uncovered([(one.start, one.end) for one in special], start=start, end=end)
        clipped = (
            replace(one, start=max(one.start, since), end=min(one.end, until))
            for one in general
            for since, until in free
        )
        return sorted([*special, *(one for one in clipped if one.start < one.end)])


def _quiet_hours(person: PersonSettings) -> QuietHours | None:
    """Return when a person is not disturbed, if ever."""
    quiet = person.quiet_hours
    if quiet is None:
        return None
    begins, ends = time.fromisoformat(quiet.start), time.fromisoformat(quiet.end)
    return QuietHours(begins, ends, ZoneInfo(person.time_zone))


def _serves(named: Sequence[str], wanted: str | None) -> bool:
    """Return whether a list of names serves one: an empty list serves all."""
    return not named or wanted in named


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
