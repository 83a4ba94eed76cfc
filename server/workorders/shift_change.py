"""The change of a shift: who leaves, who comes, who goes on with what is open; pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from config.classes import Severity
from server.people.directory import Directory
from server.people.duty import Span
from server.workorders.assignees import AssigneeKind
from server.workorders.routing import of_trade

NEAR_MS: Final = 12 * 3_600_000
"""Changes so long before and after an instant are offered."""
_ROSTERED_MS: Final = 14 * 86_400_000
"""Whoever is on duty so long before or after belongs to a shift."""


class Whereto(StrEnum):
    """Why what is open goes to somebody else, or stays where it is."""

    OFF_DUTY = "off_duty"
    """Whoever has it is not on duty any more."""
    UNASSIGNED = "unassigned"
    """Nobody has it."""
    ON_DUTY = "on_duty"
    """Stays: whoever has it is on duty still."""
    APPOINTMENT = "appointment"
    """Stays: whoever has it has an appointment for it, and is on duty then."""
    CONTRACTOR = "contractor"
    """Stays: a contractor has it."""
    WITHOUT_SHIFT = "without_shift"
    """Stays: whoever has it belongs to no shift."""
    WITH_ORDER = "with_order"
    """An incident: whoever gets its work order has it."""
    CALLED = "called"
    """An incident that nobody has acknowledged: those on duty are called for it."""
    NOBODY = "nobody"
    """Nobody is on duty from then on who could have it."""


class ShiftChange(NamedTuple):
    """An instant at which somebody's duty ends."""

    at: int
    leaving: tuple[str, ...]
    """Keys of those whose duty ends."""
    present: tuple[str, ...]
    """Keys of those who are on duty from then on."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What somebody has to go on with."""

    trade: str
    severity: Severity
    holder: str | None
    """Key of a person; None: nobody has it."""
    kind: AssigneeKind | None = None
    appointment_at: int | None = None


class Proposal(NamedTuple):
    """To whom something goes; None: it stays where it is."""

    to: str | None
    why: Whereto


def changes_near(directory: Directory, site: str, at: int) -> list[ShiftChange]:
    """Return the changes of shifts of an estate around an instant, in order."""
    start, end = at - NEAR_MS, at + NEAR_MS
    spans = _spans(directory, site, start=start - 1, end=end + 1)
    edges = {edge for one in spans for edge in (one.start, one.end)}
    found = (_change(spans, edge) for edge in sorted(edges) if start <= edge <= end)
    return [one for one in found if one.leaving]


def change_at(directory: Directory, site: str, at: int) -> ShiftChange:
    """Return who leaves and who is there at an instant, whether a shift changes then or not."""
    return _change(_spans(directory, site, start=at - 1, end=at + 1), at)


def nearest(changes: Iterable[ShiftChange], at: int) -> ShiftChange | None:
    """Return the change that is the nearest to an instant, the later of two."""
    return min(changes, key=lambda one: (abs(one.at - at), -one.at), default=None)


def proposals(
    unfinished: Sequence[Unfinished],
    directory: Directory,
    site: str,
    at: int,
    *,
    load: Mapping[str, int],
) -> list[Proposal]:
    """Return to whom each goes: on duty from then on, of the trade, with the fewest.

    What is more severe is given first; each that is given counts for the next.

    Args:
        unfinished: What is open.
        directory: Who works here.
        site: Key of the estate.
        at: When the shift changes, UTC ms.
        load: Open orders by person.
    """
    near = _spans(directory, site, start=at - _ROSTERED_MS, end=at + _ROSTERED_MS)
    rostered = {one.person for one in near}
    present = {one.person for one in near if one.start <= at < one.end}
    loads = dict(load)
    found: dict[int, Proposal] = {}
    order = sorted(range(len(unfinished)), key=lambda index: unfinished[index].severity.rank)
    for index in order:
        one = unfinished[index]
        why = _why(one, directory, site, at, rostered=rostered, present=present)
        able = _able(directory, site, one.trade, at) if why in _GIVEN else ()
        if why in _GIVEN and not able:
            why = Whereto.NOBODY
        to = min(able, key=lambda person: loads.get(person, 0)) if able else None
        if to is not None:
            loads[to] = loads.get(to, 0) + 1
        found[index] = Proposal(to, why)
    return [found[index] for index in range(len(unfinished))]


_GIVEN: Final = frozenset({Whereto.OFF_DUTY, Whereto.UNASSIGNED})


def _why(
    one: Unfinished,
    directory: Directory,
    site: str,
    at: int,
    *,
    rostered: Collection[str],
    present: Collection[str],
) -> Whereto:
    if one.holder is None:
        return Whereto.UNASSIGNED
    if one.kind is not AssigneeKind.USER and one.holder not in directory.people.persons:
        # Has left the house.
        return Whereto.OFF_DUTY
    if one.kind is AssigneeKind.CONTRACTOR:
        return Whereto.CONTRACTOR
    if one.holder not in rostered:
        return Whereto.WITHOUT_SHIFT
    if one.holder in present:
        return Whereto.ON_DUTY
    when = one.appointment_at
    agreed = when is not None and when > at and one.holder in _there(directory, site, when)
    return Whereto.APPOINTMENT if agreed else Whereto.OFF_DUTY


def _able(directory: Directory, site: str, trade: str, at: int) -> Sequence[str]:
    return of_trade(directory, directory.on_duty(site, trade, at), trade)


def _there(directory: Directory, site: str, at: int) -> set[str]:
    spans = _spans(directory, site, start=at, end=at + 1)
    return {one.person for one in spans}


def _change(spans: Sequence[Span], at: int) -> ShiftChange:
    before = {one.person for one in spans if one.start < at <= one.end}
    after = {one.person for one in spans if one.start <= at < one.end}
    present = {one.person for one in spans if one.start <= at < one.end and one.part == "duty"}
    return ShiftChange(at, tuple(sorted(before - after)), tuple(sorted(present)))


def _spans(directory: Directory, site: str, *, start: int, end: int) -> list[Span]:
    """Return all duty at an estate, leaders' too, whatever the trade."""
    rosters = directory.people.rosters.items()
    serving = [key for key, one in rosters if not one.sites or site in one.sites]
    return [span for key in serving for span in directory.spans_of(key, start=start, end=end)]
