"""The file of the first set-up: who works here, when, and who is called after whom."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field, model_validator

from config.base import ClockTime, Conflict, ConflictingSettingsError, Identifier, Settings
from config.classes import Severity, Trade
from config.phone import phone_problem

SHANGHAI = "Asia/Shanghai"

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "workday", "day_off"]
Role: TypeAlias = Literal["engineer", "lead", "manager", "contractor"]
_Path: TypeAlias = tuple[str | int, ...]
_Reference: TypeAlias = tuple[str, _Path, str]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone {name!r}; write one such as {SHANGHAI}") from None
    return name


def _phone(text: str) -> str:
    problem = phone_problem(text)
    if problem:
        raise ValueError(f"{problem}, got {text!r}")
    return text


def _date(text: str) -> str:
    return date.fromisoformat(text).isoformat()


_TRADES = "|".join(Trade)
_WHO = (
    rf"^(?:leader|manager|contractor|on_duty(?::(?:{_TRADES}))?"
    r"|(?:person|team):[A-Za-z0-9][A-Za-z0-9_.\-]*)$"
)
Phone = Annotated[str, AfterValidator(_phone)]
TimeZone = Annotated[str, AfterValidator(_zone)]
Date = Annotated[str, AfterValidator(_date)]
"""YYYY-MM-DD, a day that there is."""
Who = Annotated[str, Field(max_length=80, pattern=_WHO, description="Who is notified.")]


class ServedSettings(Settings):
    """What is a body of the HTTP interface as well: its checks are built with the interface."""

    model_config = ConfigDict(defer_build=False)


class ChannelAddress(ServedSettings):
    """One way to reach a person."""

    channel: Identifier = Field(
        description="Name of a channel or webhook of the server file, or a kind of channel."
    )
    address: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Where: mail address, telephone number; default: the person's phone.",
    )


class QuietHours(ServedSettings):
    """When only urgent messages are sent; others wait for the end."""

    start: ClockTime = Field(description="From then on, local time HH:MM.")
    end: ClockTime = Field(description="Until then, perhaps on the next day, local time HH:MM.")


class PersonSettings(ServedSettings):
    """Somebody who is called."""

    name: str = Field(min_length=1, max_length=64, description="Name that colleagues use.")
    role: Role = Field(
        default="engineer", description="engineer, lead, manager or contractor (another company)."
    )
    trades: tuple[Trade, ...] = Field(default=(), description="What they repair; none: anything.")
    sites: tuple[Identifier, ...] = Field(default=(), description="Their estates; none: all.")
    languages: tuple[Literal["zh", "en"], ...] = Field(
        default=("zh",), min_length=1, description="Languages of messages, the best first."
    )
    phone: Phone | None = Field(default=None, max_length=32, description="Shown to colleagues.")
    channels: tuple[ChannelAddress, ...] = Field(
        default=(), description="Ways to reach them, the best first."
    )
    quiet_hours: QuietHours | None = Field(
        default=None,
        description="The hours with only urgent messages, and those of their own duty.",
    )
    time_zone: TimeZone = Field(default=SHANGHAI, description="Of the quiet hours.")


class TeamSettings(ServedSettings):
    """People who work together."""

    name: str = Field(min_length=1, max_length=64, description="Name that colleagues use.")
    members: tuple[Identifier, ...] = Field(min_length=1, description="Keys of persons.")
    leader: Identifier | None = Field(default=None, description="Key of a person.")


class Cycle(ServedSettings):
    """Days that come round independently of the week, such as 24 hours on and 48 off."""

    since: Date = Field(description="Day 0, YYYY-MM-DD.")
    length: int = Field(ge=1, le=60, description="Days until it begins again.")
    days: tuple[Annotated[int, Field(ge=0, le=59)], ...] = Field(
        min_length=1, description="Days of duty, 0 is the first."
    )


class ShiftSettings(ServedSettings):
    """Hours of duty on some days."""

    days: tuple[Day, ...] = Field(
        default=(),
        description="Days on which it begins; workday and day_off follow the public calendar with "
        "its make-up workdays; none: every day.",
    )
    cycle: Cycle | None = Field(default=None, description="Or days that come round.")
    start: ClockTime = Field(description="Begin, local time HH:MM.")
    end: ClockTime = Field(
        description="End, local time HH:MM; not after the begin: on the next day."
    )
    persons: tuple[Identifier, ...] = Field(default=(), description="Keys of those on duty.")
    teams: tuple[Identifier, ...] = Field(default=(), description="Keys of teams on duty.")
    leader: Identifier | None = Field(
        default=None, description="Leader on duty; default: the team's, then the roster's."
    )


class RosterSettings(ServedSettings):
    """Who is on duty for some trades at some estates."""

    name: str = Field(min_length=1, max_length=64, description="Name that colleagues use.")
    sites: tuple[Identifier, ...] = Field(default=(), description="Estates; none: all.")
    trades: tuple[Trade, ...] = Field(default=(), description="Trades; none: all.")
    time_zone: TimeZone = Field(default=SHANGHAI, description="Of its hours.")
    shifts: tuple[ShiftSettings, ...] = Field(min_length=1, description="Hours of duty.")
    leader: Identifier | None = Field(default=None, description="Leader of shifts without one.")
    manager: Identifier | None = Field(
        default=None, description="Manager; default: persons with that role."
    )
    accept_gaps: bool = Field(
        default=False,
        validation_alias=AliasChoices("accept_gaps", "accept_holes"),
        description="True: hours without anybody are a warning, not a refusal.",
    )


class StepSettings(ServedSettings):
    """One step of an escalation."""

    after_s: float = Field(ge=0, le=604_800, description="Since the incident opened, seconds.")
    who: tuple[Who, ...] = Field(
        min_length=1,
        description="on_duty (of the trade), on_duty:TRADE, leader, manager, contractor, "
        "person:KEY, team:KEY.",
    )
    channels: tuple[Identifier, ...] = Field(
        default=(),
        description="Only by these, in this order when one fails; none: each person's own.",
    )


class PolicySettings(ServedSettings):
    """Who is notified of an incident, and who next without an acknowledgement."""

    sites: tuple[Identifier, ...] = Field(default=(), description="Only these; none: all.")
    trades: tuple[Trade, ...] = Field(default=(), description="Only these; none: all.")
    severities: tuple[Severity, ...] = Field(default=(), description="Only these; none: all.")
    steps: tuple[StepSettings, ...] = Field(min_length=1, max_length=20, description="In order.")
    repeat: int = Field(default=0, ge=0, le=50, description="So often all steps come again.")
    repeat_after_s: float = Field(
        default=900, ge=1, le=604_800, description="After the last step, seconds."
    )
    idle_s: float | None = Field(
        default=None,
        gt=0,
        le=604_800,
        description="Acknowledged, but no activity for so long: it escalates on, seconds; "
        "none: never.",
    )
    accept_gaps: bool = Field(
        default=False,
        validation_alias=AliasChoices("accept_gaps", "accept_holes"),
        description="True: steps that reach nobody are a warning, not a refusal.",
    )

    @model_validator(mode="after")
    def _steps_in_order(self) -> Self:
        conflicts = [
            Conflict(("steps", index, "after_s"), f"expected {before.after_s:g} or more")
            for index, (before, step) in enumerate(
                zip(self.steps, self.steps[1:], strict=False), start=1
            )
            if step.after_s < before.after_s
        ]
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self


class AssuranceSettings(ServedSettings):
    """Days on which nothing may fail: a great event, an examination, a holiday."""

    name: str = Field(min_length=1, max_length=64, description="Name that colleagues use.")
    sites: tuple[Identifier, ...] = Field(default=(), description="Estates; none: all.")
    first: Date = Field(description="First day, YYYY-MM-DD.")
    last: Date = Field(description="Last day, YYYY-MM-DD.")
    time_zone: TimeZone = Field(default=SHANGHAI, description="Of these days.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if date.fromisoformat(self.last) < date.fromisoformat(self.first):
            message = f"expected {self.first} or later, got {self.last}"
            raise ConflictingSettingsError([Conflict(("last",), message)])
        return self


class PeopleFile(ServedSettings):
    """Persons, teams, rosters, escalation policies and assurance periods of the first set-up."""

    persons: dict[Identifier, PersonSettings] = Field(default={}, description="Key to person.")
    teams: dict[Identifier, TeamSettings] = Field(default={}, description="Key to team.")
    rosters: dict[Identifier, RosterSettings] = Field(default={}, description="Key to roster.")
    policies: dict[Identifier, PolicySettings] = Field(
        default={}, description="Key to policy; the packaged ones apply where none fits."
    )
    assurances: dict[Identifier, AssuranceSettings] = Field(
        default={},
        description="Key to assurance period: incidents and orders are one class higher.",
    )

    @model_validator(mode="after")
    def _names_known(self) -> Self:
        conflicts = list(conflicts_of(self))
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self


def conflicts_of(people: PeopleFile) -> Iterator[Conflict]:
    """Return where persons and teams are named that do not exist."""
    for kind, path, name in _references(people):
        known = people.persons if kind == "person" else people.teams
        if name not in known:
            listed = ", ".join(sorted(known)[:20]) or "none"
            yield Conflict(path, f"no {kind} {name!r}; known: {listed}")


def _references(people: PeopleFile) -> Iterator[_Reference]:
    for key, team in people.teams.items():
        yield from _each("person", team.members, ("teams", key, "members"))
        yield from _one(team.leader, ("teams", key, "leader"))
    for key, roster in people.rosters.items():
        yield from _one(roster.leader, ("rosters", key, "leader"))
        yield from _one(roster.manager, ("rosters", key, "manager"))
        for number, shift in enumerate(roster.shifts):
            path = ("rosters", key, "shifts", number)
            yield from _each("person", shift.persons, (*path, "persons"))
            yield from _each("team", shift.teams, (*path, "teams"))
            yield from _one(shift.leader, (*path, "leader"))
    for key, policy in people.policies.items():
        for number, step in enumerate(policy.steps):
            yield from _named(step.who, ("policies", key, "steps", number, "who"))


def _each(kind: str, names: Sequence[str], path: _Path) -> Iterator[_Reference]:
    for index, name in enumerate(names):
        yield kind, (*path, index), name


def _one(name: str | None, path: _Path) -> Iterator[_Reference]:
    if name is not None:
        yield "person", path, name


def _named(who: Sequence[str], path: _Path) -> Iterator[_Reference]:
    for index, target in enumerate(who):
        kind, _, name = target.partition(":")
        if kind in {"person", "team"}:
            yield kind, (*path, index), name
