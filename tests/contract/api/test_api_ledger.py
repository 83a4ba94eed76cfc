"""Rooms, particulars, contractors and Excel; who gets an order, and orders that change hands."""

from datetime import datetime
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from httpx2 import Response
from sqlalchemy.orm import Session

from server.access.roles import Role
from server.access.tokens import create_token
from server.access.users import Rights, create_user
from tests.contract.api.conftest import HASH, NOW, Api
from tests.contract.api.test_api_chain import PUMP, Tripped

BUILDER = {"name": "第一建筑", "role": "contractor"}


@pytest.fixture
def pump(api: Api) -> Tripped:
    tripped = Tripped(api)
    for key, body in (
        ("builder", BUILDER),
        ("wang", {"name": "Wang", "role": "engineer"}),
        ("sun", {"name": "Sun", "role": "engineer"}),
    ):
        put(api, f"/persons/{key}", body)
    return tripped


def put(api: Api, path: str, body: object, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api.client.put(
        f"/api/v1{path}", json=body, headers=api.bearer("administrator") | named
    )
    assert answer.status_code in {200, 412, 422}, answer.text
    return answer


def workbook(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made = BytesIO()
    book.save(made)
    return made.getvalue()


def send(api: Api, content: bytes, **query: str) -> Response:
    return api.client.post(
        "/api/v1/ledger/import",
        params={"site": "garden", **query},
        content=content,
        headers=api.bearer("administrator"),
    )


def particulars(api: Api) -> Any:
    return api.get("/equipment/1/particulars").json()


def test_particulars_are_written_piece_by_piece_for_the_version_that_was_read(
    api: Api, pump: Tripped
) -> None:
    assert particulars(api)["version"] == 0
    put(api, "/sites/garden/rooms/B1-3", {"building": "B", "floor": "-1", "name": "Pump room"})
    number = pump.asset.id
    first = put(api, f"/equipment/{number}/particulars", {"maker": "Grundfos", "room": "B1-3"})
    assert first.json()["room"]["name"] == "Pump room"
    put(api, f"/equipment/{number}/particulars", {"model": "NB 50"}, If_Match='"1"')
    shown = particulars(api)
    assert (shown["maker"], shown["model"], shown["version"]) == ("Grundfos", "NB 50", 2)
    stale = put(api, f"/equipment/{number}/particulars", {"model": "x"}, If_Match='"1"')
    assert stale.status_code == 412
    wrong = put(api, f"/equipment/{number}/particulars", {"builder": "wang"})
    assert wrong.json()["errors"][0]["allowed"] == ["builder"]
    never = put(api, f"/equipment/{number}/particulars", {"warranty_until": "2027-02-31"})
    assert (never.status_code, never.json()["errors"][0]["field"]) == (422, "body.warranty_until")
    path = "/api/v1/sites/garden/rooms/B1-3"
    answer = api.client.delete(path, headers=api.bearer("administrator"))
    assert (answer.status_code, PUMP in answer.json()["detail"]) == (409, True)


def test_in_warranty_the_builder_gets_the_order(api: Api, pump: Tripped) -> None:
    put(api, "/equipment/1/particulars", {"builder": "builder", "warranty_until": "2026-11-22"})
    pump.fault(value=True)
    order = api.get("/work-orders/1").json()
    assert (order["state"], order["assignee"]) == ("dispatched", "builder")
    assert order["assignee_kind"] == "contractor"
    assert order["events"][-1]["reason"] == "warranty"


def test_under_contract_the_contractor_gets_the_order_sees_it_and_works_on_it(
    api: Api, pump: Tripped
) -> None:
    put(api, "/persons/keeper", {"name": "Pump Ltd", "role": "contractor"})
    days = {"contract_from": "2026-11-22", "contract_until": "2026-11-22"}
    put(api, "/equipment/1/particulars", {"contractor": "keeper"} | days)
    login(api, "keeper", "contractor")
    login(api, "builder", "contractor")
    pump.fault(value=True)
    order = api.get("/work-orders/1", "keeper").json()
    assert (order["state"], order["assignee"]) == ("dispatched", "keeper")
    assert order["events"][-1]["reason"] == "contract"
    assert api.get("/work-orders/1", "builder").status_code == 404
    for verb in ("accept", "arrive", "start", "complete"):
        done = api.post(f"/work-orders/1/{verb}", {}, "keeper")
        assert done.status_code == 200, done.text
    refused = api.post("/work-orders/1/verify", {}, "keeper")
    assert (refused.status_code, "own engineer" in refused.json()["detail"]) == (403, True)
    assert api.post("/work-orders/1/verify", {}).status_code == 200


def login(api: Api, person: str, role: str) -> None:
    """Give a person of the records a login of its own, and a token."""

    def make(session: Session) -> str:
        rights = Rights(Role(role), person=person)
        named = {"name": f"{person}-login", "password_hash": HASH, "rights": rights}
        user = create_user(session, **named, at=NOW, by="test")
        token, secret = create_token(session, user_id=user.id, name="t", at=NOW, by="test")
        token.last_used_at = NOW
        return secret

    api.tokens[person] = api.records.write(make)


def test_an_assurance_period_raises_the_class(api: Api, pump: Tripped) -> None:
    period = {"name": "高考", "first": "2026-11-22", "last": "2026-11-23"}
    put(api, "/assurance-periods/exam", period)
    pump.fault(value=True)
    assert api.get("/alarms").json()["items"][0]["severity"] == "high"
    assert api.get("/incidents").json()["items"][0]["severity"] == "urgent"
    order = api.get("/work-orders/1").json()
    assert (order["severity"], order["on_site_due_at"]) == ("urgent", "2026-11-22T10:30:01.000Z")


def test_an_assignee_is_somebody_of_the_records(api: Api, pump: Tripped) -> None:
    pump.fault(value=True)
    refused = api.post("/work-orders/1/dispatch", {"assignee": "the tall one"})
    assert (refused.status_code, "GET /persons" in refused.json()["detail"]) == (422, True)
    named = api.post("/work-orders/1/dispatch", {"assignee": "Wang"}).json()
    assert (named["assignee"], named["assignee_kind"]) == ("wang", "person")
    own = api.post("/work-orders/1/dispatch", {"assignee": "operator"}).json()
    assert (own["assignee"], own["assignee_kind"]) == ("operator", "user")


def test_all_orders_of_one_go_to_another_when_the_shift_changes(api: Api, pump: Tripped) -> None:
    pump.fault(value=True)
    api.post("/work-orders/1/dispatch", {"assignee": "wang"})
    api.post("/work-orders/1/accept")
    load = api.get("/work-orders/load").json()["items"]
    assert load == [{"assignee": "wang", "kind": "person", "waiting": 1, "begun": 0, "urgent": 0}]
    body = {"from_assignee": "wang", "to_assignee": "sun", "note": "night"}
    assert api.post("/work-orders/reassign", body).json() == {"work_order_ids": [1]}
    order = api.get("/work-orders/1").json()
    assert (order["state"], order["assignee"]) == ("dispatched", "sun")
    assert order["events"][-1]["note"] == "night"
    assert api.post("/work-orders/reassign", body).json() == {"work_order_ids": []}
    for change, field in (
        ({"from_assignee": "sun"}, "body.to_assignee"),
        ({"to_assignee": "nobody"}, "body.to_assignee"),
        ({"from_assignee": "nobody"}, "body.from_assignee"),
    ):
        refused = api.post("/work-orders/reassign", body | change)
        assert refused.status_code == 422
        assert [one["field"] for one in refused.json()["errors"]] == [field]


def test_the_ledger_comes_from_excel_in_either_language(api: Api, pump: Tripped) -> None:
    assert pump.asset.id
    content = workbook(
        房间=[["房间编号", "楼栋", "楼层", "名称"], ["B1-3", "B", -1, "泵房"]],
        equipment=[
            ["key", "room", "厂家", "warranty until", "建设单位", "维保单位", "维保时间"],
            [PUMP, "B1-3", "Grundfos", 20270630, "第一建筑", "builder", "工作日 8:30-17:30"],
        ],
    )
    tried = send(api, content, dry_run="true").json()
    assert tried == {"contractors": 0, "rooms": 1, "equipment": 1, "written": False}
    assert particulars(api)["version"] == 0
    assert send(api, content).json()["written"] is True
    shown = particulars(api)
    assert (shown["builder"], shown["warranty_until"]) == ("builder", "2027-06-30")
    assert (shown["room"]["floor"], shown["room"]["name"]) == ("-1", "泵房")
    (hours,) = shown["contract_hours"]["shifts"]
    assert (hours["days"], hours["start"], hours["end"]) == (["workday"], "08:30", "17:30")


def test_each_mistake_is_named_by_row_and_column_and_nothing_is_written(
    api: Api, pump: Tripped
) -> None:
    assert pump.asset.id
    content = workbook(
        rooms=[["key", "colour"], ["R1", "red"], ["R1", ""]],
        equipment=[
            ["key", "room", "warranty until", "contractor", "contract hours"],
            [PUMP, "R9", "soon", "nobody", "at times"],
            ["garden/gw1/other", None, None, None, None],
        ],
    )
    answer = send(api, content)
    assert answer.status_code == 422
    errors = {one["field"]: one["message"] for one in answer.json()["errors"]}
    assert "no such column" in errors["rooms, row 1, column B (colour)"]
    assert "there twice" in errors["rooms, row 3, column A (key)"]
    assert "expected a date" in errors["equipment, row 2, column C (warranty until)"]
    assert "no room 'R9'" in errors["equipment, row 2, column B (room)"]
    assert "no contractor" in errors["equipment, row 2, column D (contractor)"]
    assert "expected hours" in errors["equipment, row 2, column E (contract hours)"]
    assert "no equipment" in errors["equipment, row 3, column A (key)"]
    assert api.get("/sites/garden/rooms").json()["items"] == []
    assert particulars(api)["version"] == 0


def test_a_room_says_until_when_it_is_in_warranty(api: Api, pump: Tripped) -> None:
    assert pump.asset.id
    path = "/sites/garden/rooms/3-2-501"
    agreed = {"building": "2030-01-31"}
    put(api, path, {"building": "3-2", "moved_in": "2026-01-31", "builder": "builder"})
    shown = put(api, path, {"warranty": agreed}).json()
    assert (shown["building"], shown["builder"], shown["warranty"]) == ("3-2", "builder", agreed)
    assert shown["warranty_until"]["plumbing"] == "2028-01-31"
    assert shown["warranty_until"]["building"] == "2030-01-31"
    (listed,) = api.get("/sites/garden/rooms").json()["items"]
    assert listed == shown
    for body, field in (
        ({"builder": "wang"}, "body.builder"),
        ({"moved_in": "2026-02-30"}, "body.moved_in"),
        ({"warranty": {"building": "2025-01-01"}}, "body.warranty.building"),
        ({"warranty": {"garden": "2030-01-01"}}, "body.warranty.garden"),
    ):
        refused = put(api, path, body)
        assert (refused.status_code, refused.json()["errors"][0]["field"][:13]) == (422, field[:13])
    assert api.get("/sites/garden/rooms").json()["items"] == [shown]
    ended = put(api, path, {"moved_in": None, "warranty": None, "builder": None}).json()
    assert (ended["warranty_until"], ended["warranty"], ended["moved_in"]) == ({}, {}, None)


def test_warranties_of_rooms_come_from_excel(api: Api, pump: Tripped) -> None:
    assert pump.asset.id
    put(api, "/sites/garden/rooms/R2", {"building": "2", "warranty": {"fire": "2031-05-01"}})
    rows = [
        ["房间编号", "入住日期", "建设单位", "土建保修期至", "plumbing warranty until"],
        ["R1", datetime(2026, 3, 1), "第一建筑", None, None],  # noqa: DTZ001 (as Excel has it)
        ["R2", None, "builder", 20300131, "2028-01-31"],
    ]
    assert send(api, workbook(rooms=rows)).json() == {
        "contractors": 0,
        "rooms": 2,
        "equipment": 0,
        "written": True,
    }
    second, first = api.get("/sites/garden/rooms").json()["items"]
    assert (first["moved_in"], first["builder"]) == ("2026-03-01", "builder")
    assert first["warranty_until"]["heating"] == "2028-03-01"
    assert second["building"] == "2"
    assert second["warranty"] == {
        "building": "2030-01-31",
        "fire": "2031-05-01",
        "plumbing": "2028-01-31",
    }
    wrong = [
        ["key", "moved in", "builder", "heating warranty until"],
        ["R1", "soon", "nobody", "2027-01-01"],
        ["R3", "2027-01-02", None, "2027-01-01"],
    ]
    equipment = [["key", "room"], [PUMP, "R3"]]
    answer = send(api, workbook(rooms=wrong, equipment=equipment))
    errors = {one["field"]: one["message"] for one in answer.json()["errors"]}
    assert list(errors) == [
        "rooms, row 2, column B (moved in)",
        "rooms, row 2, column C (builder)",
        "rooms, row 3, column D (heating warranty until)",
    ]
    assert "before somebody moved in (2027-01-02)" in errors[list(errors)[2]]
    assert api.get("/sites/garden/rooms").json()["items"] == [second, first]


def test_contractors_come_from_the_workbook_that_names_them(api: Api, pump: Tripped) -> None:
    assert pump.asset.id
    content = workbook(
        单位=[
            ["单位编号", "单位名称", "专业", "电话"],
            ["lift-co", "迅达维保", "电梯、弱电", 13800138000],
            ["builder", None, "土建", None],
        ],
        equipment=[["key", "contractor"], [PUMP, "迅达维保"]],
    )
    assert send(api, content).json()["contractors"] == 2
    made = api.get("/persons/lift-co", "administrator").json()
    assert (made["role"], made["trades"], made["phone"]) == (
        "contractor",
        ["lift", "low_voltage"],
        "13800138000",
    )
    assert api.get("/persons/builder", "administrator").json()["name"] == "第一建筑"
    assert particulars(api)["contractor"] == "lift-co"


def test_what_is_wrong_with_contractors_is_named_and_nothing_is_written(
    api: Api, pump: Tripped
) -> None:
    assert pump.asset.id
    rows = [
        ["key", "name", "trades", "phone"],
        ["wang", "Wang", None, None],
        ["new", None, None, None],
        ["a b", "A", "gardens", None],
        ["c", "C", "fire", "call me"],
    ]
    answer = send(api, workbook(contractors=rows))
    errors = {one["field"]: one["message"] for one in answer.json()["errors"]}
    assert "is a person of the house: engineer" in errors["contractors, row 2, column A (key)"]
    assert errors["contractors, row 3, column B (name)"] == "empty"
    assert "no trade 'gardens'" in errors["contractors, row 4, column C (trades)"]
    assert "contractors, row 5, column D (phone)" in errors
    assert api.get("/persons/c", "administrator").status_code == 404


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"key;room\n1;2\n"])
def test_what_is_no_workbook_is_refused(api: Api, pump: Tripped, content: bytes) -> None:
    assert pump.asset.id
    answer = send(api, content)
    assert (answer.status_code, ".xlsx" in answer.json()["detail"]) == (422, True)
    assert send(api, workbook(Tabelle=[["key"]])).status_code == 422


def test_a_workbook_with_a_torn_sheet_is_refused(api: Api, pump: Tripped) -> None:
    assert pump.asset.id
    torn = BytesIO()
    with (
        ZipFile(BytesIO(workbook(rooms=[["key"], ["R1"]]))) as whole,
        ZipFile(torn, "w") as made,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            made.writestr(name, content[:-9] if "sheets/" in name else content)
    answer = send(api, torn.getvalue())
    assert (answer.status_code, ".xlsx" in answer.json()["detail"]) == (422, True)


def test_rows_beyond_the_most_are_told(
    api: Api, pump: Tripped, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pump.asset.id
    monkeypatch.setattr("server.assets.workbook._MOST_ROWS", 2)
    assert send(api, workbook(rooms=[["key"], ["R1"], ["R2"]])).json()["rooms"] == 2
    answer = send(api, workbook(rooms=[["key"], ["R1"], ["R2"], ["R3"]]))
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["field"], "at most 2 rows" in error["message"]) == (
        "rooms, row 4, column -",
        True,
    )
