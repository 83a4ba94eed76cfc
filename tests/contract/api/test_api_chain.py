"""Alarms, incidents and work orders over HTTP, raised by the real chain."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from config.alarming import AlarmSettings
from config.load import load_classes
from protocols.reading import Quality
from server.alarming.announcements import AlarmNotifier
from server.alarming.pipeline import AlarmPipeline
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.rulebook import RuleBook
from server.alarms.service import get_alarm, summary
from server.alarms.suppression.outages import Outages
from server.assets.ledger import EquipmentBirth, PointBirth
from server.assets.registry import Registry
from server.assets.series import Sample
from server.assets.state_words import StateWord
from server.core.instant import rfc3339
from tests.contract.api.conftest import NOW, Api

PUMP = "garden/gw1/pump2"
WALK = ["dispatch", "accept", "arrive", "start", "complete", "verify", "call-back", "close"]


class Tripped:
    """A pump under the rules of its class."""

    def __init__(self, api: Api) -> None:
        self.api = api
        classes = load_classes()
        engine = AlarmEngine(RuleBook(classes), api.clock)
        self.registry = Registry(
            api.records,
            api.clock,
            on_series=lambda series, asset: engine.attach(
                series, equipment_class=asset.equipment_class
            ),
        )
        notifier = AlarmNotifier(api.services.settings.messages)
        self.pipeline = AlarmPipeline(
            api.records, engine, notifier, api.clock, outages=Outages(AlarmSettings())
        )
        self.pipeline.restore()
        [self.asset] = self.registry.born(
            EquipmentBirth(
                "garden",
                "gw1",
                "pump2",
                "heating_pump",
                "maker-x",
                "Pump 2",
                "2# 循环泵",
                (PointBirth("fault", 11, "", "Fault", "故障", 300_000),),
            )
        )

    def fault(self, value: bool) -> None:  # noqa: FBT001 (the register's value)
        self.api.clock.ms += 1000
        series = self.asset.series["fault"]
        now = self.api.clock.now_ms()
        self.pipeline.on_samples([Sample(series, value, Quality.GOOD, now)])


@pytest.fixture
def tripped(api: Api) -> Tripped:
    pump = Tripped(api)
    pump.fault(value=False)
    pump.fault(value=True)
    return pump


def test_an_alarm_of_a_state_says_it_in_words(api: Api, tripped: Tripped) -> None:
    words = (StateWord("failed", "Failed", "执行失败"),)
    state = PointBirth("state", 12, "", "State", "联动状态", 300_000, words=words)
    birth = EquipmentBirth("garden", "gw1", "leak", "linkage", "", "Leak", "漏水联动", (state,))
    [linkage] = tripped.registry.born(birth)
    failed = Sample(linkage.series["state"], "failed", Quality.GOOD, api.clock.now_ms())
    tripped.pipeline.on_samples([failed])
    [alarm] = api.get("/alarms", equipment=linkage.key).json()["items"]
    said = (alarm["onset_value"], alarm["onset_en"], alarm["onset_zh"])
    assert said == ("failed", "Failed", "执行失败")
    detail = api.get(f"/alarms/{alarm['id']}").json()
    assert (detail["changes"][0]["value_en"], detail["changes"][0]["value_zh"]) == said[1:]

    def told(session: Session) -> dict[str, Any]:
        return summary(session, get_alarm(session, alarm["id"]))

    message = api.records.read(told)
    assert (message["onset_en"], message["onset_zh"]) == said[1:]
    [plain] = api.get("/alarms", equipment=PUMP).json()["items"]
    assert (plain["onset_en"], plain["onset_zh"]) == ("", "")


def test_a_tripped_pump_is_shown_as_alarm_incident_and_order(api: Api, tripped: Tripped) -> None:
    [alarm] = api.get("/alarms", state="open").json()["items"]
    assert alarm["equipment"] == PUMP == tripped.asset.key
    assert (alarm["rule"], alarm["state"]) == ("heating_pump.fault", "unacknowledged")
    assert alarm["active_since"] == "2026-11-22T10:00:02.000Z"
    assert alarm["onset_value"] is True
    assert alarm["actions"] == ["acknowledge", "shelve", "comments"]
    [incident] = api.get("/incidents").json()["items"]
    assert (incident["state"], incident["alarms"]) == ("open", 1)
    detail = api.get(f"/incidents/{incident['id']}").json()
    [order] = api.get("/work-orders", state="open").json()["items"]
    assert detail["work_order_ids"] == [order["id"]]
    assert [one["id"] for one in detail["alarm_items"]] == [alarm["id"]]
    evidence = api.get(f"/work-orders/{order['id']}").json()["evidence"]
    assert [one["id"] for one in evidence] == [alarm["id"]]


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"state": "active"}, 1),
        ({"state": "unacknowledged"}, 1),
        ({"state": "closed"}, 0),
        ({"state": "all"}, 1),
        ({"severity": "low"}, 0),
        ({"equipment": PUMP}, 1),
    ],
)
def test_alarms_are_filtered(
    api: Api, tripped: Tripped, params: dict[str, str], count: int
) -> None:
    assert tripped.asset.id == 1
    assert len(api.get("/alarms", **params).json()["items"]) == count


def test_alarms_are_those_of_a_range_when_they_were_active_in_it(
    api: Api, tripped: Tripped
) -> None:
    def found(start: int, end: int) -> int:
        edges = {"from": rfc3339(start), "to": rfc3339(end)}
        return len(api.get("/alarms", state="all", **edges).json()["items"])

    onset = api.clock.now_ms()
    later = onset + 60_000
    assert [found(0, onset), found(0, onset + 1), found(later, later + 1)] == [0, 1, 1]
    tripped.fault(value=False)
    over = api.clock.now_ms()
    assert [found(over - 1, later), found(over, later)] == [1, 0]


def test_unknown_filters_are_refused(api: Api, tripped: Tripped) -> None:
    assert tripped.asset.id == 1
    error = api.get("/alarms", state="purple").json()["errors"][0]
    assert error["allowed"][:4] == ["open", "active", "unacknowledged", "shelved"]
    assert api.get("/alarms", equipment="nowhere").status_code == 404
    assert api.get("/work-orders", state="purple").status_code == 422
    assert api.get("/incidents", state="purple").status_code == 422


def test_an_acknowledgement_is_kept_with_who_and_why(api: Api, tripped: Tripped) -> None:
    answer = api.post("/alarms/1/acknowledge", {"comment": "on my way"}).json()
    assert (answer["state"], answer["acknowledged_by"]) == ("acknowledged", "operator")
    assert answer["actions"] == ["shelve", "comments"]
    again = api.post("/alarms/1/acknowledge")
    assert again.status_code == 200
    kinds = [change["kind"] for change in again.json()["changes"]]
    assert kinds == ["raised", "acknowledged"]
    assert again.json()["changes"][1]["comment"] == "on my way"
    tripped.fault(value=False)
    assert tripped.asset.id == 1


def test_an_acknowledged_alarm_closes_with_its_return(api: Api, tripped: Tripped) -> None:
    tripped.fault(value=False)
    [alarm] = api.get("/alarms").json()["items"]
    assert alarm["state"] == "returned_unacknowledged"
    api.post("/alarms/1/acknowledge", {})
    assert api.get("/alarms").json()["items"] == []
    assert api.get("/incidents").json()["items"] == []
    assert len(api.get("/work-orders").json()["items"]) == 1


def test_a_comment_needs_words_and_a_role(api: Api, tripped: Tripped) -> None:
    assert tripped.asset.id == 1
    assert api.post("/alarms/1/comments", {"comment": ""}).status_code == 422
    assert api.post("/alarms/1/comments", {"comment": "x"}, who="viewer").status_code == 403
    assert api.post("/alarms/99/comments", {"comment": "x"}).status_code == 404
    changes = api.post("/alarms/1/comments", {"comment": "seal leaks"}).json()["changes"]
    assert changes[-1]["comment"] == "seal leaks"


def test_an_order_is_walked_to_closed(api: Api, tripped: Tripped) -> None:
    assert tripped.asset.id == 1
    for verb in WALK:
        order = api.get("/work-orders/1").json()
        assert order["actions"][0]["name"] == verb
        api.clock.ms += 60_000
        assert api.post(f"/work-orders/1/{verb}", {"note": verb}).status_code == 200
    order = api.get("/work-orders/1").json()
    assert (order["state"], order["actions"]) == ("closed", [])
    assert [event["note"] for event in order["events"]][1:] == WALK
    assert {event["by"] for event in order["events"][1:]} == {"operator"}
    assert order["assignee"] == "operator"
    assert order["sla"]["on_site_at"] == "2026-11-22T10:03:02.000Z"
    assert api.get("/work-orders").json()["items"] == []
    assert api.get("/work-orders", state="closed").json()["items"][0]["id"] == 1


def test_a_step_that_is_not_possible_says_what_is(api: Api, tripped: Tripped) -> None:
    assert tripped.asset.id == 1
    answer = api.post("/work-orders/1/close", {})
    assert answer.status_code == 409
    assert "dispatched, accepted, cancelled" in answer.json()["detail"]
    assert api.post("/work-orders/1/explode", {}).status_code == 422
    assert api.post("/work-orders/99/accept", {}).status_code == 404


def test_waiting_needs_a_reason_and_resumes_where_it_was(api: Api, tripped: Tripped) -> None:
    assert tripped.asset.id == 1
    for verb in ("accept", "arrive"):
        api.post(f"/work-orders/1/{verb}", {})
    assert api.post("/work-orders/1/resume", {}).status_code == 409
    assert api.post("/work-orders/1/wait", {}).status_code == 422
    waiting = api.post("/work-orders/1/wait", {"reason": "parts"}).json()
    actions = ["resume", "hand-over", "cancel"]
    assert [action["name"] for action in waiting["actions"]] == actions
    api.clock.ms += 600_000
    resumed = api.post("/work-orders/1/resume", {}).json()
    assert (resumed["state"], resumed["sla"]["paused_ms"]) == ("on_site", 600_000)


def test_two_people_do_not_overwrite_each_other(api: Api, tripped: Tripped) -> None:
    assert tripped.asset.id == 1
    etag = api.client.get("/api/v1/work-orders/1", headers=api.bearer()).headers["etag"]
    first = api.post("/work-orders/1/accept", {}, If_Match=etag)
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    second = api.post("/work-orders/1/arrive", {}, If_Match=etag)
    assert second.status_code == 412
    assert second.json()["title"] == "Precondition Failed"
    assert api.post("/work-orders/1/arrive", {}, If_Match="soon").status_code == 422
    assert api.post("/work-orders/1/arrive", {}, If_Match="*").status_code == 200


def test_a_step_that_is_repeated_with_its_key_is_taken_once(api: Api, tripped: Tripped) -> None:
    assert tripped.asset.id == 1
    first = api.post("/work-orders/1/accept", {}, Idempotency_Key="s1")
    again = api.post("/work-orders/1/accept", {}, Idempotency_Key="s1")
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"] == '"2"'
    assert api.post("/work-orders/1/accept", {}).status_code == 409


def test_events_tell_the_story(api: Api, tripped: Tripped) -> None:
    assert tripped.asset.id == 1
    start = {"from": "2026-11-22T10:00:02Z"}
    kinds = [row["kind"] for row in api.get("/events", **start).json()["items"]]
    assert kinds[::-1] == ["alarm.raised", "incident.opened", "work-order.opened"]
    assert api.get("/events", to="2026-11-22T10:00:00Z").json()["items"] == []
    assert NOW == 1_795_341_600_000


def test_an_alarm_is_shelved_and_taken_back(api: Api, tripped: Tripped) -> None:
    assert tripped.asset.id == 1
    until = "2026-11-22T10:30:00Z"
    refused = api.post("/alarms/1/shelve", {"until": "2026-11-24T10:30:00Z", "reason": "test"})
    assert (refused.status_code, "8 hours at most" in refused.json()["detail"]) == (422, True)
    shelved = api.post("/alarms/1/shelve", {"until": until, "reason": "test run"}).json()
    assert (shelved["state"], shelved["shelved_by"]) == ("shelved", "operator")
    assert shelved["actions"] == ["unshelve", "shelve", "comments"]
    assert [row["id"] for row in api.get("/alarms", state="shelved").json()["items"]] == [1]
    back = api.post("/alarms/1/unshelve").json()
    assert (back["state"], back["shelved_until_at"]) == ("unacknowledged", None)
    assert api.post("/alarms/1/unshelve").json() == back
    assert api.post("/alarms/1/reset").status_code == 409
    assert api.post("/alarms/1/shelve", {"until": until, "reason": ""}).status_code == 422
    assert (
        api.post("/alarms/1/shelve", {"until": until, "reason": "x"}, "viewer").status_code == 403
    )


def test_equipment_is_taken_out_of_service_and_put_back(api: Api, tripped: Tripped) -> None:
    equipment = tripped.asset.id
    body = {"until": "2026-11-23T10:00:00Z", "reason": "new bearing"}
    out = api.post(f"/equipment/{equipment}/out-of-service", body).json()
    assert out["actions"] == ["in-service", "out-of-service", "retire"]
    assert api.get("/alarms/1").json()["state"] == "out_of_service"
    back = api.post(f"/equipment/{equipment}/in-service").json()
    assert (back["out_of_service_by"], back["actions"]) == (None, ["out-of-service", "retire"])
    assert api.get("/alarms/1").json()["state"] == "unacknowledged"
    late = body | {"until": "2027-11-23T10:00:00Z"}
    assert api.post(f"/equipment/{equipment}/out-of-service", late).status_code == 422


def test_the_figures_of_the_alarms(api: Api, tripped: Tripped) -> None:
    assert tripped.asset.id == 1
    api.clock.ms += 86_400_001
    figures = api.get("/alarm-figures", **{"from": "2026-11-22T10:00:00Z"}).json()
    assert (figures["alarms"], figures["peak"], figures["stale"]) == (1, 1, [1])
    assert figures["split"] == {"low": 0.0, "medium": 0.0, "high": 1.0}
    assert figures["top"][0]["point"] == "garden/gw1/pump2/fault"
    first = {"start": "2026-11-22T10:00:00.000Z", "alarms": 1, "per_operator": 1, "flood": False}
    assert (figures["bins"][0], figures["sites"]) == (first, 1)
    assert len(api.get("/alarm-figures", site="garden").json()["bins"]) == 144
    assert api.get("/alarm-figures", site="nowhere").status_code == 404
    wrong = {"from": "2027-01-01T00:00:00Z"}
    assert api.get("/alarm-figures", **wrong).status_code == 422
