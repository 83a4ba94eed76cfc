"""The lead's board by keyboard, and the repair sheet on paper."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import House, Opener
from tests.browser.looks import settled
from tests.browser.phone import order_of, sent


def test_an_order_is_given_to_somebody_by_keyboard(opened: Opener, house: House) -> None:
    order = order_of(house, "1-401")
    page = opened("/app/orders?view=board")
    card = page.locator(f"[data-card='{order['id']}']")
    columns = page.locator(".column")
    expect(columns.nth(1)).to_be_visible()
    name = columns.nth(1).get_attribute("aria-label")
    card.focus()
    card.press(" ")
    expect(page.get_by_role("status").filter(has_text="is taken")).to_have_count(1)
    card.press("ArrowRight")
    card.press("Enter")
    expect(columns.nth(1).locator(f"[data-card='{order['id']}']")).to_be_visible()
    sent(page)
    after = house.http.get(f"/work-orders/{order['id']}").json()
    assert after["state"] == "dispatched"
    person = house.http.get(f"/persons/{after['assignee']}").json()
    assert person["name"] == name


def test_an_order_is_dragged_to_somebody(opened: Opener, house: House) -> None:
    order = order_of(house, "1-402")
    page = opened("/app/orders?view=board")
    card = page.locator(f"[data-card='{order['id']}']")
    target = page.get_by_role("region", name="Wang Wei")
    expect(target).to_be_visible()
    expect(card).to_be_visible()
    settled(page)  # a card that comes moves the others under the mouse
    card.drag_to(target)
    expect(target.locator(f"[data-card='{order['id']}']")).to_be_visible()
    sent(page)
    after = house.http.get(f"/work-orders/{order['id']}").json()
    assert (after["state"], after["assignee"]) == ("dispatched", "wang")


def test_the_repair_sheet_is_one_page_of_paper(opened: Opener, house: House) -> None:
    order = order_of(house, "1-403")
    line = {
        "kind": "part",
        "name": "Cartridge",
        "quantity": 2,
        "unit": "pcs",
        "unit_price_fen": 4500,
    }
    house.http.post(f"/work-orders/{order['id']}/lines", json=line).raise_for_status()
    house.http.post(f"/work-orders/{order['id']}/accept").raise_for_status()
    page = opened(f"/app/orders/{order['id']}", language="zh")
    page.get_by_role("link", name="维修单").click()
    sheet = page.get_by_role("article")
    expect(sheet).to_contain_text("工程维修单")
    expect(sheet).to_contain_text("Cartridge")
    expect(sheet).to_contain_text("¥90.00")
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="打印")).to_be_hidden()
    expect(page.locator(".menu")).to_be_hidden()
    paper = page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
    (size,) = set(re.findall(rb"/MediaBox\s*\[([^\]]+)\]", paper))
    assert [round(float(one)) for one in size.split()] in ([0, 0, 595, 842], [0, 0, 596, 842])
