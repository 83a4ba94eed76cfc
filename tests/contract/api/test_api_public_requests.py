"""The residents' pages: a code leads to a form, a form to one request, a status tells nothing."""

import re
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from server.api import public_requests
from server.core.attachments import ATTACHMENTS
from server.core.audit import AuditEntry
from server.core.media import MAX_BYTES
from server.requests.model import RepairRequest
from server.workorders.model import WorkOrder, WorkOrderFile
from tests.contract.api.conftest import Api
from tests.contract.api.request_desk import NAME, PHONE, SAID, Desk
from tests.contract.api.test_api_order_records import photo


@pytest.fixture
def desk(api: Api) -> Desk:
    return Desk(api)


def test_a_resident_asks_over_the_page_and_sees_what_becomes_of_it(desk: Desk) -> None:
    path = desk.place()
    status = desk.asked(path)
    (row,) = desk.requests()
    assert (row.name, row.phone, row.text, row.taken_by) == (NAME, PHONE, SAID, None)
    (order,) = desk.orders()
    assert (order.room_id, order.cause) == (1, "tap")
    page = desk.api.client.get(status)
    assert page.status_code == 200
    assert "水龙头或马桶" in page.text
    assert '<li aria-current="step">已受理' in page.text
    desk.walk("accept")
    assert '<li aria-current="step">已接单' in desk.api.client.get(status).text
    desk.walk("start")
    desk.walk("wait", reason="parts")
    assert "正在等待配件" in desk.api.client.get(status).text
    desk.walk("resume", "complete")
    assert "已完成" in desk.api.client.get(status).text
    desk.walk("verify")
    desk.walk("call-back", satisfaction="satisfied")
    assert '<li aria-current="step">已回访' in desk.api.client.get(status).text


def test_a_status_tells_nothing_else(desk: Desk) -> None:
    path = desk.place()
    desk.asked(path, phone="13800138000", name="李四", text="first")
    second = desk.asked(path)
    page = desk.api.client.get(second).text
    for secret in (
        NAME,
        PHONE,
        "李四",
        "13800138000",
        "3-2-501",
        "first",
        "厨房",
        "garden",
        "云澜",
    ):
        assert secret not in page
    assert desk.count(WorkOrder) == 1


@pytest.mark.parametrize("code", ["x", "1", "%00", "A" * 64, "A" * 65, "a/photos"])
def test_no_code_leads_nowhere(desk: Desk, code: str) -> None:
    for path in (f"/r/{code}", f"/r/s/{code}"):
        answer = desk.api.client.get(path)
        assert answer.status_code in {404, 405, 422}, answer.text
        assert "token" not in answer.text


def test_the_pages_bind_the_browser(desk: Desk) -> None:
    path = desk.place()
    status = desk.asked(path)
    for one in (path, status, "/r/nothing"):
        page = desk.api.client.get(one)
        policy = page.headers["content-security-policy"]
        assert policy == (
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r"<script|style=|\son\w+=|https?://|//", page.text), page.text
        assert "set-cookie" not in page.headers
    style = desk.api.client.get("/plain.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text
    assert "@import" not in style.text


@pytest.mark.parametrize(
    ("lang", "told", "word"),
    [
        ("", "", "居民报修"),
        ("", "en-GB,en;q=0.9", "Ask for a repair"),
        ("", "zh-CN,en;q=0.5", "居民报修"),
        ("?lang=en", "zh-CN", "Ask for a repair"),
        ("?lang=zh", "en", "居民报修"),
    ],
)
def test_the_page_speaks_the_language_of_the_browser_or_the_chosen_one(
    desk: Desk, lang: str, told: str, word: str
) -> None:
    page = desk.api.client.get(desk.place() + lang, headers={"Accept-Language": told})
    assert f"<h1>{word}</h1>" in page.text


def test_what_somebody_writes_is_no_markup(desk: Desk) -> None:
    path = desk.place()
    bad = "\"><script>alert('x')</script>"
    page = desk.send(path, desk.form(path, name=bad, text=bad, phone=bad))
    assert page.status_code == 422
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"room": "9-9-999"}, "没有这个房号"),
        ({"room": "4-1-101"}, "没有这个房号"),
        ({"room": ""}, "没有这个房号"),
        ({"fault": "dragon"}, "选择故障"),
        ({"name": " "}, "填写称呼"),
        ({"name": "x" * 61}, "填写称呼"),
        ({"phone": "1391234567"}, "核对电话"),
        ({"wished": "2026-11-22T12:00"}, "将来的时间"),
        ({"wished": "tomorrow"}, "将来的时间"),
    ],
)
def test_what_is_wrong_is_said_and_what_is_right_is_kept(
    desk: Desk, more: dict[str, str], word: str
) -> None:
    path = desk.place()
    page = desk.send(path, desk.form(path, **more))
    assert page.status_code == 422
    assert word in page.text
    assert SAID in page.text
    assert desk.count(RepairRequest) == 0


