"""A step that reaches nobody does not wait for the next one's time."""

from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core.model import Timer
from server.core.timers import due_timers
from server.messages.attempts import (
    UNREACHED,
    mark_failed,
    mark_sent,
    mark_undelivered,
    mark_unknown,
)
from server.messages.claims import claim_due
from server.messages.model import Bucket, Message
from server.messages.queue import Outgoing, send_again
from server.messages.rate_limits import Budget, DeliveryPolicy
from tests.fakes.duty_house import (
    MINUTE_S,
    at_once,
    called,
    history,
    load,
    messages,
    pass_time,
    person,
    staff,
    steps,
    sweep_of,
    take,
)
from tests.fakes.house import House

TWO_WAYS = [{"channel": "duty"}, {"channel": "chief"}]
ONE_A_DAY = DeliveryPolicy((Budget("day", 1, 86_400),))


def trip(house: House) -> None:
    house.see("fault", value=True, at=0)


def claim(house: House, policy: DeliveryPolicy = DeliveryPolicy()) -> list[Outgoing]:  # noqa: B008 (frozen)
    work = partial(
        claim_due,
        now=house.clock.now_ms(),
        lease_ms=15_000,
        limit=50,
        policy=lambda _channel, receiver, _address: (
            policy if receiver == "Wang" else DeliveryPolicy()
        ),
    )
    return house.records.write(work)


def refuse(house: House, *names: str, retry_in_s: float | None = None, **more: bool) -> None:
    """The channels say no to what these persons are sent now."""
    now = house.clock.now_ms()
    retry_at = None if retry_in_s is None else now + round(retry_in_s * 1000)
    for one in claim(house):
        if one.receiver in names:
            failed = partial(mark_failed, message_id=one.id, error="no", retry_at=retry_at, now=now)
            house.records.write(partial(failed, **more))
        else:
            house.records.write(partial(mark_sent, message_id=one.id, now=now))


def states_of_steps(house: House) -> list[str]:
    return [one.state for one in steps(house)][:3]


def test_the_next_step_runs_at_once_when_a_step_reaches_nobody(house: House) -> None:
    load(house, staff())
    trip(house)
    house.clock.advance(1)
    refuse(house, "Wang")
    house.clock.advance(0.25)
    sweep_of(house).sweep()
    assert called(house) == [("Wang", 0.0), ("Li", 1.25)]
    assert states_of_steps(house) == ["unreached", "done", "pending"]
    assert house.kinds().count("incident.unreached") == 1
    # The manager keeps his time, and so does the next round.
    pass_time(house, 20 * MINUTE_S)
    assert called(house)[2:] == [("Zhao", 900.0)]
    pass_time(house, 15 * MINUTE_S)
    assert called(house)[3:] == [("Wang", 1800.0), ("Li", 2100.0)]


def test_nobody_at_all_is_reached_and_the_next_round_keeps_its_time(house: House) -> None:
    load(house, staff())
    trip(house)
    for _ in range(4):
        refuse(house, "Wang", "Li", "Zhao")
        sweep_of(house).sweep()
    assert called(house) == [("Wang", 0.0), ("Li", 0.0), ("Zhao", 0.0)]
    assert states_of_steps(house) == ["unreached"] * 3
    pass_time(house, 31 * MINUTE_S)
    assert called(house)[3][1] > 0


def test_the_last_channel_counts(house: House) -> None:
    content = staff()
    content["persons"]["wang"] = person("Wang", channels=TWO_WAYS)
    load(house, content)
    trip(house)
    refuse(house, "Wang")
    sweep_of(house).sweep()
    assert [name for name, _ in called(house)] == ["Wang", "Wang"]
    assert states_of_steps(house)[0] == "done"
    refuse(house, "Wang")
    sweep_of(house).sweep()
    assert [name for name, _ in called(house)] == ["Wang", "Wang", "Li"]


@pytest.mark.parametrize("reached", [True, False])
def test_one_of_two_persons_who_was_reached_is_enough(house: House, *, reached: bool) -> None:
    both = [{"after_s": 0, "who": ["on_duty", "leader"]}, {"after_s": 600, "who": ["manager"]}]
    load(house, staff(both={"steps": both}))
    trip(house)
    refuse(house, "Wang", *([] if reached else ["Li"]))
    sweep_of(house).sweep()
    assert len(called(house)) == (2 if reached else 3)
    assert states_of_steps(house)[0] == ("done" if reached else "unreached")


def test_what_the_provider_could_not_deliver_counts(house: House) -> None:
    load(house, staff())
    trip(house)
    now = house.clock.now_ms()
    for one in claim(house):
        house.records.write(
            partial(mark_sent, message_id=one.id, now=now, receipt="7", ask_at=now + 30_000)
        )
    sweep_of(house).sweep()
    assert len(called(house)) == 1
    key = "incident-step/1/1/wang"
    (row,) = [one for one in messages(house) if one.key == key]
    house.records.write(partial(mark_undelivered, message_id=row.id, error="off", now=now))
    sweep_of(house).sweep()
    assert len(called(house)) == 2


def test_a_repeated_timer_calls_the_next_one_once(house: House) -> None:
    load(house, staff())
    trip(house)
    refuse(house, "Wang")
    due = house.records.read(partial(due_timers, now=house.clock.now_ms(), kinds=(UNREACHED,)))
    at_once(house, lambda handler: handler.on_dead_letter(due[0]))
    assert called(house) == [("Wang", 0.0), ("Li", 0.0)]
    assert states_of_steps(house) == ["unreached", "done", "pending"]


