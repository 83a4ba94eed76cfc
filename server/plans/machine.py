"""What happens next with the current step of a run: from what is known to one move; pure.

A run has one current step. Nothing here knows a database, a clock or a person's name: facts go in,
a move comes out, and the same facts give the same move after a restart.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from config.plans import CommandStep, PlanStep

GRACE_MS: Final = 10_000
"""So long a value that is not known yet is waited for, as after a restart; then it is not true."""
LOOK_MS: Final = 500
"""Between two looks at values and at the answer of a command."""
RETRY_MS: Final = 10_000
"""From a command that was not done to the next one."""


class StepState(StrEnum):
    """How far a step has come."""

    PENDING = "pending"
    """Its turn has not come, or its condition is not known yet."""
    CONFIRMING = "confirming"
    """A person is asked whether it shall be done."""
    CONFIRMED = "confirmed"
    """It shall be done; a command waits for its interlock."""
    COMMANDED = "commanded"
    """Its command was given: waits for a second person, the gateway's answer, the read-back."""
    WAITING = "waiting"
    """People were told what to do; one of them says when it is done."""
    ATTENTION = "attention"
    """It was not done in time, or refused; a person decides."""
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    """The plan was stopped at it."""


WAITS_FOR_PEOPLE: Final = frozenset({StepState.CONFIRMING, StepState.WAITING, StepState.ATTENTION})
"""A person's word is what the step waits for."""
OVER: Final = frozenset({StepState.DONE, StepState.SKIPPED, StepState.FAILED})


class Outcome(StrEnum):
    """What became of the last command of a step."""

    UNDER_WAY = "under_way"
    DONE = "done"
    NOT_DONE = "not_done"
    """It certainly did nothing: refused, or it never left (ADR-17)."""
    WITHDRAWN = "withdrawn"
    """Somebody took it back before the second person confirmed it."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What is known of the current step.

    Attributes:
        state: As it is written down.
        attempts: Commands given, or times that people were told.
        since_at: Since when it is in this state, UTC ms.
        drill: The run commands nothing.
        only_if: Whether its condition holds; None: not known. True when it has none.
        interlock: Whether its interlock holds; likewise.
        read_back: Whether it reads back; None when it is not known.
        outcome: Of its last command; None without one.
        refusal: Why that command was not done.
    """

    state: StepState
    attempts: int
    since_at: int
    drill: bool
    only_if: bool | None = True
    interlock: bool | None = True
    read_back: bool | None = None
    outcome: Outcome | None = None
    refusal: str = ""


class Wait(NamedTuple):
    """Nothing now; look again then (UTC ms), or when somebody does something."""

    until: int | None


class Ask(NamedTuple):
    """Ask a person whether it shall be done."""


class Give(NamedTuple):
    """Give the command; ``attempt`` counts from 1."""

    attempt: int


class Tell(NamedTuple):
    """Write the messages; ``attempt`` counts from 1."""

    attempt: int


class Hold(NamedTuple):
    """It shall be done, and waits for its interlock."""


class End(NamedTuple):
    """The step is over; ``failed`` stops the run."""

    state: Literal[StepState.DONE, StepState.SKIPPED, StepState.FAILED]
    note: str


class Call(NamedTuple):
    """Tell the people who decide."""

    note: str


Decided = Ask | Give | Tell | Hold | End | Call
"""What is carried out and written down."""
Move = Wait | Decided
NOBODY: Final = "nobody was reached"
_TOO_LATE: Final = "its time was over before it was commanded"
_NOT_TRUE: Final = "its condition is not true"
_NOT_KNOWN: Final = "its condition is not known: a value is missing, old or not good"


def next_move(step: PlanStep, facts: StepFacts, now: int) -> Move:
    """Return what happens next with the current step of a run."""
    match facts.state:
        case StepState.PENDING:
            return _begin(step, facts, now)
        case StepState.CONFIRMING | StepState.WAITING:
            return _wait_for_people(step, facts, now)
        case StepState.CONFIRMED:
            return _act(step, facts, now)
        case StepState.COMMANDED:
            return _follow_command(step, facts, now)
        case StepState.ATTENTION | StepState.DONE | StepState.SKIPPED | StepState.FAILED:
            return Wait(None)


def over_at(step: PlanStep, since_at: int) -> int:
    """Return when the time of a step is over that is in its state since then."""
    return since_at + round(step.timeout_s * 1000)


def after_confirmation(state: StepState) -> StepState:
    """Return what a person's word makes of a step that waits for it."""
    return StepState.CONFIRMED if state is StepState.CONFIRMING else StepState.DONE


def unreached(step: PlanStep) -> Decided:
    """Return what follows a message that nobody got; it is not done."""
    last = step.then.after if step.then.do == "retry" else step.then.do
    # That a message may be left out does not say that it may be lost.
    return _by("call" if last == "skip" else last, NOBODY)


