"""Orders and incidents go from the shift that ends to the one that begins, by one confirmation."""

from collections import Counter
from itertools import count
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.server import ServerSettings
from server.core.model import Timer
from server.incidents.model import Incident
from server.messages.model import Message
from tests.contract.api.conftest import NOW, Api
from tests.contract.api.request_desk import Desk
from tests.contract.api.test_api_chain import Tripped
from tests.fakes.assets import add_equipment
from tests.fakes.seen_queries import seen_queries
from tests.fakes.sms_channel import SMS

HOUR = 3_600_000
"""The clock begins at 18:00 of the estate."""
CHANGE = "2026-11-22T12:00:00.000Z"
"""20:00 of the estate."""


def put(api: Api, path: str, body: object) -> None:
    answer = api.client.put(f"/api/v1{path}", json=body, headers=api.bearer("administrator"))
    assert answer.status_code == 200, answer.text


@pytest.fixture
def house(api: Api) -> Api:
    """A day shift (wang) that ends at 20:00, a night shift (chen, deng), orders of both kinds."""
    channel = [{"channel": "sms"}]
    settings = {
        "data_dir": api.services.settings.data_dir,
        "messages": {"channels": {"sms": SMS}},
        "work_orders": {"dispatch_to_duty": True},
    }
    object.__setattr__(api.services, "settings", ServerSettings.model_validate(settings))
    for key, more in (
        ("wang", {}),
        ("chen", {"phone": "13800138001", "channels": channel, "trades": ["plumbing"]}),
        ("deng", {"phone": "13800138002", "channels": channel}),
        ("lift-co", {"role": "contractor"}),
    ):
        put(api, f"/persons/{key}", {"name": key.title(), **more})
    shifts = [
        {"start": "08:00", "end": "20:00", "persons": ["wang"]},
        {"start": "20:00", "end": "08:00", "persons": ["chen", "deng"]},
    ]
    roster = {"name": "House", "shifts": shifts, "accept_gaps": True}
    put(api, "/rosters/house", roster)
    tripped = Tripped(api)
    tripped.fault(value=True)
    dispatched = api.post("/work-orders/1/dispatch", {"assignee": "wang"}, "administrator")
    assert dispatched.status_code == 200, dispatched.text
    put(api, "/sites/garden/rooms/3-2-501", {})
    for fault in ("tap", "socket"):
        body = {"site": "garden", "room": "3-2-501", "fault": fault, "name": "Li"}
        answer = api.post("/repair-requests", body | {"phone": "13912345678"}, "administrator")
        assert answer.status_code == 201, answer.text
    return api


def sheet(api: Api, who: str = "administrator", **params: str) -> dict[str, Any]:
    answer = api.get("/work-orders/hand-over", who, site="garden", **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def given(shown: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"id": one["order"]["id"], "version": one["order"]["version"], "to": one["to"]}
        for one in shown["orders"]
        if one["to"] is not None
    ]


def confirm(api: Api, orders: list[dict[str, Any]], who: str = "operator", **more: Any) -> Response:
    return api.post("/work-orders/hand-over", {"site": "garden", "orders": orders} | more, who)


def events(api: Api, order: int) -> list[dict[str, Any]]:
    return api.get(f"/work-orders/{order}").json()["events"]


def test_what_is_open_at_the_change_is_listed_with_a_proposal(house: Api) -> None:
    assert [one["assignee"] for one in house.get("/work-orders").json()["items"]] == ["wang"] * 3
    shown = sheet(house)
    assert (shown["at"], shown["whole"]) == (CHANGE, True)
    assert [one["key"] for one in shown["leaving"]] == ["wang"]
    assert shown["leaving"][0]["orders"] == 3
    assert [one["key"] for one in shown["present"]] == ["chen", "deng"]
    found = {one["order"]["id"]: (one["to"], one["why"]) for one in shown["orders"]}
    # The pump and the socket are for Deng, who does everything; the tap for whoever has fewer.
    assert found == {
        1: ("deng", "off_duty"),
        2: ("chen", "off_duty"),
        3: ("deng", "off_duty"),
    }
    assert [one["order"]["id"] for one in shown["orders"]] == [1, 2, 3]
    (incident,) = shown["incidents"]
    assert (incident["to"], incident["why"]) == (None, "with_order")
    assert [one["at"] for one in shown["changes"]] == ["2026-11-22T00:00:00.000Z", CHANGE]
    morning = sheet(house, at="2026-11-23T00:00:00Z")
    assert ([one["key"] for one in morning["present"]], morning["orders"][0]["why"]) == (
        ["wang"],
        "on_duty",
    )