def test_a_kill_between_the_death_and_the_next_step_loses_nothing(house: House) -> None:
    load(house, staff())
    trip(house)
    refuse(house, "Wang")
    house.restart()
    house.clock.advance(20)
    sweep_of(house).sweep()
    sweep_of(house).sweep()
    assert called(house) == [("Wang", 0.0), ("Li", 20.0)]
    assert [one.key for one in house.all(Timer) if one.kind == UNREACHED] == []


def test_nobody_else_is_called_when_somebody_answered_meanwhile(house: House) -> None:
    load(house, staff())
    trip(house)
    refuse(house, "Wang")
    take(house, by="li")
    sweep_of(house).sweep()
    assert called(house) == [("Wang", 0.0)]
    assert states_of_steps(house) == ["done", "cancelled", "cancelled"]
    assert [one.key for one in house.all(Timer) if one.kind == UNREACHED] == []


def test_a_death_of_an_older_plan_calls_nobody(house: House) -> None:
    load(house, staff())
    house.see("temperature", 85.0, 0)
    refuse(house, "Wang")
    trip(house)
    before = called(house)
    sweep_of(house).sweep()
    assert called(house) == before
    assert "unreached" not in states_of_steps(house)
    assert [one for one, _ in history(house)].count("called_anew") == 1


def test_a_dead_digest_is_the_death_of_all_that_it_carries(house: House) -> None:
    load(house, staff())
    trip(house)
    rows = messages(house)

    def into_a_digest() -> Outgoing:
        """What waits for the same person, twice merged."""

        def hold(session: Session) -> None:
            query = select(Message).where(Message.state == "pending", Message.receiver == "Wang")
            for row in session.scalars(query):
                row.severity, row.waiting = "high", True

        house.records.write(hold)
        (digest,) = [one for one in claim(house) if one.receiver == "Wang"]
        return digest

    copy_of(house, rows[0], key="incident-step/9/1/wang")
    digest = into_a_digest()
    assert digest.kind == "digest"
    now = house.clock.now_ms()
    failed = partial(mark_failed, message_id=digest.id, error="no", now=now)
    house.records.write(partial(failed, retry_at=now, hold=True))
    copy_of(house, rows[0], key="incident-step/9/2/wang")
    outer = into_a_digest()
    assert outer.payload["count"] == 3
    failed = partial(mark_failed, message_id=outer.id, error="no", now=now)
    house.records.write(partial(failed, retry_at=None))
    sweep_of(house).sweep()
    assert called(house)[-1] == ("Li", 0.0)
    assert states_of_steps(house)[0] == "unreached"


def copy_of(house: House, row: Message, *, key: str) -> None:
    names = [one.name for one in Message.__table__.columns if one.name not in {"id", "key"}]
    values = {name: getattr(row, name) for name in names}
    house.records.write(lambda session: session.add(Message(key=key, **values)))


def test_who_would_wait_too_long_for_a_budget_is_not_waited_for(house: House) -> None:
    load(house, staff())
    trip(house)
    for row in messages(house):
        copy_of(house, row, key="another")
    assert len([one for one in claim(house, ONE_A_DAY) if one.receiver == "Wang"]) == 1
    late = [one for one in house.all(Message) if one.unreached_at is not None]
    sweep_of(house).sweep()
    # The first has its token; the copy waits for a day and belongs to no step.
    assert [one.key for one in late] == ["another"]
    assert len(called(house)) == 1


def test_who_waits_for_a_day_is_left_for_the_next_person(house: House) -> None:
    load(house, staff())
    trip(house)
    used_up = Bucket(key="day", taken=[house.clock.now_ms()], blocked_until_at=0)
    house.records.write(lambda session: session.add(used_up))
    assert [one for one in claim(house, ONE_A_DAY) if one.receiver == "Wang"] == []
    sweep_of(house).sweep()
    assert called(house) == [("Wang", 0.0), ("Li", 0.0)]
    wang = messages(house)[0]
    assert (wang.state, states_of_steps(house)[0]) == ("pending", "unreached")


@pytest.mark.parametrize("outcome", ["failed", "unknown"])
def test_who_keeps_failing_is_not_waited_for(house: House, outcome: str) -> None:
    load(house, staff())
    trip(house)
    (one,) = [one for one in claim(house) if one.receiver == "Wang"]
    now = house.clock.now_ms()
    if outcome == "failed":
        failed = partial(mark_failed, message_id=one.id, error="no", retry_at=now + 60_000, now=now)
    else:
        failed = partial(mark_unknown, message_id=one.id, error="no", ask_at=now + 60_000, now=now)
    house.records.write(partial(failed, unreached=True))
    sweep_of(house).sweep()
    assert called(house) == [("Wang", 0.0), ("Li", 0.0)]
    # It arrives after all, and dies, which is no news.
    house.clock.advance(61)
    refuse(house, "Wang")
    sweep_of(house).sweep()
    assert len(called(house)) == 2


def test_what_is_sent_again_may_die_again(house: House) -> None:
    load(house, staff())
    trip(house)
    refuse(house, "Wang")
    wang = messages(house)[0]
    now = house.clock.now_ms()
    house.records.write(partial(send_again, message_id=wang.id, by="li", now=now))
    sweep_of(house).sweep()
    assert len(called(house)) == 1
    refuse(house, "Wang")
    sweep_of(house).sweep()
    assert len(called(house)) == 2
