"""The duty room's desk: log in, see what is wrong, acknowledge, shelve, follow what was done."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import House, Opener

PUMP = "Circulation pump 2"


def test_somebody_logs_in_and_sees_what_is_wrong(opened: Opener, house: House) -> None:
    page = opened(logged_in=False)
    page.get_by_label("User name").fill(house.user)
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("name or password is wrong")
    page.get_by_label("Password").fill(house.password)
    page.get_by_role("button", name="Log in").click()
    incidents = page.get_by_role("region", name="Open incidents")
    expect(incidents).to_contain_text(PUMP)
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"live \d\d:\d\d:\d\d"))
    expect(page.get_by_role("region", name="On duty now")).to_contain_text("Wang Wei")
    expect(page.get_by_role("region", name="Key figures")).to_contain_text(re.compile(r"\d.Hz"))


def test_an_alarm_is_shelved_by_keyboard_with_a_reason(opened: Opener, house: House) -> None:
    page = opened("/app/alarms?q=stands+still")
    row = page.get_by_role("row").filter(has_text="stands still")
    expect(row).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("comes back by itself")
    page.get_by_label("Reason").fill("sensor is being changed")
    dialog.get_by_role("button", name="30 minutes").click()
    dialog.get_by_role("button", name="Shelve").click()
    expect(dialog).to_be_hidden()
    expect(row).to_contain_text("shelved")
    found = house.http.get("/alarms", params={"state": "shelved"}).json()["items"]
    assert [one["shelved_reason"] for one in found] == ["sensor is being changed"]
    row.click()
    page.get_by_role("button", name="Unshelve").click()
    expect(page.get_by_role("button", name="Unshelve")).to_have_count(0)


def test_the_detail_shows_chart_escalation_and_history(opened: Opener) -> None:
    page = opened("/app/alarms?q=pump+fault")
    page.get_by_role("link", name="Circulation pump fault").click()
    detail = page.get_by_role("complementary")
    expect(detail).to_contain_text(re.compile(rf"Circulation pump fault at {PUMP} (since|from) "))
    expect(detail.get_by_role("img", name="Readings around the onset")).to_be_visible()
    expect(detail.locator("canvas").first).to_be_visible()
    expect(detail).to_contain_text("Wang Wei")
    expect(detail).to_contain_text("engineer-phone")
    expect(detail.get_by_role("link", name="heating_pump.fault")).to_be_visible()
    # The estate's clock is eight hours ahead of UTC, the browser's five behind.
    stamp = detail.locator("time").last.get_attribute("datetime") or ""
    hour = (int(stamp[11:13]) + 8) % 24
    expect(detail.locator("time").last).to_contain_text(f"{hour:02}:")
    page.keyboard.press("Escape")
    expect(detail).to_have_count(0)
    assert "q=pump" in page.url


def test_an_incident_is_acknowledged_on_one_page_and_seen_on_another(
    opened: Opener, house: House
) -> None:
    page, other = opened(), opened("/app/alarms")
    row = page.get_by_role("listitem").filter(has_text=PUMP).filter(has_text="alarm")
    row.get_by_role("button", name="Acknowledge").click()
    page.get_by_role("dialog").get_by_label("Comment").fill("on my way")
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("alert").first).to_contain_text(f"Acknowledged: {PUMP}")
    expect(row.get_by_role("button", name="Acknowledge")).to_have_count(0)
    waiting = (
        other.get_by_role("row")
        .filter(has_text=PUMP)
        .filter(has=other.get_by_role("button", name="Acknowledge"))
    )
    expect(waiting).to_have_count(0)
    incidents = house.http.get("/incidents", params={"state": "all"}).json()["items"]
    assert any(one["acknowledged_by"] == house.user for one in incidents)


def test_the_palette_finds_equipment_and_pages(opened: Opener) -> None:
    page = opened()
    expect(page.get_by_role("navigation", name="Menu")).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("lift a")
    expect(page.get_by_role("option").first).to_contain_text("Lift A")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Lift A", level=1)).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("no such thing")
    expect(page.get_by_role("dialog")).to_contain_text("Nothing is called that")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_language_and_theme_are_switched_and_kept(opened: Opener) -> None:
    page = opened()
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="总览")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.get_by_role("button", name="深色主题").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.get_by_role("heading", name="总览")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_session_that_ends_leads_back_to_where_one_was(opened: Opener, house: House) -> None:
    page = opened("/app/orders?state=all")
    expect(page.get_by_role("heading", name="Work orders")).to_be_visible()
    page.context.clear_cookies()
    page.get_by_label("State").select_option("closed")
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_label("User name").fill(house.user)
    page.get_by_label("Password").fill(house.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Work orders")).to_be_visible()
    assert page.url.endswith("/app/orders?state=closed")


def test_a_silent_server_is_told_with_its_time_and_comes_back(opened: Opener, house: House) -> None:
    page = opened()
    status = page.get_by_role("status").first
    expect(status).to_contain_text("live")
    house.pause()
    try:
        # A connection that is open and silent is no proof of anything.
        expect(status).to_contain_text(re.compile(r"offline since \d\d:\d\d:\d\d"))
    finally:
        house.resume()
    expect(status).to_contain_text("live")
