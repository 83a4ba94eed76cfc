"""Sessions that end, other people and other tabs where actions wait on the phone."""

from playwright.sync_api import expect

from tests.browser.conftest import House, Opener
from tests.browser.looks import serious, settled
from tests.browser.phone import (
    PASSWORD,
    PHONE,
    do,
    kept,
    log_in,
    order,
    order_of,
    posted,
    ready,
    sent,
    somebody,
    steps_of,
    until_kept,
    waiting,
)

ENDED = "Your session has ended"


def test_what_waits_outlives_its_session_and_goes_once_after_the_login(
    opened: Opener, house: House
) -> None:
    number = order_of(house, "1-501")["id"]
    with somebody(house, "sun-qi") as user:
        page = opened(f"/app/orders/{number}", size=PHONE, user=("sun-qi", PASSWORD))
        until_kept(page, "orders", number)
        ready(page)
        page.context.set_offline(True)
        do(page, "Accept")
        do(page, "Arrive on site")
        waiting(page, 2)
        house.http.delete(f"/users/{user}/sessions").raise_for_status()
        page.context.set_offline(False)
        expect(page.get_by_text(ENDED)).to_be_visible()
        assert len(kept(page, "actions")) == 2
        page.reload()  # who it was and what waits is nobody's to see without a login
        expect(page.get_by_label("User name")).to_be_visible()
        expect(page.get_by_text("wait")).to_have_count(0)
        assert len(kept(page, "actions")) == 2
        assert order(house, number)["state"] == "open"
        keys = posted(page)
        log_in(page, "sun-qi")
        expect(page.get_by_role("complementary")).to_contain_text("on site")
        sent(page)
        assert steps_of(house, number) == [("accepted", "sun-qi"), ("on_site", "sun-qi")]
        assert len(keys) == len(set(keys)) == 2


def test_a_password_for_one_login_is_replaced_before_anything_else(
    opened: Opener, house: House, axe: str
) -> None:
    with somebody(house, "he-san") as user:
        reset = house.http.post(f"/users/{user}/reset-password").raise_for_status().json()
        page = opened(logged_in=False)
        log_in(page, "he-san", reset["password"])
        expect(page.get_by_role("heading", name="Change password")).to_be_visible()
        settled(page)
        assert serious(page, axe) == []
        page.get_by_label("Password of today").fill(reset["password"])
        page.get_by_label("New password").fill("a short one")
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_role("alert")).to_contain_text("15 to 256 characters")
        page.get_by_label("New password").fill(f"{PASSWORD} anew")
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_two_tabs_send_each_action_once(opened: Opener, house: House) -> None:
    number = order_of(house, "1-502")["id"]
    page = opened(f"/app/orders/{number}", size=PHONE)
    until_kept(page, "orders", number)
    ready(page)
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_role("complementary")).to_contain_text("open")
    keys = posted(page)
    page.context.set_offline(True)
    do(page, "Accept")
    waiting(other, 1)
    do(other, "Arrive on site")
    waiting(page, 2)
    keys.clear()  # what was tried without a connection
    page.context.set_offline(False)
    sent(page)
    sent(other)
    assert [state for state, _ in steps_of(house, number)] == ["accepted", "on_site"]
    assert len(keys) == len(set(keys)) == 2
    for tab in (page, other):
        expect(tab.get_by_role("complementary")).to_contain_text("on site")


def test_somebody_else_on_the_same_phone_neither_sees_nor_sends_what_waits(
    opened: Opener, house: House, axe: str
) -> None:
    waits = order_of(house, "1-503")
    number = waits["id"]
    with somebody(house, "lin-first") as first, somebody(house, "ma-second"):
        page = opened(f"/app/orders/{number}", size=PHONE, user=("lin-first", PASSWORD))
        until_kept(page, "orders", number)
        ready(page)
        page.context.set_offline(True)
        do(page, "Accept")
        waiting(page, 1)
        house.http.delete(f"/users/{first}/sessions").raise_for_status()
        page.context.set_offline(False)
        expect(page.get_by_text(ENDED)).to_be_visible()
        keys = posted(page)
        log_in(page, "ma-second")
        told = page.get_by_role("heading", name="Something of lin-first waits here")
        expect(told).to_be_visible()
        page.reload()
        expect(told).to_be_visible()
        assert serious(page, axe) == []
        expect(page.get_by_role("main")).to_contain_text("1 action of lin-first has not been sent")
        expect(page.get_by_text(waits["title_en"])).to_have_count(0)
        page.get_by_role("button", name="Log out, so that lin-first can send").click()
        log_in(page, "lin-first")
        expect(page.get_by_role("complementary")).to_contain_text("accepted")
        sent(page)
        assert steps_of(house, number) == [("accepted", "lin-first")]
        assert len(keys) == 1


def test_a_cookie_that_became_somebody_elses_sends_nothing_of_the_first_one(
    opened: Opener, house: House
) -> None:
    number = order_of(house, "1-504")["id"]
    with somebody(house, "he-first"), somebody(house, "lu-second"):
        page = opened(f"/app/orders/{number}", size=PHONE, user=("he-first", PASSWORD))
        until_kept(page, "orders", number)
        session = f"{house.url}/api/v1/session"
        first = page.context.request.get(session).json()
        login = {"name": "lu-second", "password": PASSWORD}
        assert page.context.request.post(session, data=login).ok
        # Between asking who is in and sending: what was asked says that it is still the first.
        page.route(session, lambda route: route.fulfill(json=first))
        keys = posted(page)
        do(page, "Accept")
        expect(page.get_by_text(ENDED)).to_be_visible()
        assert len(keys) == 1
        assert len(kept(page, "actions")) == 1
        page.unroute(session)
        page.reload()
        told = page.get_by_role("heading", name="Something of he-first waits here")
        expect(told).to_be_visible()
        assert steps_of(house, number) == []


def test_whoever_logs_out_is_told_what_waits_and_may_stay(opened: Opener, house: House) -> None:
    number = order_of(house, "1-505")["id"]
    page = opened(f"/app/orders/{number}", size=PHONE)
    page.route("**/api/v1/work-orders/*/accept", lambda route: route.abort())
    do(page, "Accept")
    waiting(page, 1)
    page.get_by_label("Account").click()
    page.get_by_role("button", name="Log out").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 action waits to be sent. Logging out deletes it.")
    dialog.get_by_role("button", name="Back").click()
    expect(dialog).to_have_count(0)
    waiting(page, 1)
    page.unroute("**/api/v1/work-orders/*/accept")
    sent(page)
    assert order(house, number)["state"] == "accepted"