def test_a_form_that_is_refused_writes_nothing(desk: Desk) -> None:
    path = desk.place()
    written = desk.count(AuditEntry)
    form = desk.form(path)
    assert desk.send(path, form | {"phone": "1"}).status_code == 422
    assert desk.send(path, form | {"token": "old"}).status_code == 422
    assert desk.send("/r/nowhere", form).status_code == 404
    assert desk.count(AuditEntry) == written
    assert desk.send(path, form).status_code == 303
    assert desk.send(path, form).status_code == 303
    assert desk.count(AuditEntry) == written + 1
    for n in range(5):
        desk.asked(path, fault="socket", phone=f"1380013800{n}")
    written = desk.count(AuditEntry)
    assert desk.send(path, desk.form(path, phone="13800138009")).status_code == 429
    assert desk.count(AuditEntry) == written


def test_a_wished_time_is_one_of_the_estate(desk: Desk) -> None:
    path = desk.place()
    desk.asked(path, wished="2026-11-23T09:30")
    (row,) = desk.requests()
    assert row.wished_at == 1_795_397_400_000  # 2026-11-23T01:30:00Z
    # A wish is no appointment: nobody has agreed to it.
    assert desk.orders()[0].on_site_due_at is None


def test_a_nul_is_no_letter_of_a_name(desk: Desk) -> None:
    status = desk.asked(desk.place(), name="Chen\0 Wei", text="\0drips")
    assert desk.api.client.get(status).status_code == 200
    [row] = desk.requests()
    assert (row.name, row.text) == ("Chen Wei", "drips")


def test_a_form_sent_twice_is_one_request(desk: Desk) -> None:
    path = desk.place()
    form = desk.form(path)
    first, second = desk.send(path, form), desk.send(path, form)
    assert first.headers["location"] == second.headers["location"]
    assert desk.count(RepairRequest) == 1


def test_a_form_is_good_for_half_an_hour_and_at_its_own_place(desk: Desk) -> None:
    path, other = desk.place(), desk.place(building="4-1")
    form = desk.form(path)
    desk.api.clock.ms += 1_800_001
    late = desk.send(path, form)
    assert late.status_code == 422
    assert "打开太久" in late.text
    assert NAME in late.text
    for token in ("", "1.x.y", desk.form(other)["token"], "0" + desk.form(path)["token"]):
        assert desk.send(path, form | {"token": token}).status_code == 422
    assert desk.count(RepairRequest) == 0
    assert desk.send(path, desk.form(path)).status_code == 303


def test_the_code_of_a_room_asks_for_no_room(desk: Desk) -> None:
    path = desk.place(room="3-2-502", building="")
    assert 'name="room"' not in desk.api.client.get(path).text
    desk.asked(path, room="3-2-501")
    assert desk.orders()[0].room_id == 2


def test_a_room_is_known_by_key_or_name_whatever_the_spaces(desk: Desk) -> None:
    path = desk.place(building="")
    desk.asked(path, room=" 3-2- 501")
    desk.asked(path, room="岗亭")
    assert [one.room_id for one in desk.orders()] == [1, 3]


@pytest.mark.long
def test_one_room_is_asked_for_so_often(desk: Desk) -> None:
    path = desk.place()
    phones = [f"1391234{n:04}" for n in range(7)]
    answers = [desk.send(path, desk.form(path, phone=one)) for one in phones]
    assert [one.status_code for one in answers] == [303] * 6 + [429]
    assert int(answers[-1].headers["retry-after"]) <= 3600
    assert desk.send(path, desk.form(path, room="3-2-502")).status_code == 303


def test_one_telephone_is_written_to_so_often(desk: Desk) -> None:
    path = desk.place()
    faults = ("tap", "socket", "walls", "lift")
    answers = [desk.send(path, desk.form(path, fault=one)) for one in faults]
    assert [one.status_code for one in answers] == [303, 303, 303, 429]


def test_one_address_asks_so_often_whatever_it_says(desk: Desk) -> None:
    path = desk.place()
    wrong = desk.form(path, room="x")
    statuses = [desk.send(path, wrong).status_code for _ in range(21)]
    assert statuses == [422] * 20 + [429]
    desk.api.clock.ms += 61_000
    assert desk.send(path, wrong).status_code == 422


def test_another_process_counts_the_same_requests(desk: Desk) -> None:
    """Whoever asks one process after the other, or after a restart, asks no more than once."""
    path = desk.place()
    statuses: list[int] = []
    for fault in ("tap", "socket", "walls", "lift"):
        desk.other_process()
        statuses.append(desk.send(path, desk.form(path, fault=fault)).status_code)
    assert statuses == [303, 303, 303, 429]


@pytest.mark.long
def test_another_process_counts_the_same_addresses(desk: Desk) -> None:
    path = desk.place()
    wrong, statuses = desk.form(path, room="x"), list[int]()
    for _ in range(21):
        desk.other_process()
        statuses.append(desk.send(path, wrong).status_code)
    assert statuses == [422] * 20 + [429]


