"""Which policy an incident gets, and when each of its steps is due; pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from config.classes import Severity, Trade
from config.people import PolicySettings, StepSettings

_MINUTE_S: Final = 60.0


def _policy(
    severity: Severity,
    *steps: tuple[float, tuple[str, ...]],
    trade: Trade | None = None,
    more: Mapping[str, float] = MappingProxyType({}),
) -> PolicySettings:
    return PolicySettings.model_validate(
        {
            "severities": [severity],
            "trades": [] if trade is None else [trade],
            "steps": [{"after_s": minutes * _MINUTE_S, "who": who} for minutes, who in steps],
            **more,
        }
    )


_URGENT = {"repeat": 3, "repeat_after_s": 15 * _MINUTE_S, "idle_s": 15 * _MINUTE_S}
_HIGH = {"repeat": 1, "repeat_after_s": 30 * _MINUTE_S, "idle_s": 30 * _MINUTE_S}
_ENGINEER = ("on_duty",)
# About a fault of the heating plant the supplier is called at once, whoever repairs it.
_HEATING = ("on_duty", "contractor")
_LEAD: Final = ("leader",)
_MANAGER: Final = ("manager",)

DEFAULTS: Final[Mapping[str, PolicySettings]] = MappingProxyType(
    {
        "default-urgent": _policy(
            Severity.URGENT, (0, _ENGINEER), (5, _LEAD), (15, _MANAGER), more=_URGENT
        ),
        "default-high": _policy(
            Severity.HIGH, (0, _ENGINEER), (10, _LEAD), (30, _MANAGER), more=_HIGH
        ),
        "default-medium": _policy(Severity.MEDIUM, (0, _ENGINEER), (60, _LEAD)),
        "default-low": _policy(Severity.LOW, (0, _ENGINEER)),
        "default-heating-urgent": _policy(
            Severity.URGENT,
            (0, _HEATING),
            (5, _LEAD),
            (15, _MANAGER),
            trade=Trade.HEATING,
            more=_URGENT,
        ),
        "default-heating-high": _policy(
            Severity.HIGH,
            (0, _HEATING),
            (10, _LEAD),
            (30, _MANAGER),
            trade=Trade.HEATING,
            more=_HIGH,
        ),
    }
)
"""What applies where no policy of the records fits: engineer, lead, manager."""


class Chosen(NamedTuple):
    """A policy and its name."""

    key: str
    policy: PolicySettings


class PlannedStep(NamedTuple):
    """One step of one round, with its instant, UTC ms."""

    number: int
    """Counts over all rounds, from 1."""
    round: int
    position: int
    """Of the step in the policy, from 0."""
    due_at: int


def choose(
    policies: Mapping[str, PolicySettings], *, site: str, trade: str, severity: str
) -> Chosen:
    """Return the policy that says most about the incident; one of the records before a default.

    The site counts more than the trade, the trade more than the severity; the first key wins.
    """
    for known in (policies, DEFAULTS):
        fitting = [
            (rank, key)
            for key, policy in known.items()
            if (rank := _rank(policy, site=site, trade=trade, severity=severity)) is not None
        ]
        if fitting:
            key = min(fitting)[1]
            return Chosen(key, known[key])
    return Chosen("default-low", DEFAULTS["default-low"])


def plan_round(
    policy: PolicySettings, *, start: int, number: int, round_: int
) -> list[PlannedStep]:
    """Return the steps of a round that starts at ``start``; ``number`` is the first one's."""
    return [
        PlannedStep(number + index, round_, index, start + round(step.after_s * 1000))
        for index, step in enumerate(policy.steps)
    ]


def next_round_at(policy: PolicySettings, *, last_due_at: int, round_: int, now: int) -> int | None:
    """Return when the next round starts, UTC ms; None when there is none.

    A round that was missed altogether is not made up for: those whom it would reach are told by
    the overdue steps at this very moment.
    """
    if round_ >= policy.repeat:
        return None
    pause = round(policy.repeat_after_s * 1000)
    return last_due_at + pause if last_due_at + pause > now else now + pause


def resume(
    policy: PolicySettings, *, done: Sequence[PlannedStep], number: int, now: int
) -> list[PlannedStep]:
    """Return what is left after the idle time: the next step at once, the rest at its distances.

    When all steps of the round were done, the next round comes at once; after the last round it is
    the last step once more, so that somebody hears of it.
    """
    round_ = max((one.round for one in done), default=0)
    position = max((one.position for one in done if one.round == round_), default=-1) + 1
    if position >= len(policy.steps):
        again = round_ < policy.repeat
        round_, position = round_ + 1, 0 if again else len(policy.steps) - 1
    first_s = policy.steps[position].after_s
    return [
        PlannedStep(number + index, round_, position + index, now + _ms(step, first_s))
        for index, step in enumerate(policy.steps[position:])
    ]


def _ms(step: StepSettings, since_s: float) -> int:
    return round((step.after_s - since_s) * 1000)


def _rank(
    policy: PolicySettings, *, site: str, trade: str, severity: str
) -> tuple[bool, bool, bool] | None:
    """Return what it does not say, None when it does not fit."""
    for named, wanted in (
        (policy.sites, site),
        (policy.trades, trade),
        (policy.severities, severity),
    ):
        if named and wanted not in named:
            return None
    return not policy.sites, not policy.trades, not policy.severities
