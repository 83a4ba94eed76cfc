"""Rules are shown as they apply, changed with a reason and a version, and taken back."""

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from config.load import load_classes
from server.assets.model import Equipment
from server.history.base import Batch
from tests.contract.api.conftest import NOW, Api

if TYPE_CHECKING:
    from fastapi import FastAPI
    from httpx2 import Response

RULE = "/api/v1/alarm-rules/heating_pump.inlet_pressure_low"
LOWER = {"changes": {"condition": {"limit": 30}}, "reason": "short riser"}


@pytest.fixture
def rules(api: Api, pump: Equipment) -> Api:
    assert pump.id == 1
    services = replace(api.services, classes=load_classes())
    cast("FastAPI", api.client.app).state.services = services
    return replace(api, services=services)


def put(
    api: Api, body: object, etag: str | None = '"0"', who: str = "administrator", **where: str
) -> "Response":
    headers = api.bearer(who) | ({} if etag is None else {"If-Match": etag})
    return api.client.put(RULE, params=where, json=body, headers=headers)


def limit(api: Api, **where: str) -> tuple[float, str]:
    item = api.get("/alarm-rules/heating_pump.inlet_pressure_low", **where).json()
    return item["settings"]["condition"]["limit"], item["source"]


def test_the_nearest_change_wins_and_is_taken_back(rules: Api) -> None:
    assert limit(rules) == (50, "class_file")
    assert put(rules, LOWER, site="garden").headers["etag"] == '"1"'
    body = {"changes": {"condition": {"limit": 20}}, "reason": "tall"}
    assert put(rules, body, equipment="garden/gw1/pump2").status_code == 200
    assert limit(rules) == (50, "class_file")
    assert limit(rules, site="garden") == (30, "site")
    assert limit(rules, equipment="1") == (20, "equipment")
    gone = rules.client.delete(
        RULE,
        params={"equipment": "1", "reason": "measured again"},
        headers=rules.bearer("administrator") | {"If-Match": '"1"'},
    )
    assert gone.status_code == 204
    assert limit(rules, equipment="1") == (30, "site")
    versions = rules.get(
        "/alarm-rules/heating_pump.inlet_pressure_low/versions", equipment="1"
    ).json()["items"]
    assert [(one["version"], one["by"], one["reason"]) for one in versions] == [
        (2, "administrator", "measured again"),
        (1, "administrator", "tall"),
    ]
    kinds = [
        row["kind"] for row in rules.get("/events", "administrator", topics="audit").json()["items"]
    ]
    assert kinds.count("alarm-rule.changed") == 2
    assert "alarm-rule.deleted" in kinds


def test_two_people_do_not_overwrite_each_other(rules: Api) -> None:
    assert put(rules, LOWER).status_code == 200
    assert put(rules, LOWER).status_code == 412
    assert put(rules, LOWER, None).status_code == 428
    assert put(rules, LOWER, "soon").status_code == 422
    assert put(rules, LOWER, '"1"').headers["etag"] == '"2"'


def test_only_an_administrator_changes_rules(rules: Api) -> None:
    assert put(rules, LOWER, who="operator").status_code == 403
    assert put(rules, LOWER, who="viewer").status_code == 403


def test_what_makes_no_rule_is_refused_by_path(rules: Api) -> None:
    answer = put(rules, {"changes": {"condition": {"point": "nothing"}}, "reason": "x"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.changes.condition.point"
    assert put(rules, {"changes": {}, "reason": ""}).status_code == 422
    assert put(rules, LOWER, site="nowhere").status_code == 404
    assert rules.get("/alarm-rules/heating_pump.nothing").status_code == 404
    assert rules.get("/alarm-rules/nothing").status_code == 404


def test_a_change_that_spoils_a_narrower_one_is_refused_and_names_it(rules: Api) -> None:
    off = {"changes": {"enabled": False}, "reason": "no such sensor"}
    assert put(rules, off, site="garden").status_code == 200
    narrow = {"changes": {"condition": {"limit": 20}}, "reason": "tall"}
    assert put(rules, narrow, equipment="1").status_code == 200
    safety = put(rules, {"changes": {"life_safety": True}, "reason": "x"})
    assert safety.status_code == 422
    assert "site garden (" in safety.json()["errors"][0]["message"]
    assert limit(rules) == (50, "class_file")
    rate = {"kind": "rate", "point": "inlet_pressure", "change": 5, "within_s": 60}
    other = put(rules, {"changes": {"condition": rate}, "reason": "x"})
    assert "equipment 1 (" in other.json()["errors"][0]["message"]
    assert put(rules, {"changes": {"severity": "low"}, "reason": "x"}).status_code == 200


def test_what_a_narrower_change_stands_on_is_not_taken_back(rules: Api) -> None:
    new = "/api/v1/alarm-rules/heating_pump.cold"
    whole = {
        "name": {"en": "cold", "zh": "冷"},
        "severity": "low",
        "cause": "cold",
        "condition": {"kind": "limit", "point": "medium_temperature", "level": "lo", "limit": 5},
    }
    first = rules.bearer("administrator") | {"If-Match": '"0"'}
    made = rules.client.put(new, json={"changes": whole, "reason": "frost"}, headers=first)
    assert made.status_code == 200
    narrow = {"changes": {"condition": {"limit": 3}}, "reason": "in the ground"}
    where = {"site": "garden"}
    assert rules.client.put(new, params=where, json=narrow, headers=first).status_code == 200
    second = rules.bearer("administrator") | {"If-Match": '"1"'}
    why = {"reason": "no longer"}
    gone = rules.client.delete(new, params=why, headers=second)
    assert gone.status_code == 409
    assert "site garden (" in gone.json()["detail"]
    assert rules.client.delete(new, params=why | where, headers=second).status_code == 204
    assert rules.client.delete(new, params=why, headers=second).status_code == 204


def test_the_rules_of_one_pump_are_listed(rules: Api) -> None:
    items = rules.get("/alarm-rules", equipment="1").json()["items"]
    assert {item["equipment_class"] for item in items} == {"heating_pump"}
    assert len(rules.get("/alarm-rules").json()["items"]) > len(items)
    kinds = rules.get("/alarm-rules", **{"class": "elevator"}).json()["items"]
    assert {item["equipment_class"] for item in kinds} == {"elevator"}


def test_a_rule_is_tried_on_what_was_stored(rules: Api) -> None:
    point = rules.get("/points", equipment="1").json()["items"][0]
    batch = Batch()
    for minute in range(60):
        batch.add(point["id"], NOW - 3_600_000 + minute * 60_000, minute % 10 == 0)
    rules.history.append(batch)
    body = {"rule": "heating_pump.fault", "days": 1}
    found = rules.post("/alarm-rules/try", body).json()
    assert (found["alarms"], found["incidents"], found["orders"]) == (6, 6, 6)
    assert (found["equipment"], found["readings"], found["messages"]) == (1, 60, 0)
    newest = found["onsets"][0]
    assert (newest["point"], newest["until"]) == (
        "garden/gw1/pump2/fault",
        "2026-11-22T09:51:00.000Z",
    )
    slower = rules.post("/alarm-rules/try", body | {"changes": {"on_delay_s": 90}}).json()
    assert slower["alarms"] == 0
    wrong = rules.post("/alarm-rules/try", body | {"changes": {"cause": ""}})
    assert wrong.json()["errors"][0]["field"] == "body.changes.cause"
    assert rules.post("/alarm-rules/try", body, "viewer").status_code == 403
