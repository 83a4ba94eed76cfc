"""Set-up and management: plans, figures, users, escalation, roster, rules, audit."""

import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from pyotp.totp import TOTP
from zxingcpp import read_barcodes

from tests.browser.conftest import House, Opener

PASSWORD = "a lamp over the wet stair"
"""A step asks when what it depends on is known, which alone may take GRACE_MS, ten seconds."""


@contextmanager
def two_factors(opened: Opener, house: House, name: str) -> Generator[Page]:
    """Yield a page of a new operator who has logged in with a second factor."""
    made = house.http.post("/users", json={"name": name, "role": "operator", "password": PASSWORD})
    assert made.status_code == 201, made.text
    page = opened(logged_in=False)
    asked, origin = page.context.request, {"Origin": house.url}
    login = {"name": name, "password": PASSWORD}
    assert asked.post(f"{house.url}/api/v1/session", data=login).ok
    factor = f"{house.url}/api/v1/session/second-factor"
    secret = asked.post(factor, headers=origin).json()["secret"]
    code = {"code": TOTP(secret).now()}
    assert asked.post(f"{factor}/confirm", data=code, headers=origin).ok
    page.reload()
    try:
        yield page
    finally:
        house.http.post(f"/users/{made.json()['id']}/disable")


def ended(house: House, run: int) -> dict[str, Any]:
    """Return a run when it is over."""
    found: dict[str, Any] = {}
    for _ in range(600):
        found = house.http.get(f"/plan-runs/{run}").json()
        if found["ended_at"]:
            return found
        time.sleep(0.1)
    pytest.fail(f"run {run} does not end: {found}")


def counted(house: House, figure: str) -> int:
    """Return what a figure of this month's alarms counts now."""
    report = house.http.get("/reports/alarms").json()
    return next(one["counted"] for one in report["figures"] if one["figure"] == figure)


def step_of(page: Page, words: str) -> Locator:
    return page.get_by_role("list", name="Steps").get_by_role("listitem").filter(has_text=words)


def say_yes(page: Page, button: str) -> None:
    asked = page.get_by_role("complementary").get_by_role("button", name=button)
    expect(asked).to_be_visible()
    asked.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=button).click()
    expect(dialog).to_be_hidden()


def await_values(house: House, run: int, name: str, *points: str) -> None:
    """Wait until what a run's step depends on is known: after GRACE_MS it would be left out."""
    key = house.http.get(f"/plan-runs/{run}").json()["chosen"][name]
    (unit,) = house.http.get("/equipment", params={"key": key}).json()["items"]
    live: dict[str, str | None] = {}
    for _ in range(600):
        found = house.http.get(f"/equipment/{unit['id']}").json()["points"]
        live = {one["name"]: (one["live"] or {}).get("quality") for one in found}
        if all(live[point] == "good" for point in points):
            return
        time.sleep(0.1)
    pytest.fail(f"{key} has no good {' and '.join(points)}: {live}")


def test_the_riser_burst_is_run_by_two_people(opened: Opener, house: House) -> None:
    with two_factors(opened, house, "zhang") as page, two_factors(opened, house, "qian") as other:
        page.goto(f"{house.url}/app/plans?plan=riser-burst")
        start = page.get_by_role("complementary", name="Run plan")
        start.get_by_label("Valve of the riser").select_option(index=1)
        start.get_by_label("Lift beside the riser").select_option(index=1)
        start.get_by_label("Floor above the water").fill("5")
        start.get_by_label("Reason").fill("water on floor 3")
        start.get_by_role("button", name="Run plan").click()
        expect(page.get_by_role("complementary", name="Riser burst")).to_be_visible()
        run = int(page.url.split("/plans/")[1].split("?")[0])

        say_yes(page, "Carry it out")
        expect(step_of(page, "Close the valve")).to_contain_text("done")
        await_values(house, run, "lift", "fault", "trapped")
        say_yes(page, "It is done")
        say_yes(page, "Carry it out")
        expect(step_of(page, "Send the lift")).to_contain_text("done")
        say_yes(page, "Carry it out")
        awaits_other = page.get_by_text("zhang has confirmed. Somebody else confirms now.")
        expect(awaits_other).to_be_visible()
        other.goto(f"{house.url}/app/plans/{run}")
        say_yes(other, "Confirm as second person")
        expect(step_of(page, "Cut the power")).to_contain_text("done")

        skip = step_of(page, "Repair the riser").get_by_role("button", name="Skip")
        expect(skip).to_be_visible()
        skip.click()
        page.get_by_role("dialog").get_by_label("Reason").fill("was a story")
        page.get_by_role("dialog").get_by_role("button", name="Skip").click()
        expect(step_of(page, "Repair the riser")).to_contain_text("skipped")
        page.get_by_role("button", name="Abort").click()
        page.get_by_role("dialog").get_by_label("Reason").fill("end of the story")
        page.get_by_role("dialog").get_by_role("button", name="Abort").click()
        log = page.get_by_role("complementary")
        expect(log).to_contain_text("confirmed by the second person")
        assert ended(house, run)["state"] == "aborted"
        with page.expect_popup() as paper:
            page.get_by_role("link", name="Print").last.click()
        expect(paper.value.get_by_role("heading", level=1)).to_contain_text("Riser burst")