def test_of_two_processes_that_look_at_once_one_takes_the_last_try(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.place()
    for fault in ("tap", "socket"):
        desk.asked(path, fault=fault)
    real = public_requests.wait_ms

    def look(*args: Any) -> int:
        """The other one takes it after this one has looked."""
        wait = real(*args)
        monkeypatch.setattr(public_requests, "wait_ms", real)
        desk.asked(path, fault="walls")
        return wait

    monkeypatch.setattr(public_requests, "wait_ms", look)
    assert desk.send(path, desk.form(path, fault="lift")).status_code == 429
    assert desk.count(RepairRequest) == 3


def test_a_code_that_was_ended_leads_nowhere(desk: Desk) -> None:
    path = desk.place()
    form = desk.form(path)
    assert desk.place() == path
    assert desk.api.delete("/request-places/1", "desk").status_code == 204
    assert desk.api.delete("/request-places/1", "desk").status_code == 409
    assert desk.api.client.get(path).status_code == 404
    assert desk.send(path, form).status_code == 404
    assert desk.api.get("/request-places", "desk").json()["items"] == []
    assert desk.place() != path


def test_a_server_may_do_without_the_page(desk: Desk) -> None:
    path = desk.place()
    status = desk.asked(path)
    desk.set(public_page=False)
    for one in (path, status):
        assert desk.api.client.get(one).status_code == 404


def send_photo(desk: Desk, status: str, content: bytes) -> Any:
    files = {"photo": ("IMG_1.jpg", content, "image/jpeg")}
    return desk.api.client.post(f"{status}/photos", files=files, follow_redirects=False)


def test_a_photo_follows_the_request(desk: Desk) -> None:
    status = desk.asked(desk.place()).partition("?")[0]
    sent = send_photo(desk, status, photo())
    assert sent.status_code == 303, sent.text
    assert sent.headers["location"] == f"../{status.rpartition('/')[2]}?lang=zh"
    assert "已收到照片: 1" in desk.api.client.get(status).text
    (shown,) = desk.api.get("/work-orders/1").json()["files"]
    assert (shown["kind"], shown["added_by"]) == ("photo", "request/1")
    content = desk.api.get(f"/work-orders/1/files/{shown['id']}").content
    with Image.open(BytesIO(content)) as image:
        assert image.size == (640, 480)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"MZ\x90 no image", 422),
        (b"%PDF-1.4 x", 422),
        (b"\0\0\0\0ftypmp42", 422),
        (b"<svg onload='x'/>", 422),
        (b"\xff\xd8" + bytes(MAX_BYTES + 4096), 413),
    ],
)
def test_what_is_no_photo_is_refused(desk: Desk, content: bytes, status: int) -> None:
    path = desk.asked(desk.place()).partition("?")[0]
    assert send_photo(desk, path, content).status_code == status
    assert desk.count(WorkOrderFile) == 0
    # Nothing of it fills the disk either.
    assert not list(desk.api.services.settings.data_dir.glob(f"{ATTACHMENTS}/*"))


@pytest.mark.long
def test_five_photos_are_taken_and_none_when_it_is_done(desk: Desk) -> None:
    status = desk.asked(desk.place()).partition("?")[0]
    colours = ("red", "green", "blue", "black", "white", "yellow")
    sent = [send_photo(desk, status, photo(one)).status_code for one in colours]
    assert sent == [303] * 5 + [422]
    assert 'type="file"' not in desk.api.client.get(status).text
    other = desk.asked(desk.place(), fault="socket", phone="13800138000").partition("?")[0]
    desk.walk("accept", "start", "complete", order=2)
    assert send_photo(desk, other, photo()).status_code == 422


def test_the_audit_does_not_lead_to_a_status(desk: Desk) -> None:
    status = desk.asked(desk.place()).partition("?")[0]
    send_photo(desk, status, photo())
    rows = desk.api.records.read(
        lambda session: list(session.scalars(select(AuditEntry.request).order_by(AuditEntry.id)))
    )
    assert rows[-1] == "POST /r/s/..."
    assert not any(status in one for one in rows)


@pytest.mark.parametrize(("kind", "begin"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_the_code_is_printed(desk: Desk, kind: str, begin: bytes) -> None:
    path = desk.place()
    answer = desk.api.get(f"/request-places/1/qr.{kind}", "desk")
    assert answer.content.startswith(begin)
    assert desk.api.get(f"/request-places/1/qr.{kind}", "viewer").status_code == 403
    assert desk.api.get(f"/request-places/2/qr.{kind}", "desk").status_code == 404
    desk.set(public_url=None)
    other = desk.api.get(f"/request-places/1/qr.{kind}", "desk")
    assert other.content != answer.content
    assert path.startswith("/r/")


def test_a_building_without_rooms_has_no_code(desk: Desk) -> None:
    body = {"site": "garden", "building": "9"}
    assert desk.api.post("/request-places", body, "desk").status_code == 422