def outcome_of(state: str) -> Outcome:
    """Return what the state of a command means for its step."""
    match state:
        case "proposed" | "asked" | "sent":
            return Outcome.UNDER_WAY
        case "done":
            return Outcome.DONE
        case "refused" | "expired":
            return Outcome.NOT_DONE
        case "withdrawn":
            return Outcome.WITHDRAWN
        case _:
            return Outcome.UNKNOWN


def _begin(step: PlanStep, facts: StepFacts, now: int) -> Move:
    gone = _condition(step, facts, now)
    if gone is not None:
        return gone
    if step.confirm:
        return Ask()
    return _act(step, facts, now)


def _condition(step: PlanStep, facts: StepFacts, now: int) -> Move | None:
    """Return what follows when the step's condition is not true; None when it is."""
    if facts.only_if:
        return None
    if facts.only_if is None and now < facts.since_at + GRACE_MS:
        return Wait(now + LOOK_MS)
    note = _NOT_KNOWN if facts.only_if is None else _NOT_TRUE
    return _by(step.otherwise, note)


def _act(step: PlanStep, facts: StepFacts, now: int) -> Move:
    gone = _condition(step, facts, now)
    if gone is not None:
        return gone
    if not isinstance(step, CommandStep):
        return Tell(facts.attempts + 1)
    if facts.drill:
        return End(StepState.DONE, "drill: nothing was commanded")
    if not facts.interlock:
        return _hold(step, facts, now)
    # A person's word holds for its time: a server that was away does not command later.
    late = now >= over_at(step, facts.since_at)
    return _run_out(step, _TOO_LATE) if late else Give(facts.attempts + 1)


def _hold(step: CommandStep, facts: StepFacts, now: int) -> Move:
    if facts.state is StepState.PENDING:
        return Hold()
    deadline = over_at(step, facts.since_at)
    if now < deadline:
        return Wait(min(now + LOOK_MS, deadline))
    return _run_out(step, "its interlock did not become true")


def _follow_command(step: PlanStep, facts: StepFacts, now: int) -> Move:
    assert isinstance(step, CommandStep)  # noqa: S101 (nothing else is commanded)
    deadline = over_at(step, facts.since_at)
    match facts.outcome:
        case None | Outcome.UNDER_WAY:
            return Wait(now + LOOK_MS)
        case Outcome.NOT_DONE | Outcome.WITHDRAWN:
            return _give_again(step, facts, now)
        case Outcome.DONE if step.read_back is None:
            return End(StepState.DONE, "")
        case Outcome.DONE:
            note, late = "", "it was done, and does not read back so"
        case Outcome.UNKNOWN:
            note = f"it reads back so, though the command ended otherwise: {facts.refusal}"
            late = f"it is not known whether it was done: {facts.refusal}"
    if facts.read_back:
        return End(StepState.DONE, note)
    if step.read_back is not None and now < deadline:
        return Wait(min(now + LOOK_MS, deadline))
    # What may have been done is never given again by itself.
    return _run_out(step, late)


def _give_again(step: CommandStep, facts: StepFacts, now: int) -> Move:
    if facts.outcome is Outcome.WITHDRAWN:
        # A person did not want it: nothing gives it again but a person.
        return _run_out(step, f"the command was taken back: {facts.refusal}")
    note = f"the command was not done: {facts.refusal}"
    if step.then.do != "retry" or facts.attempts > step.then.times:
        return _run_out(step, note)
    again_at = facts.since_at + RETRY_MS
    if now < again_at:
        return Wait(again_at)
    gone = _condition(step, facts, now)
    if gone is not None:
        return gone
    if now >= over_at(step, facts.since_at) + RETRY_MS:
        return _run_out(step, note)
    return Give(facts.attempts + 1) if facts.interlock else Wait(now + LOOK_MS)


def _wait_for_people(step: PlanStep, facts: StepFacts, now: int) -> Move:
    deadline = over_at(step, facts.since_at)
    if now < deadline:
        return Wait(deadline)
    if facts.state is StepState.CONFIRMING:
        return _run_out(step, "nobody confirmed it")
    if step.then.do == "retry" and facts.attempts <= step.then.times:
        return Tell(facts.attempts + 1)
    return _run_out(step, "nobody said that it is done")


def _run_out(step: PlanStep, note: str) -> Decided:
    return _by(step.then.after if step.then.do == "retry" else step.then.do, note)


def _by(what: Literal["skip", "stop", "call"], note: str) -> Decided:
    match what:
        case "skip":
            return End(StepState.SKIPPED, note)
        case "stop":
            return End(StepState.FAILED, note)
        case "call":
            return Call(note)
