"""On a phone and at the plant: orders, equipment, trends, rules, people, gateways."""

import re
from datetime import datetime, timedelta
from io import BytesIO

from openpyxl import load_workbook
from playwright.sync_api import expect

from tests.browser.conftest import House, Opener
from tests.browser.phone import PHONE, order_of


def test_an_order_is_followed_on_a_phone(opened: Opener, house: House) -> None:
    # Of a resident: what the plant does changes nothing of it between two taps.
    order = order_of(house, "1-315")
    page = opened(f"/app/orders/{order['id']}", size=PHONE)
    detail = page.get_by_role("complementary")
    for verb, state in (
        ("Accept", "accepted"),
        ("Arrive on site", "on site"),
        ("Start", "in progress"),
    ):
        detail.get_by_role("button", name=verb, exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name=verb).click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(detail).to_contain_text(state)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE[0]


def test_an_order_that_somebody_else_changed_is_shown_as_it_is_now(
    opened: Opener, house: House
) -> None:
    page = opened("/app/orders")
    order = house.http.get("/work-orders", params={"state": "open"}).json()["items"][0]
    page.get_by_role("link", name=order["title_en"]).first.click()
    detail = page.get_by_role("complementary")
    detail.get_by_role("button", name="Cancel order").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("a drill")
    changed = house.http.post(f"/work-orders/{order['id']}/comments", json={"comment": "seen"})
    assert changed.is_success, changed.text
    page.get_by_role("dialog").get_by_role("button", name="Cancel order").click()
    conflict = detail.get_by_role("alert")
    expect(conflict).to_contain_text("changed meanwhile")
    expect(conflict).to_contain_text("a drill")
    expect(conflict).to_contain_text("seen")
    assert house.http.get(f"/work-orders/{order['id']}").json()["state"] != "cancelled"


def test_equipment_shows_live_points(opened: Opener) -> None:
    page = opened("/app/equipment?q=pump+1")
    page.get_by_role("link", name="Circulation pump 1").click()
    frequency = page.get_by_role("row").filter(has_text="Frequency").first
    expect(frequency).to_contain_text(re.compile(r"\d.Hz"))
    before = frequency.inner_text()
    expect(frequency).not_to_have_text(before)


def test_a_link_reproduces_a_trend(opened: Opener) -> None:
    page = opened("/app/trends")
    page.get_by_role("combobox", name="Add a point").fill("pump 1 frequency")
    page.get_by_role("option").first.click()
    expect(page.locator("canvas").first).to_be_visible()
    page.get_by_role("button", name="1 h", exact=True).click()
    page.get_by_role("button", name="Earlier").click()
    expect(page.get_by_role("row").filter(has_text="Frequency")).to_be_visible()
    again = opened(page.url.removeprefix(page.url.split("/app")[0]))
    for label in ("From", "To"):
        assert (
            again.get_by_label(label, exact=True).input_value()
            == page.get_by_label(label, exact=True).input_value()
        )


def test_a_trend_leaves_as_csv_and_as_excel(opened: Opener, house: House) -> None:
    end = datetime.fromisoformat(house.http.get("/coverage").json()["checked_at"])
    point = "riverside/gw-1/pump-1/frequency"
    start = (end - timedelta(minutes=30)).isoformat().replace("+00:00", "Z")
    until = end.isoformat().replace("+00:00", "Z")
    page = opened(f"/app/trends?point={point}&from={start}&to={until}")
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV").click()
    assert re.fullmatch(r"trends-[\d-]+\.csv", saved.value.suggested_filename)
    lines = saved.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("Time (Asia/Shanghai),")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Excel").click()
    (sheet,) = load_workbook(BytesIO(saved.value.path().read_bytes())).worksheets
    table = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert len(table) == len(lines) > 1
    assert {len(row) for row in table} == {3}
    assert isinstance(table[1][0], datetime)


def test_a_rule_is_tried_on_the_history(opened: Opener) -> None:
    page = opened("/app/rules?q=pump")
    page.get_by_role("link", name="Circulation pump fault").click()
    page.get_by_label("Days of history").fill("1")
    page.get_by_role("button", name="Try on history").click()
    expect(page.get_by_text(re.compile(r"[1-9]\d* alarms, "))).to_be_visible()


def test_hours_without_anybody_on_duty_stand_out(opened: Opener, house: House) -> None:
    roster = house.http.get("/rosters/house").json()
    keep = {key: roster[key] for key in ("name", "shifts", "trades", "sites", "time_zone")}
    night = [{**keep["shifts"][0], "start": "08:00", "end": "20:00"}]
    saved = house.http.put(
        "/rosters/house",
        json={**keep, "shifts": night, "accept_gaps": True},
        headers={"If-Match": f'"{roster["version"]}"'},
    )
    assert saved.status_code == 200, saved.text
    try:
        page = opened("/app/people")
        expect(page.get_by_title(re.compile("nobody 20:00.00:00")).first).to_be_visible()
        expect(page.get_by_role("region", name="Nobody on duty")).to_contain_text("Nobody")
    finally:
        house.http.put(
            "/rosters/house",
            json=keep,
            headers={"If-Match": f'"{saved.json()["version"]}"'},
        ).raise_for_status()


def test_the_gateway_shows_its_ports(opened: Opener) -> None:
    page = opened("/app/gateways")
    expect(page.get_by_role("region", name="riverside/gw-1")).to_contain_text("connected")
    expect(page.get_by_role("row").filter(has_text="plant-room")).to_be_visible()


def test_an_address_that_does_not_exist_says_so(opened: Opener) -> None:
    page = opened("/app/nowhere")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page = opened("/app/alarms/999999")
    expect(page.get_by_role("complementary")).to_contain_text("999999")
