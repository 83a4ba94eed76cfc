"""Rules are shown as they apply, changed with a reason and a version, and taken back."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.load import load_classes
from server.assets.model import Equipment, Point
from server.history.base import Batch, Bucket
from server.history.memory import MemoryHistory
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
        row["kind"] for row in rules.get("/events", "administrator", topic="audit").json()["items"]
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


def try_at_site(rules: Api, rule: str, **changes: object) -> dict[str, Any]:
    body = {"rule": f"heating_pump.{rule}", "site": "garden", "days": 1, "changes": changes}
    answer = rules.post("/alarm-rules/try", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def store(rules: Api, point: str, *readings: tuple[float, object]) -> None:
    """Readings of pump 2, minutes after nine o'clock."""
    key = f"garden/gw1/pump2/{point}"

    def add(session: Session) -> int:
        found = session.scalar(select(Point.id).where(Point.key == key))
        if found is not None:
            return found
        row = Point(
            key=key,
            equipment_id=1,
            name=point,
            datatype=10,
            unit="",
            name_en=point,
            name_zh=point,
            max_silence_ms=300_000,
        )
        session.add(row)
        session.flush()
        return row.id

    batch, series = Batch(), rules.records.write(add)
    for minute, value in readings:
        batch.add(series, NOW - 3_600_000 + round(minute * 60_000), cast("Any", value))
    rules.history.append(batch)


def spans(found: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [
        (one["at"][11:16], None if one["until"] is None else one["until"][11:16])
        for one in reversed(found["onsets"])
    ]


def test_a_rule_of_silence_is_tried_at_a_site(rules: Api) -> None:
    store(rules, "run", *((minute, True) for minute in (*range(10), *range(40, 60))))
    condition = {"kind": "stale", "point": "run", "after_s": 600}
    found = try_at_site(rules, "stale", condition=condition)
    assert spans(found) == [("09:19", "09:40")]
    assert (found["equipment"], found["equipment_tried"], found["readings"]) == (1, 1, 30)
    other = rules.post("/alarm-rules/try", {"rule": "heating_pump.stale", "site": "nowhere"})
    assert other.status_code == 404


def test_a_lost_connection_is_tried_at_a_site(rules: Api) -> None:
    store(rules, "connection", (0, True), (10, False), (20, True), (30, False), (30.5, True))
    found = try_at_site(rules, "unreachable")
    assert spans(found) == [("09:10", "09:20")]
    assert (found["alarms"], found["incidents"], found["explained"]) == (1, 1, 0)


def test_an_expression_with_its_enabling_condition_is_tried_at_a_site(rules: Api) -> None:
    store(rules, "run", (0, True), (30, False))
    store(rules, "speed", (0, 1500.0), (10, 100.0), (12, 1500.0), (40, 0.0))
    condition = {"kind": "expression", "point": "speed", "when": "speed < 200"}
    found = try_at_site(
        rules,
        "slow",
        name={"en": "slow", "zh": "慢"},
        severity="low",
        cause="slow",
        condition=condition,
        work_order=False,
        **{"while": "run"},
    )
    assert spans(found) == [("09:10", "09:12")]
    assert (found["incidents"], found["orders"]) == (1, 0)


def test_one_trial_at_a_time(rules: Api) -> None:
    services = rules.services

    class Asking(MemoryHistory):
        """Asks for another trial in the middle of the first one."""

        answers: ClassVar[list[int]] = []

        def buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> list[Bucket]:
            if not self.answers:
                answer = rules.post("/alarm-rules/try", {"rule": "heating_pump.fault"})
                self.answers.append(answer.status_code)
            return super().buckets(series_id, start_ms, end_ms, buckets)

    asking = replace(services, history=Asking())
    cast("FastAPI", rules.client.app).state.services = asking
    assert rules.post("/alarm-rules/try", {"rule": "heating_pump.fault"}).status_code == 200
    assert Asking.answers == [409]


def _named(api: Api, changes: dict[str, Any]) -> "Response":
    body = {"changes": changes, "reason": "measured"}
    path = "/api/v1/alarm-rules/room_climate.room_cold"
    headers = api.bearer("administrator") | {"If-Match": '"0"'}
    return api.client.put(path, json=body, headers=headers, params={"site": "garden"})


def test_the_name_follows_the_limit_of_each_place(rules: Api) -> None:
    answer = _named(rules, {"condition": {"limit": 16}})
    assert answer.json()["name"] == {"en": "Room below 16 °C", "zh": "室温低于16 °C"}
    usual = rules.get("/alarm-rules/room_climate.room_cold").json()
    assert usual["name"] == {"en": "Room below 18 °C", "zh": "室温低于18 °C"}
    assert usual["settings"]["name"]["en"] == "Room below {limit}"


def test_a_name_that_says_the_old_limit_is_refused(rules: Api) -> None:
    literal = {"en": "Room below 18 °C", "zh": "室温低于18℃"}
    rooms = rules.services.classes["room_climate"]
    rule = rooms.rules["room_cold"]
    rule = rule.model_copy(update={"name": rule.name.model_copy(update=literal)})
    rooms = rooms.model_copy(update={"rules": {**rooms.rules, "room_cold": rule}})
    classes = {**rules.services.classes, "room_climate": rooms}
    cast("FastAPI", rules.client.app).state.services = replace(rules.services, classes=classes)
    answer = _named(rules, {"condition": {"limit": 16}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.changes.name"
    assert "says 18" in answer.json()["detail"]
    assert "{limit}" in answer.json()["detail"]
    named = {"en": "Room below 16 °C", "zh": "室温低于16℃"}
    assert _named(rules, {"condition": {"limit": 16}, "name": named}).status_code == 200