def test_a_drill_is_marked_and_commands_nothing(opened: Opener, house: House) -> None:
    before = house.http.get("/commands").json()["items"]
    with two_factors(opened, house, "sun") as page:
        page.goto(f"{house.url}/app/plans")
        page.get_by_role("button", name="Drill: Riser burst").click()
        start = page.get_by_role("complementary", name="Run plan")
        start.get_by_label("Valve of the riser").select_option(index=1)
        start.get_by_label("Lift beside the riser").select_option(index=1)
        start.get_by_label("Reason").fill("monthly drill")
        start.get_by_role("button", name="Hold drill").click()
        run = page.get_by_role("complementary", name="DRILL: Riser burst")
        expect(run).to_be_visible()
        # The key does what the button does, once the step waits for it.
        expect(run.get_by_role("button", name="Carry it out")).to_be_visible()
        page.keyboard.press("c")
        page.get_by_role("dialog").get_by_role("button", name="Carry it out").click()
        closed = step_of(page, "Close the valve")
        expect(closed).to_contain_text("nothing was commanded")
        number = int(page.url.split("/plans/")[1].split("?")[0])
        house.http.post(f"/plan-runs/{number}/abort", json={"reason": "end"}).raise_for_status()
        expect(run).to_contain_text("aborted")
    assert house.http.get("/commands").json()["items"] == before


def test_who_has_no_second_factor_is_told_where_to_get_one(opened: Opener) -> None:
    page = opened("/app/plans", theme="dark")
    expect(page.get_by_text("logs in with a second factor")).to_be_visible()
    expect(page.get_by_role("button", name="Run plan: Riser burst")).to_have_count(0)
    page.get_by_role("link", name="My account").first.click()
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("button", name="Confirm with a code")).to_be_visible()
    code = page.get_by_role("img", name="Code to scan with the authenticator app")
    expect(code).to_have_js_property("complete", value=True)
    secret = page.locator("code").first.inner_text()
    # As a telephone reads it from the screen.
    (read,) = read_barcodes(Image.open(BytesIO(code.screenshot())).convert("L"))
    assert read.text.startswith("otpauth://totp/Plantroom:")
    assert f"secret={secret}&" in read.text


def test_the_audit_is_filtered_verified_and_exported(opened: Opener) -> None:
    page = opened("/app/audit")
    page.get_by_role("searchbox", name="In request or change").fill("/session")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"q=(%2F|/)session"))
    rows = page.get_by_role("row").filter(has_text="POST /session")
    rows.first.click()
    detail = page.get_by_role("complementary")
    expect(detail).to_contain_text("login.succeeded")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text(re.compile(r"All \d+ rows fit"))).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Export CSV").click()
    lines = saved.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("id,at,by")
    assert all("/session" in line for line in lines[1:])


