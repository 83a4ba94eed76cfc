"""What happens next with a step of an emergency plan, in tables and in random walks."""

import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from config.load import load_classes
from config.load_server import load_plans
from config.plans import CommandStep, EmergencyPlan, PlanStep
from config.server import ServerSettings
from server.plans.machine import (
    GRACE_MS,
    LOOK_MS,
    OVER,
    RETRY_MS,
    WAITS_FOR_PEOPLE,
    Ask,
    Call,
    End,
    Give,
    Hold,
    Move,
    Outcome,
    StepFacts,
    StepState,
    Tell,
    Wait,
    after_confirmation,
    next_move,
    outcome_of,
    unreached,
)

TEXT = {"en": "x", "zh": "x"}
AT = 1_000_000


def step(kind: str = "command", **more: Any) -> PlanStep:
    """One step of a plan."""
    body: dict[str, Any] = {"step": "s", "kind": kind, "name": TEXT, "timeout_s": 60}
    match kind:
        case "command":
            body |= {"equipment": "valve", "point": "command", "value": False}
        case _:
            body |= {"who": ["leader"], "text": TEXT}
    content: dict[str, Any] = {
        "plan": "p",
        "name": TEXT,
        "description": TEXT,
        "trade": "lift",
        "equipment": {"valve": {"class": "valve"}},
        "steps": [body | more],
    }
    plan = EmergencyPlan.model_validate_json(json.dumps(content))
    return plan.steps[0]


def facts(state: StepState, **more: Any) -> StepFacts:
    given: dict[str, Any] = {"attempts": 0, "since_at": AT, "drill": False}
    return StepFacts(state, **(given | more))


S = StepState
COMMAND = step()
READ_BACK = step(read_back="{valve.closed_limit}")
RETRIED = step(then={"do": "retry", "times": 1, "after": "stop"})


@pytest.mark.parametrize(
    ("of", "known", "after_s", "move"),
    [
        (COMMAND, facts(S.PENDING), 0, Ask()),
        (step(confirm=False), facts(S.PENDING), 0, Give(1)),
        (step("task"), facts(S.PENDING), 0, Tell(1)),
        (step("message"), facts(S.PENDING), 0, Tell(1)),
        (step("message", confirm=True), facts(S.PENDING), 0, Ask()),
        (COMMAND, facts(S.PENDING, only_if=False), 0, End(S.SKIPPED, "its condition is not true")),
        (
            step(otherwise="stop"),
            facts(S.PENDING, only_if=False),
            0,
            End(S.FAILED, "its condition is not true"),
        ),
        (
            COMMAND,
            facts(S.PENDING, only_if=None),
            GRACE_MS / 1000,
            End(S.SKIPPED, "its condition is not known: a value is missing, old or not good"),
        ),
        (COMMAND, facts(S.CONFIRMING), 59, Wait(AT + 60_000)),
        (COMMAND, facts(S.CONFIRMING), 60, Call("nobody confirmed it")),
        (COMMAND, facts(S.CONFIRMED), 0, Give(1)),
        (
            COMMAND,
            facts(S.CONFIRMED, only_if=False),
            0,
            End(S.SKIPPED, "its condition is not true"),
        ),
        (COMMAND, facts(S.CONFIRMED, interlock=None), 0, Wait(AT + LOOK_MS)),
        (
            COMMAND,
            facts(S.CONFIRMED, interlock=False),
            60,
            Call("its interlock did not become true"),
        ),
        (COMMAND, facts(S.CONFIRMED), 60, Call("its time was over before it was commanded")),
        (
            step(confirm=False, then={"do": "stop"}),
            facts(S.PENDING),
            3600,
            End(S.FAILED, "its time was over before it was commanded"),
        ),
        (step(confirm=False), facts(S.PENDING, interlock=False), 0, Hold()),
        (
            COMMAND,
            facts(S.CONFIRMED, drill=True, interlock=False),
            0,
            End(S.DONE, "drill: nothing was commanded"),
        ),
        (COMMAND, facts(S.COMMANDED, outcome=Outcome.UNDER_WAY), 900, Wait(AT + 900_500)),
        (COMMAND, facts(S.COMMANDED, outcome=Outcome.DONE), 0, End(S.DONE, "")),
        (READ_BACK, facts(S.COMMANDED, outcome=Outcome.DONE), 0, Wait(AT + LOOK_MS)),
        (
            READ_BACK,
            facts(S.COMMANDED, outcome=Outcome.DONE, read_back=False),
            60,
            Call("it was done, and does not read back so"),
        ),
        (READ_BACK, facts(S.COMMANDED, outcome=Outcome.DONE, read_back=True), 0, End(S.DONE, "")),
        (
            COMMAND,
            facts(S.COMMANDED, outcome=Outcome.UNKNOWN, refusal="no answer"),
            0,
            Call("it is not known whether it was done: no answer"),
        ),
        (
            RETRIED,
            facts(S.COMMANDED, attempts=1, outcome=Outcome.UNKNOWN, refusal="no answer"),
            0,
            End(S.FAILED, "it is not known whether it was done: no answer"),
        ),
        (RETRIED, facts(S.COMMANDED, attempts=1, outcome=Outcome.NOT_DONE), 0, Wait(AT + RETRY_MS)),
        (RETRIED, facts(S.COMMANDED, attempts=1, outcome=Outcome.NOT_DONE), 10, Give(2)),
        (
            RETRIED,
            facts(S.COMMANDED, attempts=2, outcome=Outcome.NOT_DONE, refusal="too soon"),
            10,
            End(S.FAILED, "the command was not done: too soon"),
        ),
        (
            step(then={"do": "retry", "times": 3}),
            facts(S.COMMANDED, attempts=1, outcome=Outcome.WITHDRAWN, refusal="withdrawn by li"),
            10,
            Call("the command was taken back: withdrawn by li"),
        ),
        (
            step(then={"do": "skip"}, read_back="{valve.closed_limit}"),
            facts(S.COMMANDED, attempts=1, outcome=Outcome.WITHDRAWN, read_back=True, refusal="x"),
            0,
            End(S.SKIPPED, "the command was taken back: x"),
        ),
        (step("task"), facts(S.WAITING, attempts=1), 60, Call("nobody said that it is done")),
        (
            step("task", then={"do": "retry"}),
            facts(S.WAITING, attempts=1),
            60,
            Tell(2),
        ),
        (COMMAND, facts(S.ATTENTION), 99_999, Wait(None)),
        (COMMAND, facts(S.DONE), 99_999, Wait(None)),
    ],
)
def test_what_happens_next(of: PlanStep, known: StepFacts, after_s: float, move: Move) -> None:
    assert next_move(of, known, AT + round(after_s * 1000)) == move


