"""Everything that follows from an alarm is done once before the first one comes, and taken back."""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import pytest
import structlog
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from server.alarming.warm_up import warm_up
from server.alarms.model import Alarm
from server.core.log import drop_warm_up
from server.messages.attempts import mark_sent
from server.messages.claims import claim_due, confirm_claims
from server.messages.rate_limits import Budget, DeliveryPolicy
from server.migrations.tables import METADATA
from tests.fakes.duty_house import load, staff
from tests.fakes.house import House
from tests.sql_cache import compiled_apart

ONE = DeliveryPolicy((Budget("any", 9, 60),))


def counts(house: House) -> dict[str, int]:
    def read(session: Session) -> dict[str, int]:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in METADATA.tables.items()
        }

    return house.records.read(read)


def compiled(house: House, work: Callable[[], object]) -> list[str]:
    """The statements that were made into SQL for the first time."""
    found: list[str] = []

    def executed(_c: Any, _k: Any, statement: str, _p: Any, context: Any, _m: Any) -> None:
        if (
            getattr(context, "cache_hit", None) is not None
            and context.cache_hit.name == "CACHE_MISS"
        ):
            found.append(statement)

    event.listen(house.records.engine, "before_cursor_execute", executed)
    work()
    event.remove(house.records.engine, "before_cursor_execute", executed)
    return found


def first_alarm(house: House) -> None:
    house.see("fault", value=True, at=0)
    now = house.clock.now_ms()
    claim = partial(claim_due, now=now, lease_ms=9, limit=50, policy=lambda *_way: ONE)
    claimed = house.records.write(claim)
    house.records.write(partial(confirm_claims, messages=[one.id for one in claimed]))
    for one in claimed:
        house.records.write(partial(mark_sent, message_id=one.id, now=now))
    assert {one.channel for one in claimed} >= {"webhook", "duty"}


@pytest.fixture
def house(url: str) -> Generator[House]:
    """A house whose statements no other test has compiled."""
    with compiled_apart():
        house = House(url)
    yield house
    house.records.close()


@pytest.fixture
def staffed(house: House) -> House:
    load(house, staff())
    return house


def perform(house: House) -> None:
    warm_up(house.records, house.pipeline, house.classes, house.clock)


def test_nothing_of_the_warm_up_stays_and_no_listener_receives_it(staffed: House) -> None:
    before, heard = counts(staffed), list[object]()
    staffed.records.listen(heard.append)
    perform(staffed)
    perform(staffed)
    assert counts(staffed) == before
    assert heard == []
    first_alarm(staffed)
    assert [one.rule for one in staffed.all(Alarm)] == ["pump.fault"]


def test_the_first_alarm_after_a_warm_up_makes_no_statement_for_the_first_time(
    staffed: House,
) -> None:
    perform(staffed)
    assert compiled(staffed, partial(first_alarm, staffed)) == []


def test_without_a_warm_up_the_first_alarm_makes_many(staffed: House) -> None:
    assert len(compiled(staffed, partial(first_alarm, staffed))) > 20


@pytest.mark.long
def test_the_warm_up_is_not_in_the_log(staffed: House) -> None:
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars, drop_warm_up]
    ) as logs:
        perform(staffed)
        assert logs == []
        first_alarm(staffed)
    assert "alarm_raised" in {line["event"] for line in logs}


def test_without_a_rule_there_is_nothing_to_warm_up(house: House) -> None:
    before = counts(house)
    warm_up(house.records, house.pipeline, {}, house.clock)
    assert counts(house) == before