def test_each_figure_leads_to_what_it_counts(opened: Opener, house: House) -> None:
    before = counted(house, "announced")
    page = opened("/app/figures")
    expect(page).to_have_url(re.compile(r"month=\d{4}-\d\d"))
    announced = page.get_by_role("link", name=re.compile("^Alarms announced, Counted"))
    # It grows while the demo runs: it is at least what was counted before, at most what is after.
    assert 0 < before <= int(announced.inner_text()) <= counted(house, "announced")
    announced.click()
    detail = page.get_by_role("complementary", name="Alarms announced")
    detail.get_by_role("row").nth(1).wait_for()
    page.wait_for_function(
        """() => {
          const number = document.querySelector('a[aria-label^="Alarms announced"]').innerText;
          const rows = document.querySelectorAll("aside tbody tr").length;
          return rows === Math.min(100, Number(number));
        }"""
    )
    detail.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/app/alarms/\d+"))
    page.go_back()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Excel").click()
    assert saved.value.suggested_filename.endswith(".xlsx")


def test_figures_on_paper_have_definitions_and_no_menu(opened: Opener) -> None:
    page = opened("/app/figures", language="zh", theme="dark")
    expect(page.get_by_role("cell", name="维修及时率", exact=True)).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation")).to_have_count(0)
    expect(page.get_by_text("本月首次完工的居民报修中已回访的比例")).to_be_visible()
    ink, paper = page.evaluate(
        "[getComputedStyle(document.querySelector('td b')).color, "
        "getComputedStyle(document.querySelector('.panel')).backgroundColor]"
    )
    assert ink == "rgb(0, 0, 0)"
    assert paper in {"rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"}
    assert page.evaluate("document.fonts.check('14px sans-serif', '维修及时率')")
    assert page.pdf(format="A4").startswith(b"%PDF-")


def test_a_user_is_made_limited_and_shut_out(opened: Opener, house: House) -> None:
    page = opened("/app/users")
    page.get_by_role("button", name="New user").click()
    form = page.get_by_role("complementary", name="New user")
    form.get_by_label("Name").fill("lift-firm")
    form.get_by_label("Role").select_option("contractor")
    expect(form).to_contain_text("sees nothing until")
    picker = form.get_by_role("combobox", name="Classes of equipment: Add")
    picker.fill("Lift")
    picker.press("Enter")
    expect(form.get_by_role("group", name="Classes of equipment")).to_contain_text("Lift")
    form.get_by_role("button", name="Make user").click()
    once = page.get_by_role("status").filter(has_text="One-time password of lift-firm")
    expect(once).to_be_visible()  # two passwords are hashed
    password = once.locator("code").inner_text()
    made = house.http.get("/users", params={"limit": 500}).json()["items"]
    user = next(one for one in made if one["name"] == "lift-firm")
    assert (user["role"], user["classes"]) == ("contractor", ["elevator"])

    new = opened(logged_in=False)
    new.get_by_label("User name").fill("lift-firm")
    new.get_by_label("Password").fill(password)
    new.get_by_role("button", name="Log in").click()
    expect(new.get_by_text("This password was good once")).to_be_visible()

    page.get_by_role("button", name="Disable").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(page.get_by_role("button", name="Enable")).to_be_visible()


def test_a_policy_is_copied_changed_and_deleted(opened: Opener, house: House) -> None:
    page = opened("/app/policies")
    expect(page.get_by_role("region", name="Whom an incident would call now")).to_contain_text(
        "Wang Wei"
    )
    page.get_by_role("button", name="New policy").click()
    form = page.get_by_role("complementary", name="New policy")
    form.get_by_label("Key").fill("lifts")
    form.get_by_role("combobox", name="Trades: Add").fill("Lifts")
    form.get_by_role("button", name="Add a step").click()
    expect(form.get_by_role("alert")).to_contain_text("tells nobody")
    form.get_by_role("combobox", name="Who: Add").last.fill("leader")
    form.get_by_label(re.compile("^After, min")).last.fill("7")
    form.get_by_label("Save even if a step reaches nobody").check()
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row").filter(has_text="lifts")).to_contain_text("after 7 min")
    saved = house.http.get("/escalation-policies/lifts").json()
    assert [step["after_s"] for step in saved["steps"]] == [0, 420]
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("row").filter(has_text="lifts")).to_have_count(0)


def test_a_channel_is_tested(opened: Opener, house: House) -> None:
    page = opened("/app/policies")
    page.get_by_role("button", name="Test: engineer-phone").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("engineer-phone")
    dialog.get_by_role("button", name="Test").click()
    expect(dialog).to_be_hidden()
    tests = [one for one in house.http.get("/messages").json()["items"] if one["kind"] == "test"]
    assert [one["channel"] for one in tests] == ["engineer-phone"]


