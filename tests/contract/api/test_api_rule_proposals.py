"""A rule of life safety is weakened by two persons, within a time, and on record."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from httpx2 import Response
from sqlalchemy import select

from config.load import load_classes
from server.access.roles import Role
from server.access.tokens import create_token
from server.access.users import Rights, create_user
from server.alarms.model import AlarmRuleOverride
from server.alarms.overrides import load_overrides
from server.alarms.rulebook import RuleBook
from server.assets.model import Equipment
from tests.contract.api.conftest import HASH, NOW, Api
from tests.fakes.seen_queries import seen_queries

if TYPE_CHECKING:
    from fastapi import FastAPI
    from sqlalchemy.orm import Session

RULE = "elevator.trapped"
OFF = {"changes": {"enabled": False}, "reason": "the button is being replaced"}
HOUR = 3_600_000


@pytest.fixture
def rules(api: Api, pump: Equipment) -> Api:
    """Two persons who may change rules: administrator and company."""
    assert pump.key.startswith("garden/")

    def second(session: "Session") -> str:
        user = create_user(
            session, name="lead", password_hash=HASH, rights=Rights(Role.COMPANY), at=NOW, by="test"
        )
        _, token = create_token(session, user_id=user.id, name="test", at=NOW, by="test")
        return token

    api.tokens["lead"] = api.records.write(second)
    services = replace(api.services, classes=load_classes())
    cast("FastAPI", api.client.app).state.services = services
    return replace(api, services=services)


def put(api: Api, changes: dict[str, Any], *, version: int = 0, **where: str) -> Response:
    return api.client.put(
        f"/api/v1/alarm-rules/{RULE}",
        params=where,
        json={"changes": changes, "reason": "x"},
        headers=api.bearer("administrator") | {"If-Match": f'"{version}"'},
    )


def propose(
    api: Api, body: dict[str, Any] = OFF, who: str = "administrator", **where: str
) -> Response:
    return api.client.post(
        f"/api/v1/alarm-rules/{RULE}/proposals",
        params={"site": "garden"} | where,
        json=body,
        headers=api.bearer(who),
    )


def decide(api: Api, proposal: int, verb: str = "confirm", who: str = "lead") -> Response:
    return api.post(f"/alarm-rule-proposals/{proposal}/{verb}", who=who)


def enabled(api: Api, site: str = "garden") -> bool:
    """Whether the rule runs there, as the alarm chain reads it."""
    book = RuleBook(load_classes(), api.records.read(load_overrides))
    rule = book.standing(load_classes()["elevator"], "trapped", site=site)
    assert rule is not None
    return rule.enabled


def test_one_person_alone_does_not_weaken_it(rules: Api) -> None:
    for changes in ({"enabled": False}, {"life_safety": False}, {"on_delay_s": 600}):
        refused = put(rules, changes, site="garden")
        assert (refused.status_code, "two persons" in refused.text) == (422, True)
    made = propose(rules)
    assert made.status_code == 201, made.text
    assert (made.json()["state"], made.json()["weakens"]) == (
        "proposed",
        "trapped: a rule of life safety stays one and stays on",
    )
    own = decide(rules, 1, who="administrator")
    assert (own.status_code, "another person" in own.json()["detail"]) == (403, True)
    assert decide(rules, 1, who="operator").status_code == 403
    assert enabled(rules)


def test_another_person_confirms_it_and_both_are_on_record(rules: Api) -> None:
    propose(rules)
    done = decide(rules, 1)
    assert (done.status_code, done.json()["state"]) == (200, "confirmed"), done.text
    assert (enabled(rules), enabled(rules, "harbour")) == (False, True)
    (version,) = rules.get(f"/alarm-rules/{RULE}/versions", "lead", site="garden").json()["items"]
    assert (version["by"], version["confirmed_by"]) == ("administrator", "lead")
    layers = rules.get(f"/alarm-rules/{RULE}", "lead", site="garden").json()["layers"]
    assert [one["confirmed_by"] for one in layers] == ["lead"]
    said = [
        (one["by"], what["kind"], what["payload"]["proposed_by"])
        for one in rules.get("/audit", "administrator").json()["items"]
        for what in one["what"]
        if what["kind"] in {"alarm-rule.proposed", "alarm-rule.confirmed"}
    ]
    assert said == [
        ("lead", "alarm-rule.confirmed", "administrator"),
        ("administrator", "alarm-rule.proposed", "administrator"),
    ]
    again = decide(rules, 1)
    assert (again.status_code, "confirmed by lead" in again.json()["detail"]) == (409, True)


def test_what_is_stronger_again_takes_one(rules: Api) -> None:
    propose(rules)
    decide(rules, 1)
    assert put(rules, {"severity": "urgent"}, version=1, site="garden").status_code == 200
    assert enabled(rules)
    needless = propose(rules, {"changes": {"cause": "entrapment"}, "reason": "x"})
    assert (needless.status_code, "one person does it" in needless.text) == (409, True)


def test_a_proposal_is_over_after_an_hour(rules: Api) -> None:
    propose(rules)
    rules.clock.ms += HOUR
    late = decide(rules, 1)
    assert (late.status_code, "sooner" in late.json()["detail"]) == (409, True)
    (listed,) = rules.get("/alarm-rule-proposals", rule=RULE).json()["items"]
    assert listed["state"] == "expired"
    assert enabled(rules)


def test_a_proposal_is_taken_back_or_refused(rules: Api) -> None:
    propose(rules)
    assert decide(rules, 1, "withdraw").json()["state"] == "withdrawn"
    assert decide(rules, 1).status_code == 409
    assert decide(rules, 2).status_code == 404
    assert enabled(rules)


def test_a_proposal_holds_for_the_rule_that_was_read(rules: Api) -> None:
    propose(rules)
    assert put(rules, {"off_delay_s": 30}, site="garden").status_code == 200
    stale = decide(rules, 1)
    assert (stale.status_code, "propose it again" in stale.json()["detail"]) == (412, True)
    assert enabled(rules)


def test_what_one_person_made_stronger_two_take_back(rules: Api) -> None:
    """A rule that is one of life safety at one estate only stays one there."""
    hot = "/api/v1/alarm-rules/heating_pump.fault"
    admin = rules.bearer("administrator")
    stronger = {"changes": {"life_safety": True}, "reason": "boiler room"}
    made = rules.client.put(
        hot, params={"site": "garden"}, json=stronger, headers=admin | {"If-Match": '"0"'}
    )
    assert made.status_code == 200, made.text
    weaker = {"changes": {"cause": "x"}, "reason": "x"}
    back = rules.client.put(
        hot, params={"site": "garden"}, json=weaker, headers=admin | {"If-Match": '"1"'}
    )
    assert (back.status_code, "two persons" in back.text) == (422, True)
    gone = rules.client.delete(
        hot, params={"site": "garden", "reason": "x"}, headers=admin | {"If-Match": '"1"'}
    )
    assert (gone.status_code, "two persons" in gone.text) == (409, True)
    taken = rules.client.post(
        f"{hot}/proposals",
        params={"site": "garden"},
        json={"changes": None, "reason": "no boiler any more"},
        headers=admin,
    )
    assert taken.status_code == 201, taken.text
    assert decide(rules, taken.json()["id"]).status_code == 200
    layers = rules.client.get(hot, params={"site": "garden"}, headers=admin).json()["layers"]
    assert layers == []


@pytest.mark.parametrize("places", [1, 6])
def test_what_is_compared_everywhere_is_looked_up_at_once(rules: Api, places: int) -> None:
    def fill(session: "Session") -> None:
        pump = session.scalars(select(Equipment)).one()
        same = {name: getattr(pump, name) for name in ("site_id", "gateway_id", "profile")}
        for number in range(places):
            words = {"name_en": "Lift", "name_zh": "电梯", "equipment_class": "elevator"}
            key = f"garden/gw1/lift{number}"
            one = Equipment(key=key, online=True, since_at=NOW, **same, **words)
            session.add(one)
            session.flush()
            session.add(
                AlarmRuleOverride(
                    rule=RULE,
                    scope="equipment",
                    target=str(one.id),
                    changes={"severity": "high"},
                    version=1,
                    updated_at=NOW,
                    updated_by="t",
                )
            )

    rules.records.write(fill)
    with seen_queries(rules.records.engine) as seen:
        assert put(rules, {"cause": "entrapment"}, site="garden").status_code == 200
    assert sum("FROM equipment" in one for one in seen) == 2
