"""What takes two people: a rule of life safety, and the change of a shift."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from tests.browser.conftest import House, Opener
from tests.browser.test_offline import order_of
from tests.patience import PATIENCE_S

PASSWORD = "a lamp over the wet stair"
RULE = "elevator.trapped"
LIFT = "riverside/gw-1/lift-a"


@contextmanager
def colleague(opened: Opener, house: House, name: str, path: str) -> Generator[Page]:
    """Yield a page of somebody else of the company."""
    made = house.http.post("/users", json={"name": name, "role": "company", "password": PASSWORD})
    assert made.status_code == 201, made.text
    page = opened(logged_in=False)
    login = {"name": name, "password": PASSWORD}
    assert page.context.request.post(f"{house.url}/api/v1/session", data=login).ok
    page.goto(house.url + path)
    try:
        yield page
    finally:
        house.http.post(f"/users/{made.json()['id']}/disable").raise_for_status()


def say_why(page: Page, button: str, reason: str = "") -> None:
    """Press a button, give the reason that is asked for, and agree."""
    page.get_by_role("complementary").get_by_role("button", name=button).click()
    dialog = page.get_by_role("dialog")
    if reason:
        dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name=button).click()
    expect(dialog).to_be_hidden()


def enabled(house: House) -> bool:
    rule = house.http.get(f"/alarm-rules/{RULE}", params={"equipment": LIFT}).json()
    return rule["settings"]["enabled"]


def test_a_rule_of_life_safety_is_switched_off_by_two_people(opened: Opener, house: House) -> None:
    path = f"/app/rules/{RULE}?equipment={LIFT}"
    page = opened(path)
    detail = page.get_by_role("complementary")
    expect(detail).to_contain_text("what weakens it takes two persons")
    detail.get_by_label("Rule is applied").uncheck()
    # One person alone is refused, in words, and nothing has changed.
    detail.get_by_role("button", name="Save rule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("button is replaced")
    dialog.get_by_role("button", name="Save rule").click()
    expect(dialog).to_contain_text("two persons")
    dialog.get_by_role("button", name="Back").click()
    assert enabled(house)

    say_why(page, "Propose to a second person", "button is replaced")
    waits = page.get_by_role("region", name="Waits for a second person")
    expect(waits).to_contain_text("button is replaced")
    # Whoever proposed it cannot confirm it.
    expect(waits.get_by_role("button", name="Confirm as second person")).to_have_count(0)
    assert enabled(house)
    with colleague(opened, house, "zhao", path) as other:
        say_why(other, "Confirm as second person")
        expect(other.get_by_role("complementary")).to_contain_text("off")
        assert not enabled(house)
        expect(other.get_by_role("complementary")).to_contain_text("zhao")
        # The other way takes one.
        other.reload()
        other.get_by_role("complementary").get_by_label("Rule is applied").check()
        say_why(other, "Save rule", "button works again")
        assert enabled(house)


def test_a_proposal_is_withdrawn(opened: Opener, house: House) -> None:
    page = opened(f"/app/rules/{RULE}?equipment={LIFT}")
    page.get_by_role("complementary").get_by_label("Rule is applied").uncheck()
    say_why(page, "Propose to a second person", "a mistake")
    waits = page.get_by_role("region", name="Waits for a second person")
    expect(waits).to_contain_text("a mistake")
    say_why(page, "Withdraw")
    expect(waits).to_have_count(0)
    assert enabled(house)


@contextmanager
def a_change(house: House) -> Generator[None]:
    """Let the duty of Wang Wei end in an hour, and Li Min's begin."""
    start = datetime.now(UTC) + timedelta(hours=1)
    change = {"off": "wang", "on": "li", "start": start.isoformat()}
    body = {"changes": [change | {"end": (start + timedelta(hours=6)).isoformat()}]}
    made = house.http.post("/rosters/house/changes", json=body)
    assert made.is_success, made.text
    try:
        yield
    finally:
        for one in house.http.get("/rosters/house/changes").json()["items"]:
            house.http.delete(f"/rosters/house/changes/{one['id']}").raise_for_status()


def test_the_shift_that_ends_hands_its_orders_over(opened: Opener, house: House) -> None:
    order = order_of(house, "1-404")["id"]
    given = house.http.post(f"/work-orders/{order}/dispatch", json={"assignee": "wang"})
    assert given.is_success, given.text
    with a_change(house):
        page = opened("/app/orders")
        page.get_by_role("link", name="Shift change").click()
        expect(page.get_by_text("Ends", exact=True)).to_be_visible()
        mine = page.get_by_label(f"Order #{order} goes to")
        expect(mine).to_have_value("li")
        others = page.get_by_role("combobox", name="goes to")
        for index in range(others.count()):
            if others.nth(index).get_attribute("aria-label") != f"Order #{order} goes to":
                others.nth(index).select_option("")
        page.get_by_label("For the next shift: what to know").fill("key is at the desk")
        page.get_by_role("button", name="Hand 1 over").click()
        expect(page.get_by_role("button", name="Hand nothing over")).to_be_disabled()
        expect(page.get_by_text("is on duty still").first).to_be_visible()
        page.get_by_role("link", name=f"#{order}").click()
        detail = page.get_by_role("complementary")
        expect(detail).to_contain_text("handed over · admin · wang → li · shift change")
        expect(detail).to_contain_text("key is at the desk")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        kinds = [one["kind"] for one in house.http.get("/messages").json()["items"]]
        if "shift.handed_over" in kinds:
            break
        assert time.monotonic() < deadline, kinds


def test_the_change_of_a_shift_is_read_on_a_telephone_in_chinese(
    opened: Opener, house: House
) -> None:
    order = order_of(house, "1-405")["id"]
    page = opened("/app/hand-over", size=(360, 740), language="zh")
    expect(page.get_by_role("heading", name="交接班")).to_be_visible()
    expect(page.get_by_label(f"工单 #{order} 交给")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
