"""Where nothing answers: orders open, actions wait on the phone, and the server has each once."""

import base64

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import House, Opener
from tests.browser.phone import (
    PASSWORD,
    PHONE,
    do,
    kept,
    order_of,
    ready,
    sent,
    somebody,
    until_kept,
    waiting,
)

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
STORES = ("owner", "orders", "lists", "actions", "chains")


def test_an_order_is_worked_on_without_a_connection(opened: Opener, house: House) -> None:
    order = order_of(house, "1-301")
    path = f"/app/orders/{order['id']}?view=mine"
    page = opened(path, size=PHONE)
    detail = page.get_by_role("complementary")
    do(page, "Accept")
    expect(detail).to_contain_text("accepted")
    ready(page)
    page.context.set_offline(True)
    do(page, "Arrive on site")
    detail.locator("input[type=file]").set_input_files(
        {"name": "pump.png", "mimeType": "image/png", "buffer": PIXEL}
    )
    waiting(page, 2)
    page.reload()  # the application and the order are on the phone
    waiting(page, 2)
    expect(detail).to_contain_text("on site")
    do(page, "Start")
    detail.get_by_role("button", name="Part", exact=True).click()
    detail.get_by_label("Name", exact=True).fill("Shaft seal")
    detail.get_by_label("Unit", exact=True).fill("pcs")
    detail.get_by_role("button", name="Save").click()
    waiting(page, 4)
    before = house.http.get(f"/work-orders/{order['id']}").json()
    assert before["state"] == "accepted"
    page.context.set_offline(False)
    sent(page)
    after = house.http.get(f"/work-orders/{order['id']}").json()
    assert [one["to_state"] for one in after["events"] if one["kind"] == "step"] == [
        "accepted",
        "on_site",
        "in_progress",
    ]
    assert [one["name"] for one in after["files"]] == ["pump.png"]
    assert [one["name"] for one in after["lines"]] == ["Shaft seal"]
    assert after["version"] == before["version"] + 4
    image = detail.get_by_role("img", name="pump.png", exact=True)
    expect(image).to_be_visible()
    page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())


@pytest.mark.parametrize("choice", ["Do it all the same", "Give mine up"])
def test_an_order_that_was_changed_meanwhile_asks_whose_side_holds(
    opened: Opener, house: House, choice: str
) -> None:
    order = order_of(house, "1-302" if choice.startswith("Do") else "1-303")
    page = opened(f"/app/orders/{order['id']}", size=PHONE)
    detail = page.get_by_role("complementary")
    expect(detail.get_by_role("button", name="Accept", exact=True)).to_be_visible()
    ready(page)
    page.context.set_offline(True)
    do(page, "Accept")
    changed = house.http.post(f"/work-orders/{order['id']}/comments", json={"comment": "wait!"})
    assert changed.is_success, changed.text
    page.context.set_offline(False)
    conflict = detail.get_by_role("alert")
    expect(conflict).to_contain_text("changed meanwhile")
    expect(conflict).to_contain_text("wait!")
    expect(conflict).to_contain_text("Accept")
    assert house.http.get(f"/work-orders/{order['id']}").json()["state"] == "open"
    conflict.get_by_role("button", name=choice).click()
    if choice == "Give mine up":
        page.get_by_role("dialog").get_by_role("button", name=choice).click()
    expect(detail.get_by_role("alert")).to_have_count(0)
    sent(page)
    state = house.http.get(f"/work-orders/{order['id']}").json()["state"]
    assert state == ("accepted" if choice == "Do it all the same" else "open")


def test_nothing_is_left_for_whoever_logs_in_next(opened: Opener, house: House) -> None:
    order = order_of(house, "1-304")
    with somebody(house, "qi"):
        page = opened(f"/app/orders/{order['id']}?view=mine", size=PHONE, user=("qi", PASSWORD))
        until_kept(page, "orders", order["id"])
        for name in ("mine", "walk", "parts"):
            until_kept(page, "lists", name)
        page.route("**/api/v1/work-orders/*/accept", lambda route: route.abort())
        do(page, "Accept")
        waiting(page, 1)
        assert all(kept(page, name) for name in STORES)
        page.get_by_label("Account").click()
        page.get_by_role("button", name="Log out").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("1 action waits to be sent. Logging out deletes it.")
        dialog.get_by_role("button", name="Delete and log out").click()
        expect(page.get_by_label("User name")).to_be_visible()
        assert {name: kept(page, name) for name in STORES} == {name: [] for name in STORES}
    assert house.http.get(f"/work-orders/{order['id']}").json()["state"] == "open"


def test_an_own_order_opens_without_a_connection_though_nobody_looked_at_it(
    opened: Opener, house: House
) -> None:
    order = order_of(house, "1-306")
    with somebody(house, "wu"):
        answer = house.http.post(
            f"/work-orders/{order['id']}/files",
            params={"kind": "photo", "name": "leak"},
            content=PIXEL,
            headers={"Content-Type": "image/png"},
        )
        assert answer.is_success, answer.text
        given = house.http.post(f"/work-orders/{order['id']}/dispatch", json={"assignee": "wu"})
        assert given.is_success, given.text
        page = opened("/app/orders?view=mine", size=PHONE, user=("wu", PASSWORD))
        until_kept(page, "orders", order["id"])
        ready(page)
        page.context.set_offline(True)
        page.reload()
        page.get_by_role("link", name=order["title_en"]).click()
        detail = page.get_by_role("complementary")
        expect(detail).to_contain_text("dispatched")
        expect(detail).to_contain_text("the server does not answer")
        image = detail.get_by_role("img", name="leak", exact=True)
        page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
        expect(detail.get_by_role("button", name="Accept", exact=True)).to_be_visible()


def test_what_the_server_fails_at_each_time_is_set_aside_and_the_rest_goes_on(
    opened: Opener, house: House
) -> None:
    broken, well = order_of(house, "1-307"), order_of(house, "1-308")
    page = opened(f"/app/orders/{broken['id']}", size=PHONE)
    page.route(
        f"**/api/v1/work-orders/{broken['id']}/accept",
        lambda route: route.fulfill(status=500, json={"detail": "a bug"}),
    )
    do(page, "Accept")
    waiting(page, 1)
    page.goto(f"{house.url}/app/orders/{well['id']}")
    do(page, "Accept")
    expect(page.get_by_role("complementary")).to_contain_text("accepted")
    waiting(page, 1)
    assert house.http.get(f"/work-orders/{well['id']}").json()["state"] == "accepted"
    strip = page.get_by_role("status").filter(has_text="1 action waits")
    for _ in range(6):  # each look at the page is a reason to try again
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.evaluate("navigator.locks.request('plantroom-queue', () => {})")
    expect(strip).to_contain_text("1 needs you")
    strip.click()
    waits = page.get_by_role("list", name="What waits")
    expect(waits).to_contain_text("The server failed at it each time: a bug")
    page.unroute(f"**/api/v1/work-orders/{broken['id']}/accept")
    waits.get_by_role("button", name="Send again").click()
    sent(page)
    assert house.http.get(f"/work-orders/{broken['id']}").json()["state"] == "accepted"
