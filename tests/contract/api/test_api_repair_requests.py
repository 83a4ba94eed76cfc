"""Residents' requests at the desk: orders without equipment, the return call, who sees whom."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from server.core.model import Event
from server.messages.model import Message
from server.requests.model import RepairRequest
from server.workorders.model import WorkOrder
from tests.contract.api.conftest import NOW, Api
from tests.contract.api.request_desk import DAY, HOUR, NAME, PHONE, SAID, Desk

DONE = ("accept", "start", "complete", "verify")


@pytest.fixture
def desk(api: Api) -> Desk:
    return Desk(api)


def messages(desk: Desk) -> list[Message]:
    query = select(Message).order_by(Message.id)
    return desk.api.records.read(lambda session: list(session.scalars(query)))


def test_a_request_becomes_an_order_in_a_room(desk: Desk) -> None:
    taken = desk.take()
    assert taken.status_code == 201, taken.text
    assert taken.json()["became"] == "opened"
    order = desk.api.get("/work-orders/1").json()
    assert order["equipment"] is None
    assert (order["room"], order["site"], order["of_resident"]) == ("3-2-501", "garden", True)
    assert (order["trade"], order["severity"]) == ("plumbing", "medium")
    assert order["title_zh"] == "水龙头或马桶"
    assert [one["kind"] for one in order["events"]] == ["opened"]
    assert [one["id"] for one in desk.api.get("/work-orders").json()["items"]] == [1]


@pytest.mark.parametrize(
    ("hours", "more", "became", "orders"),
    [
        (23, {}, "joined", 1),
        (25, {}, "opened", 2),
        (1, {"fault": "socket"}, "opened", 2),
        (1, {"room": "3-2-502"}, "opened", 2),
    ],
)
def test_the_same_room_and_fault_within_a_day_joins_the_open_order(
    desk: Desk, hours: int, more: dict[str, Any], became: str, orders: int
) -> None:
    desk.take()
    desk.api.clock.ms += hours * HOUR
    second = desk.take(**more)
    assert second.json()["became"] == became
    assert desk.count(WorkOrder) == orders
    assert desk.count(RepairRequest) == 2
    assert second.json()["request"]["work_order_id"] == orders


def test_what_comes_back_after_the_work_was_done_opens_its_order_again(desk: Desk) -> None:
    desk.take()
    desk.walk(*DONE)
    desk.walk("call-back", satisfaction="satisfied")
    desk.walk("close")
    desk.api.clock.ms += 2 * DAY
    assert desk.take().json()["became"] == "reopened"
    (order,) = desk.orders()
    assert (order.state, order.repeat_failures, order.closed_at) == ("dispatched", 1, None)


@pytest.mark.long
def test_an_order_of_a_resident_is_never_closed_without_the_return_call(desk: Desk) -> None:
    desk.take()
    assert desk.api.get("/return-calls", "desk").json()["items"] == []
    desk.walk(*DONE)
    refused = desk.api.post("/work-orders/1/close", {}, "desk")
    assert refused.status_code == 409
    (due,) = desk.api.get("/return-calls", "desk").json()["items"]
    assert (due["id"], due["requests"][0]["phone"]) == (1, PHONE)
    actions = {one["name"]: one for one in due["actions"]}
    assert "close" not in actions
    said = {one["name"]: one for one in actions["call-back"]["fields"]}["satisfaction"]
    assert said["required"] is True
    silent = desk.api.post("/work-orders/1/call-back", {}, "desk")
    assert silent.status_code == 422
    assert "satisfaction" in silent.text
    desk.walk("call-back", who="desk", satisfaction="dissatisfied")
    desk.walk("close", who="desk")
    assert desk.api.get("/return-calls", "desk").json()["items"] == []
    report = desk.api.get("/reports/repairs", site="garden", month="2026-11").json()
    figures = {one["figure"]: one for one in report["figures"]}
    assert (figures["called_back"]["met"], figures["called_back"]["missed"]) == (1, 0)
    assert (figures["satisfied"]["met"], figures["satisfied"]["missed"]) == (0, 1)
    # A tap that drips is no plant that is out of order.
    assert figures["in_order"]["missed"] == 0


def test_a_repair_without_its_call_is_missed_in_the_figures(desk: Desk) -> None:
    desk.take(fault="no_power")
    desk.walk("accept", "arrive", "complete")
    report = desk.api.get("/reports/repairs", site="garden", month="2026-11").json()
    figures = {one["figure"]: one for one in report["figures"]}
    assert (figures["called_back"]["met"], figures["called_back"]["missed"]) == (0, 1)
    assert figures["called_back"]["orders_missed"]
    path = figures["called_back"]["orders_missed"]
    behind = desk.api.client.get(path, headers=desk.api.bearer())
    assert [one["id"] for one in behind.json()["items"]] == [1]
    assert figures["on_time"]["met"] == 1


@pytest.mark.parametrize(
    ("moved_in", "fault", "assignee"),
    [
        ("2024-11-22", "tap", "lift-co"),  # on the last day of two years
        ("2024-11-21", "tap", None),
        ("2010-01-01", "walls", "lift-co"),  # another day was agreed on for the trade
        ("2010-01-01", "tap", None),
    ],
)
def test_in_warranty_the_builder_gets_what_is_wrong_in_a_room(
    desk: Desk, moved_in: str, fault: str, assignee: str | None
) -> None:
    said = {"moved_in": moved_in, "builder": "lift-co", "warranty": {"building": "2027-01-01"}}
    desk.room("3-2-501", said)
    desk.take(fault=fault)
    order = desk.api.get("/work-orders/1").json()
    assert (order["assignee"], order["state"]) == (
        assignee,
        "open" if assignee is None else "dispatched",
    )
    assert (order["events"][-1]["reason"] == "warranty") is (assignee is not None)
    # The builder alone of all contractors sees whom to visit.
    seen = desk.api.get("/repair-requests", "contractor").json()["items"]
    assert [one["phone"] for one in seen] == ([] if assignee is None else [PHONE])


def test_what_the_builder_repaired_is_verified_by_the_own_engineer(desk: Desk) -> None:
    desk.room("3-2-501", {"moved_in": "2026-01-01", "builder": "lift-co"})
    desk.take()
    desk.walk("accept", "start", "complete", who="contractor")
    refused = desk.api.post("/work-orders/1/verify", {}, "contractor")
    assert (refused.status_code, "own engineer" in refused.json()["detail"]) == (403, True)
    assert desk.walk("verify").json()["state"] == "verified"
    assert desk.api.post("/work-orders/1/close", {}, "administrator").status_code == 409


def test_without_a_builder_a_room_in_warranty_is_the_own_engineers(desk: Desk) -> None:
    desk.room("3-2-501", {"moved_in": "2026-01-01"})
    desk.take()
    assert desk.api.get("/work-orders/1").json()["assignee"] is None


def test_an_agreed_time_is_the_appointment(desk: Desk) -> None:
    refused = desk.take(wished_at="2026-11-22T09:00:00Z")
    assert refused.status_code == 422
    assert desk.count(RepairRequest) == 0
    desk.take(wished_at="2026-11-23T02:00:00Z", agreed=True)
    assert desk.api.get("/work-orders/1").json()["on_site_due_at"] == "2026-11-23T02:00:00.000Z"


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("desk", True),
        ("operator", True),
        ("administrator", True),
        ("technician", True),
        ("other", False),
        ("auditor", False),
        ("viewer", False),
    ],
)
def test_only_who_needs_it_sees_name_and_number(desk: Desk, who: str, *, sees: bool) -> None:
    desk.take()
    desk.walk("dispatch", assignee="wang")
    shown = desk.api.get("/repair-requests/1", who).json()
    assert (shown["name"], shown["phone"]) == ((NAME, PHONE) if sees else (None, None))
    assert shown["text"] == (SAID if sees else SAID.replace(PHONE, "…"))
    assert desk.api.get("/repair-requests", who).json()["items"] == [shown]


def test_a_contractor_sees_the_request_of_its_own_order_only(desk: Desk) -> None:
    desk.take()
    desk.take(room="3-2-502")
    assert desk.api.get("/work-orders", "contractor").json()["items"] == []
    assert desk.api.get("/repair-requests/1", "contractor").status_code == 404
    desk.walk("dispatch", assignee="lift-co")
    assert [one["id"] for one in desk.api.get("/work-orders", "contractor").json()["items"]] == [1]
    assert desk.api.get("/work-orders/2", "contractor").status_code == 404
    (shown,) = desk.api.get("/repair-requests", "contractor").json()["items"]
    assert shown["phone"] == PHONE
    assert desk.walk("accept", who="contractor").json()["state"] == "accepted"


def test_name_and_number_are_nowhere_else(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.take(headers={"Idempotency_Key": "one"}, text="dripping")
    desk.walk("accept", who="technician")
    shown = {
        path: desk.api.get(path, who).text
        for path, who in (
            ("/work-orders", "operator"),
            ("/work-orders/1", "operator"),
            ("/events", "administrator"),
            ("/audit", "administrator"),
            ("/sites/garden/rooms/3-2-501/orders", "desk"),
            ("/messages", "auditor"),
            ("/messages/1", "auditor"),
        )
    }
    for path, text in shown.items():
        assert NAME not in text, path
        assert PHONE not in text, path
    assert "estate.example" not in shown["/messages/1"]
    assert "estate.example" in desk.api.get("/messages/1", "operator").text
    tables = desk.api.records.read(
        lambda session: {
            table.name: [tuple(row) for row in session.execute(select(table))]
            for table in Event.metadata.sorted_tables
        }
    )
    having = {name for name, rows in tables.items() if PHONE in str(rows) or NAME in str(rows)}
    assert having == {"repair_requests", "messages"}
    assert PHONE not in caplog.text


def test_the_resident_hears_of_what_becomes_of_it(desk: Desk) -> None:
    desk.take(language="en")
    desk.walk("accept", who="technician")
    desk.api.post("/work-orders/1/appointments", {"at": "2026-11-23T02:00:00Z"}, "desk")
    desk.walk("arrive")
    desk.walk("wait", reason="parts")
    desk.walk("resume", "complete")
    sent = [one for one in messages(desk) if one.receiver == "request/1"]
    assert [one.kind.partition(".")[2] for one in sent] == [
        "received",
        "accepted",
        "appointment",
        "waiting",
        "completed",
    ]
    assert {(one.channel, one.address, one.language) for one in sent} == {("sms", PHONE, "en")}
    (code,) = {one.payload["link"].rpartition("/")[2] for one in sent}
    assert desk.api.client.get(f"/r/s/{code}").status_code == 200


def test_who_cannot_be_written_to_is_not(desk: Desk) -> None:
    desk.take(phone="021-62345678")
    desk.set(channel=None)
    desk.take(room="3-2-502")
    assert [one for one in messages(desk) if one.receiver.startswith("request/")] == []


def test_the_one_who_gets_it_hears_of_it_without_name_and_number(desk: Desk) -> None:
    body = {"name": "Li", "role": "lead", "channels": [{"channel": "sms"}], "phone": "13800138000"}
    answer = desk.api.client.put(
        "/api/v1/persons/li", json=body, headers=desk.api.bearer("administrator")
    )
    assert answer.status_code == 200, answer.text
    desk.take()
    (told,) = [one for one in messages(desk) if one.kind == "request.taken"]
    assert told.address == "13800138000"
    assert told.payload["incident"]["equipment_name_zh"] == "3-2-501"
    assert NAME not in json.dumps(told.payload, ensure_ascii=False)


def test_a_room_is_found_by_typing_and_what_is_known_of_it_is_shown(desk: Desk) -> None:
    def found(text: str) -> list[str]:
        items = desk.api.get("/sites/garden/rooms", "desk", search=text).json()["items"]
        return [one["key"] for one in items]

    assert found("50") == ["3-2-501", "3-2-502"]
    assert found("岗") == ["4-1-101"]
    assert found("x") == []
    assert desk.api.get("/sites/garden/rooms/3-2-501/orders", "desk").json()["items"] == []
    desk.take()
    (known,) = desk.api.get("/sites/garden/rooms/3-2-501/orders", "desk").json()["items"]
    assert known["cause"] == "tap"


@pytest.mark.parametrize(
    ("more", "status", "word"),
    [
        ({"fault": "dragon"}, 422, "water_leak"),
        ({"room": "9-9"}, 404, "no room"),
        ({"site": "harbour"}, 404, "no site"),
        ({"phone": "12345"}, 201, ""),
        ({"phone": "1391234"}, 422, "11 digits"),
        ({"name": "  "}, 422, "whom to ask"),
        ({"agreed": True}, 422, "which time"),
    ],
)
def test_what_is_wrong_is_said(desk: Desk, more: dict[str, Any], status: int, word: str) -> None:
    answer = desk.take(**more)
    assert answer.status_code == status
    assert word in answer.text


def test_a_room_with_requests_is_not_deleted(desk: Desk) -> None:
    desk.take()
    refused = desk.api.delete("/sites/garden/rooms/3-2-501", "administrator")
    assert refused.status_code == 409, refused.text


@pytest.mark.long
@settings(max_examples=15, deadline=None)
@given(
    posts=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["3-2-501", "3-2-502"])),
        min_size=1,
        max_size=6,
    )
)
def test_a_key_posted_twice_makes_one_request(desk: Desk, posts: list[tuple[str, str]]) -> None:
    """Whatever is repeated in whatever order; a key with another body is refused."""
    before, first = desk.count(RepairRequest), {}
    run = f"{before}/{desk.count(Event)}"
    for key, room in posts:
        answer = desk.take(room=room, headers={"Idempotency_Key": f"{run}/{key}"})
        if first.setdefault(key, (room, answer.json()))[0] == room:
            assert answer.status_code == 201, answer.text
            assert answer.json() == first[key][1]
        else:
            assert answer.status_code == 422, answer.text
    assert desk.count(RepairRequest) - before == len(first)
    assert {one.room_id for one in desk.orders()} <= {1, 2}
    assert desk.count(WorkOrder) <= 2


def test_a_scoped_desk_serves_its_estate_only(desk: Desk) -> None:
    assert desk.api.clock.ms == NOW
    for who, status in (("viewer", 403), ("technician", 403), ("auditor", 403)):
        assert desk.take(who).status_code == status
