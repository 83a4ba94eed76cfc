"""What a plan leaves to people: what was taken back, what reached nobody, which lift is meant."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config.plans import EmergencyPlan
from server.assets.model import Equipment
from server.assets.particulars import room_of, save_particulars, save_room
from server.people.model import Person
from tests.contract.api.conftest import NOW, Api
from tests.contract.api.plan_bench import PLANS, SITE, PlanBench
from tests.contract.api.test_api_plans import to_the_power

Run = dict[str, Any]


@pytest.fixture
def bench(api: Api) -> PlanBench:
    return PlanBench(api)


def altered(**steps: Run) -> Mapping[str, EmergencyPlan]:
    """The packaged plan with other fields of some of its steps."""
    body = PLANS["riser-burst"].model_dump(mode="json", by_alias=True)
    body["steps"] = [one | steps.get(one["step"].replace("-", "_"), {}) for one in body["steps"]]
    plan = EmergencyPlan.model_validate_json(json.dumps(body))
    return {plan.plan: plan}


@pytest.mark.long
def test_a_command_that_was_taken_back_is_not_given_again_but_by_a_person(api: Api) -> None:
    again = {"then": {"do": "retry", "times": 3, "after": "call"}}
    bench = PlanBench(api, altered(cut_lift_power=again))
    run = bench.say(to_the_power(bench), "confirm")
    command = bench.step(run)["command"]["id"]
    answer = bench.api.post(f"/commands/{command}/withdraw", who="administrator")
    assert answer.json()["state"] == "withdrawn"
    bench.pass_time(60)
    step = bench.step(run)
    assert (step["state"], step["attempts"]) == ("attention", 1)
    assert step["note"] == "the command was taken back: withdrawn by administrator"
    assert bench.commands()[-1] == ("lift/power_switch", False, "withdrawn")
    bench.say(run, "retry", reason="the lift is empty now")
    assert [state for *_, state in bench.commands()[-2:]] == ["withdrawn", "proposed"]


@pytest.mark.long
def test_a_message_that_reached_nobody_is_not_done(bench: PlanBench) -> None:
    gone = delete(Person).where(Person.key == "hoist")
    bench.api.records.write(lambda session: session.execute(gone))
    run = bench.start()
    while run["step"] != "lift-maintainer":
        run = bench.say(run, "skip", reason="about the message")
    run = bench.say(run, "confirm")
    step = bench.step(run)
    assert (step["state"], step["note"]) == ("attention", "nobody was reached")
    assert ("called", "li") in [(one["kind"], one["note"]) for one in run["changes"]]
    without = bench.api.post(f"/plan-runs/{run['id']}/steps/lift-maintainer/confirm", {})
    assert without.status_code == 422
    run = bench.say(run, "confirm", note="told by telephone")
    assert bench.step(run, "lift-maintainer")["state"] == "done"


def put_into(session: Session, **buildings: str) -> None:
    """The ledger says in which buildings equipment stands."""
    for name, building in buildings.items():
        one = session.scalars(select(Equipment).where(Equipment.key == f"{SITE}/{name}")).one()
        save_room(session, one.site_id, name, {"building": building}, by="li", now=NOW)
        room = room_of(session, one.site_id, name)
        save_particulars(session, one.id, {"room_id": room.id}, by="li", now=NOW)


@pytest.mark.parametrize(
    ("buildings", "fits"),
    [
        ({}, ["lift", "lift2"]),
        ({"lift": "A"}, ["lift", "lift2"]),
        ({"leak": "A"}, ["lift", "lift2"]),
        ({"leak": "A", "lift": "A", "lift2": "B"}, ["lift"]),
        ({"leak": "A", "lift2": "A"}, ["lift2"]),
        ({"leak": "A", "lift": "B"}, ["lift2"]),
        ({"leak": "A", "lift": "B", "lift2": "B"}, []),
    ],
)
def test_the_lift_is_that_of_the_building(
    bench: PlanBench, buildings: dict[str, str], fits: list[str]
) -> None:
    def fill(session: Session) -> None:
        lift = session.scalars(select(Equipment).where(Equipment.key == f"{SITE}/lift")).one()
        columns = ("site_id", "gateway_id", "equipment_class", "profile", "name_en", "name_zh")
        same = {name: getattr(lift, name) for name in columns}
        session.add(Equipment(key=f"{SITE}/lift2", online=True, since_at=NOW, **same))
        session.flush()
        put_into(session, **buildings)

    bench.api.records.write(fill)
    (offer,) = bench.api.get(f"/incidents/{bench.incident}/plans").json()["items"]
    assert [one["key"].rpartition("/")[2] for one in offer["candidates"]["lift"]] == fits