def test_one_confirmation_hands_all_over_and_each_history_says_from_whom_to_whom(
    house: Api,
) -> None:
    house.post("/work-orders/1/accept", {}, "administrator")
    house.post("/work-orders/1/start", {}, "administrator")
    orders = given(sheet(house))
    done = confirm(house, orders, note="water is off at 3-2")
    assert (done.status_code, done.json()["work_order_ids"]) == (200, [1, 2, 3]), done.text
    for order, to in ((1, "deng"), (2, "chen"), (3, "deng")):
        last = events(house, order)[-1]
        assert {
            name: last[name]
            for name in ("kind", "reason", "note", "by", "from_assignee", "to_assignee", "to_state")
        } == {
            "kind": "handed_over",
            "reason": "shift_change",
            "note": "water is off at 3-2",
            "by": "operator",
            "from_assignee": "wang",
            "to_assignee": to,
            "to_state": "dispatched",
        }
    assert [one["assignee"] for one in house.get("/work-orders/load").json()["items"]] == [
        "deng",
        "chen",
    ]
    messages = house.records.read(
        lambda session: [
            (one.receiver, one.payload["work_order_ids"])
            for one in session.scalars(select(Message).order_by(Message.id))
            if one.kind == "shift.handed_over"
        ]
    )
    assert messages == [("Deng", [1, 3]), ("Chen", [2])]
    # The next time there is nothing left to hand over.
    assert given(sheet(house)) == []
    assert confirm(house, orders).status_code == 412


def test_what_changed_meanwhile_stops_all_of_it(house: Api) -> None:
    orders = given(sheet(house))
    house.post("/work-orders/2/accept", {}, "administrator")
    stale = confirm(house, orders)
    assert (stale.status_code, "work orders 2 were" in stale.json()["detail"]) == (412, True)
    assert {one["assignee"] for one in house.get("/work-orders").json()["items"]} == {"wang"}


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"to": "nobody"}, 422, "body.orders.1.to"),
        ({"to": "wang"}, 422, "body.orders.1.to"),
        ({"id": 99}, 404, None),
        ({"version": 99}, 412, None),
        ({"version": 0}, 422, "body.orders.1.version"),
    ],
)
def test_a_hand_over_that_cannot_be_is_refused_whole(
    house: Api, change: dict[str, Any], status: int, field: str | None
) -> None:
    first, second, *_ = given(sheet(house))
    refused = confirm(house, [first, second | change])
    assert refused.status_code == status, refused.text
    fields = [one["field"] for one in refused.json().get("errors", [])]
    assert fields == ([] if field is None else [field])
    assert {one["assignee"] for one in house.get("/work-orders").json()["items"]} == {"wang"}
    assert confirm(house, [first, first]).status_code == 422