def test_a_duty_is_moved_and_the_gap_shows_while_it_is_held(opened: Opener, house: House) -> None:
    page = opened("/app/people")
    page.get_by_role("button", name="Move duties").click()
    page.get_by_role("button", name="Next week").click()
    board = page.get_by_role("group", name="Duties of the week")
    duty = board.get_by_role("button").nth(2)
    box = duty.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 2, y, steps=5)
    expect(page.get_by_role("status").filter(has_text="nobody")).to_be_visible()
    page.mouse.up()
    unwritten = page.get_by_text("Not written yet")
    expect(unwritten).to_be_visible()
    # It is kept from week to week, and nobody leaves it behind without being asked.
    page.get_by_role("button", name="Next week").click()
    expect(board).to_be_visible()
    expect(unwritten).to_be_visible()
    page.get_by_role("button", name="Week before").click()
    page.get_by_role("navigation", name="Menu").get_by_role("link", name="Overview").click()
    page.get_by_role("dialog").get_by_role("button", name="Back").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").filter(has_text="Nobody")).to_be_visible()
    assert house.http.get("/rosters/house/changes").json()["items"] == []
    page.get_by_role("button", name="Undo").click()

    # By keyboard to somebody else: no gap, and it is written.
    board.get_by_role("button").nth(2).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="nobody")).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("columnheader", name="Exceptions")).to_be_visible()
    changes = house.http.get("/rosters/house/changes").json()["items"]
    assert len(changes) == 1
    assert changes[0]["off"] != changes[0]["on"]
    for one in changes:
        house.http.delete(f"/rosters/house/changes/{one['id']}").raise_for_status()


def test_a_rule_is_changed_for_one_pump_and_taken_back(opened: Opener, house: House) -> None:
    pump = "riverside/gw-1/pump-1"
    page = opened(f"/app/rules/heating_pump.fault?equipment={pump}")
    detail = page.get_by_role("complementary")
    expect(detail.get_by_label("Where").first).to_have_value(f"equipment {pump}")
    detail.get_by_label("Mode").select_option("monitor")
    detail.get_by_label("On delay, s").fill("")
    expect(detail.get_by_role("button", name="Save rule")).to_be_disabled()
    detail.get_by_label("On delay, s").fill("7")
    detail.get_by_label("Days of history").fill("1")
    detail.get_by_role("button", name="Try on history").click()
    expect(detail.get_by_text(re.compile(r"\d+ alarms, "))).to_be_visible()
    expect(detail.locator("canvas").first).to_be_visible()
    detail.get_by_role("button", name="Save rule").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("sensor is new")
    page.get_by_role("dialog").get_by_role("button", name="Save rule").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(detail).to_contain_text("sensor is new")
    rule = house.http.get(f"/alarm-rules/heating_pump.fault?equipment={pump}").json()
    assert (rule["settings"]["mode"], rule["settings"]["on_delay_s"]) == ("monitor", 7)
    detail.get_by_role("button", name="Take back").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("end of the story")
    page.get_by_role("dialog").get_by_role("button", name="Take back").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    rule = house.http.get(f"/alarm-rules/heating_pump.fault?equipment={pump}").json()
    assert (rule["settings"]["mode"], rule["source"]) == ("announce", "class_file")


def test_who_may_not_sees_neither_screen_nor_button(opened: Opener, house: House) -> None:
    name = "looks-only"
    made = house.http.post("/users", json={"name": name, "role": "viewer", "password": PASSWORD})
    page = opened(logged_in=False)
    login = {"name": name, "password": PASSWORD}
    assert page.context.request.post(f"{house.url}/api/v1/session", data=login).ok
    page.reload()
    menu = page.get_by_role("navigation", name="Menu")
    expect(menu.get_by_role("link", name="Plans")).to_be_visible()
    for word in ("Users", "Audit"):
        expect(menu.get_by_role("link", name=word)).to_have_count(0)
    page.goto(f"{house.url}/app/policies")
    expect(page.get_by_role("heading", name="Policies")).to_be_visible()
    expect(page.get_by_role("button", name="New policy")).to_have_count(0)
    expect(page.get_by_role("status").first).to_contain_text("live")
    house.http.post(f"/users/{made.json()['id']}/disable").raise_for_status()
