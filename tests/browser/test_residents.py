"""From the code in the stairwell to the return call: the resident's telephone, and the desk."""

from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import House, Opener
from tests.browser.looks import serious
from tests.browser.phone import PHONE

NUMBER = "13912345678"


@pytest.fixture(scope="module")
def place(house: House) -> str:
    """Path of the page of a building with two rooms."""
    site = house.http.get("/sites").json()["items"][0]["key"]
    for room in ("9-1-101", "9-1-102"):
        answer = house.http.put(f"/sites/{site}/rooms/{room}", json={"building": "9-1"})
        assert answer.is_success, answer.text
    made = house.http.post("/request-places", json={"site": site, "building": "9-1"})
    assert made.is_success, made.text
    return made.json()["path"]


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_a_resident_asks_and_is_called_back(
    opened: Opener, house: House, place: str, axe: str
) -> None:
    page = opened(place, size=PHONE, logged_in=False)
    expect(page.get_by_role("heading", name="Ask for a repair")).to_be_visible()
    assert serious(page, axe) == []
    assert fits(page)
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("heading", name="居民报修")).to_be_visible()
    page.get_by_role("link", name="English").click()
    page.get_by_label("Room").fill("9-1-999")
    page.get_by_label("What is wrong").select_option(label="Tap or toilet")
    page.get_by_label("More about it").fill("It drips day and night.")
    page.get_by_label("Your name").fill("Zhang San")
    page.get_by_label("Your telephone").fill(NUMBER)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("no such room")
    expect(page.get_by_label("More about it")).to_have_value("It drips day and night.")
    assert serious(page, axe) == []
    page.get_by_label("Room").fill("9-1-101")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("heading", name="Your repair")).to_be_visible()
    assert serious(page, axe) == []
    assert fits(page)
    assert NUMBER not in page.content()
    made = BytesIO()
    Image.new("RGB", (64, 48), "red").save(made, "JPEG")
    page.get_by_label("Add a photo").set_input_files(
        {"name": "tap.jpg", "mimeType": "image/jpeg", "buffer": made.getvalue()}
    )
    page.get_by_role("button", name="Send the photo").click()
    expect(page.get_by_text("Photos that we have: 1")).to_be_visible()

    (request,) = [
        one
        for one in house.http.get("/repair-requests").json()["items"]
        if one["room"] == "9-1-101"
    ]
    order = request["work_order_id"]
    for verb in ("accept", "start", "complete", "verify"):
        answer = house.http.post(f"/work-orders/{order}/{verb}", json={})
        assert answer.is_success, answer.text
    page.reload()
    expect(page.locator("[aria-current=step]")).to_contain_text("we will call you")

    desk = opened("/app/desk")
    desk.get_by_role("button", name="Return calls due").click()
    call = desk.get_by_role("listitem").filter(has_text=f"#{order} ")
    expect(call).to_contain_text(NUMBER)
    call.get_by_role("button", name="very satisfied").click()
    desk.get_by_role("dialog").get_by_label("What the resident said").fill("thank you")
    desk.get_by_role("dialog").get_by_role("button", name="Write it down").click()
    expect(call).to_have_count(0)
    assert house.http.get(f"/work-orders/{order}").json()["state"] == "closed"
    page.reload()
    expect(page.locator("[aria-current=step]")).to_contain_text("Closed")


def test_the_desk_takes_a_request_by_keyboard_and_sees_what_is_known(
    opened: Opener, house: House, place: str, axe: str
) -> None:
    assert place
    page = opened("/app/desk")
    room = page.get_by_label("Room", exact=True)
    for text in ("dripping", "still dripping"):
        room.fill("9-1-10")
        chosen = page.get_by_role("button", name="9-1-102")
        chosen.focus()
        page.keyboard.press("Enter")
        page.get_by_label("What is wrong").select_option(label="Socket, switch or light · medium")
        page.get_by_label("Name", exact=True).fill("Li Si")
        page.get_by_label("Telephone").fill(NUMBER)
        page.get_by_label("In their words").fill(text)
        if text == "still dripping":
            expect(page.get_by_role("status").filter(has_text="Known: order")).to_be_visible()
            expect(page.get_by_role("region", name="Known of this room")).to_contain_text("Socket")
        page.get_by_label("Telephone").press("Enter")
        expect(room).to_have_value("")
    requests = house.http.get("/repair-requests").json()["items"]
    mine = [one for one in requests if one["room"] == "9-1-102"]
    assert len(mine) == 2
    assert len({one["work_order_id"] for one in mine}) == 1
    page.get_by_role("button", name="Codes to scan").click()
    code = page.get_by_role("img", name="Code to scan for").first
    expect(code).to_be_visible()
    expect(code).to_have_js_property("complete", value=True)
    assert code.evaluate("element => element.naturalWidth") > 0
    expect(page.locator(".el-message")).to_have_count(0)  # what was said last has faded
    assert serious(page, axe) == []