def test_a_posted_key_hands_over_once(house: Api) -> None:
    body = {"site": "garden", "orders": given(sheet(house))}
    key = {"Idempotency-Key": "k"}
    first = house.post("/work-orders/hand-over", body, "operator", **key)
    again = house.post("/work-orders/hand-over", body, "operator", **key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert [one["kind"] for one in events(house, 1)].count("handed_over") == 1


def test_who_assigns_no_orders_hands_nothing_over(house: Api) -> None:
    orders = given(sheet(house))
    # The matrix has the other roles.
    assert house.get("/work-orders/hand-over", "viewer", site="garden").status_code == 403
    assert confirm(house, orders, "viewer").status_code == 403
    assert house.get("/work-orders/hand-over", "operator", site="harbour").status_code == 404
    far = house.get("/work-orders/hand-over", "operator", site="garden", at="9999-12-31T23:59:59Z")
    assert (far.status_code, "within a year" in far.text) == (422, True)


def test_an_appointment_and_a_contractor_keep_their_orders(house: Api) -> None:
    house.post("/work-orders/2/appointments", {"at": "2026-11-23T02:00:00Z"}, "administrator")
    house.post("/work-orders/1/dispatch", {"assignee": "lift-co"}, "administrator")
    found = {one["order"]["id"]: (one["to"], one["why"]) for one in sheet(house)["orders"]}
    assert found[1] == (None, "contractor")
    assert found[2] == (None, "appointment")


def test_an_order_nobody_has_goes_to_somebody_of_the_next_shift(house: Api) -> None:
    house.post("/work-orders/1/recall", {}, "administrator")
    shown = sheet(house)
    (first,) = [one for one in shown["orders"] if one["order"]["id"] == 1]
    assert (first["why"], first["to"]) == ("unassigned", "deng")
    confirm(house, given(shown))
    last = events(house, 1)[-1]
    assert (last["kind"], last["from_state"], last["to_state"]) == ("step", "open", "dispatched")
    assert (last["from_assignee"], last["to_assignee"]) == (None, "deng")


def test_an_acknowledged_incident_without_order_goes_on_in_other_hands(house: Api) -> None:
    house.post("/work-orders/1/cancel", {"reason": "x"}, "administrator")
    assert sheet(house)["incidents"][0]["why"] == "called"
    house.post("/incidents/1/acknowledge", {}, "operator")
    (incident,) = sheet(house)["incidents"]
    # The operator's login belongs to no shift.
    assert (incident["why"], incident["to"]) == ("without_shift", None)
    done = confirm(house, [], incidents=[{"id": 1, "to": "deng"}], note="pump is off")
    assert done.json() == {"work_order_ids": [], "incident_ids": [1]}, done.text
    shown = house.get("/incidents/1").json()
    assert (shown["acknowledged_by"], shown["assignee"]) == ("operator", "deng")
    last = shown["changes"][-1]
    assert (last["kind"], last["by"], last["note"]) == (
        "handed_over",
        "operator",
        "operator -> deng: pump is off",
    )
    assert sheet(house)["incidents"][0]["why"] == "on_duty"
    assert sheet(house, at="2026-11-23T00:00:00Z")["incidents"][0]["to"] == "wang"
    timers = house.records.read(
        lambda session: [
            one.due_at
            for one in session.scalars(select(Timer).where(Timer.kind == "incident-idle"))
        ]
    )
    # Whoever goes on with it has the idle time anew.
    assert [one > house.clock.ms for one in timers] == [True]


def test_many_incidents_are_asked_for_at_once(house: Api) -> None:
    """The sheet of forty incidents takes as many queries as that of ten."""
    acknowledged = iter(("operator", "wang", "Deng", "nobody") * 10)

    def add(session: Session) -> None:
        for _ in range(10):
            about = {"cause": f"c{next(numbers)}", "severity": "high", "title_en": "x"}
            by = {"acknowledged_at": NOW, "acknowledged_by": next(acknowledged)}
            session.add(Incident(equipment_id=1, **about, **by, title_zh="x", opened_at=NOW))

    numbers, counted, why = count(), set[int](), Counter[str]()
    for _ in range(4):
        house.records.write(add)
        sheet(house)
        with seen_queries(house.records.engine) as seen:
            shown = sheet(house)
        counted.add(len(seen))
        why = Counter(one["why"] for one in shown["incidents"])
    assert len(counted) == 1
    assert why == {
        "with_order": 1,
        "without_shift": 10,
        "off_duty": 10,
        "on_duty": 10,
        "unassigned": 10,
    }


def test_a_batch_of_one_persons_orders_says_from_whom_too(house: Api) -> None:
    body = {"from_assignee": "wang", "to_assignee": "chen", "note": "ill"}
    assert house.post("/work-orders/reassign", body, "operator").status_code == 200
    last = events(house, 1)[-1]
    assert (last["from_assignee"], last["to_assignee"], last["note"]) == ("wang", "chen", "ill")


def test_another_estates_order_is_not_handed_over_here(api: Api) -> None:
    Desk(api).take()
    api.records.write(lambda session: add_equipment(session, "harbour/gw1/pump1", at=NOW))
    refused = api.post(
        "/work-orders/hand-over",
        {"site": "harbour", "orders": [{"id": 1, "version": 1, "to": "wang"}]},
        "administrator",
    )
    assert (refused.status_code, "elsewhere" in refused.json()["detail"]) == (422, True)