def test_only_what_certainly_did_nothing_counts_as_not_done() -> None:
    states = (
        "asked",
        "sent",
        "done",
        "unconfirmed",
        "refused",
        "failed",
        "expired",
        "withdrawn",
        "unanswered",
    )
    not_done = [one for one in states if outcome_of(one) is Outcome.NOT_DONE]
    assert not_done == ["refused", "expired"]


@pytest.mark.parametrize(
    ("then", "follows"),
    [
        ({"do": "call"}, Call("nobody was reached")),
        ({"do": "skip"}, Call("nobody was reached")),
        ({"do": "stop"}, End(S.FAILED, "nobody was reached")),
        ({"do": "retry", "after": "stop"}, End(S.FAILED, "nobody was reached")),
        ({"do": "retry", "after": "skip"}, Call("nobody was reached")),
    ],
)
def test_a_message_that_nobody_got_is_not_done(then: dict[str, str], follows: Move) -> None:
    assert unreached(step("message", then=then)) == follows


def test_the_packaged_plans_fit_the_packaged_classes() -> None:
    plans = load_plans(ServerSettings(), load_classes())
    commands = [one for one in plans["riser-burst"].steps if isinstance(one, CommandStep)]
    assert [one.step for one in commands] == ["close-valve", "send-lift", "cut-lift-power"]


class Walk:
    """A step in a world that does as it likes, with a person who does too."""

    def __init__(self, of: PlanStep, random: Random, *, drill: bool) -> None:
        self.of = of
        self.random = random
        self.now = AT
        self.facts = facts(StepState.PENDING, drill=drill)
        self.word = False
        self.may_have_been_done = False

    def go(self) -> None:
        """One thing happens."""
        self._change_the_world()
        move = next_move(self.of, self.facts, self.now)
        # What a restart decides from the same rows is the same.
        assert next_move(self.of, replace(self.facts), self.now) == move
        self._carry_out(move)

    def _change_the_world(self) -> None:
        random = self.random
        self.now += random.choice((0, 100, 500, 5_000, 30_000, 61_000))
        known = {
            name: random.choice((True, False, None)) if random.random() < 0.5 else True
            for name in ("only_if", "interlock", "read_back")
        }
        self.facts = replace(self.facts, **known)
        if self.facts.outcome is Outcome.UNDER_WAY and random.random() < 0.5:
            self.facts = replace(self.facts, outcome=random.choice(list(Outcome)[1:]))
            self.may_have_been_done |= self.facts.outcome is not Outcome.NOT_DONE
        if self.facts.state in WAITS_FOR_PEOPLE and random.random() < 0.3:
            self.word = True
            self._set(after_confirmation(self.facts.state))

    def _carry_out(self, move: Move) -> None:
        match move:
            case Wait(until):
                assert until is None or until > self.now
            case Ask():
                self._set(StepState.CONFIRMING)
            case Hold():
                self._set(StepState.CONFIRMED)
            case Give(attempt):
                assert self.word or not self.of.confirm
                assert not self.facts.drill
                assert self.facts.only_if
                assert self.facts.interlock
                assert not self.may_have_been_done
                assert self.now < self.facts.since_at + 60_000 + RETRY_MS
                assert attempt == self.facts.attempts + 1
                assert attempt == 1 or self.of.then.do == "retry"
                self.facts = replace(self.facts, attempts=attempt, outcome=Outcome.UNDER_WAY)
                self._set(StepState.COMMANDED)
            case Tell(attempt):
                assert attempt <= 1 + self.of.then.times
                self.facts = replace(self.facts, attempts=attempt)
                self._set(StepState.WAITING if self.of.kind == "task" else StepState.DONE)
            case End(state, note):
                assert note or state is StepState.DONE
                self._set(state)
            case Call(note):
                assert note
                self._set(StepState.ATTENTION)

    def _set(self, state: StepState) -> None:
        self.facts = replace(self.facts, state=state, since_at=self.now)


@pytest.mark.seeds(40, 2000)
def test_whatever_happens_nothing_is_commanded_without_right_or_twice(seed: int) -> None:
    random = Random(seed)  # noqa: S311 (no secret)
    more = {"read_back": "{valve.closed_limit}"} if random.random() < 0.5 else {}
    kind = random.choice(("command", "command", "task", "message"))
    of = step(
        kind,
        then={"do": random.choice(("retry", "skip", "stop", "call")), "times": 2},
        otherwise=random.choice(("skip", "stop", "call")),
        **(more if kind == "command" else {}),
    )
    walk = Walk(of, random, drill=random.random() < 0.2)
    for _ in range(300):
        walk.go()
    assert walk.facts.state in OVER
