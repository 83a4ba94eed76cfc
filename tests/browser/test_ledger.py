"""Beside the values: ledger, documents, interlocks, how a gateway does, a server that is away."""

import re
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import House, Opener
from tests.browser.phone import ready
from tests.browser.test_rooms import two_factors


def unit(house: House, device: str) -> dict[str, Any]:
    key = f"riverside/gw-1/{device}"
    found: dict[str, Any] = house.http.get("/equipment", params={"key": key}).json()["items"][0]
    return found


def test_the_ledger_is_written_and_the_plant_stands_by_building(
    opened: Opener, house: House
) -> None:
    room = {"building": "7", "floor": "B1", "name": "Pump room"}
    house.http.put("/sites/riverside/rooms/7-B1", json=room).raise_for_status()
    page = opened(f"/app/equipment/{unit(house, 'pump-3')['id']}")
    ledger = page.get_by_role("region", name="Ledger")
    expect(ledger).to_contain_text("Nobody has written place, maker or warranty yet.")
    ledger.get_by_role("button", name="Write in the ledger").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Place").select_option(label="7 · B1 · Pump room · 7-B1")
    dialog.get_by_label("Maker", exact=True).fill("Wilo")
    dialog.get_by_label("Warranty until").fill("2020-06-30")
    dialog.get_by_role("button", name="Save").click()
    expect(ledger).to_contain_text("7 · B1 · Pump room")
    expect(ledger).to_contain_text("until 2020-06-30 over")
    tree = page.get_by_role("navigation", name="Plant")
    expect(tree.get_by_text("Building 7 · Heating")).to_be_visible()

    file = {"name": "manual.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 manual"}
    ledger.locator("input[type=file]").set_input_files(file)
    link = ledger.get_by_role("link", name="manual.pdf")
    expect(link).to_be_visible()
    held = page.context.request.get(house.url + (link.get_attribute("href") or ""))
    assert held.body() == b"%PDF-1.4 manual"
    ledger.get_by_role("button", name="Remove manual.pdf").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete document").click()
    expect(ledger).to_contain_text("No document yet")


def test_the_interlock_is_told_before_a_command_is_asked(opened: Opener, house: House) -> None:
    lift = unit(house, "lift-a")["id"]
    points = house.http.get(f"/equipment/{lift}").json()["points"]
    switch = next(one for one in points if one["name"] == "power_switch")
    assert "not trapped" in switch["interlock"]
    with two_factors(opened, house, "interlock-reader") as page:
        page.goto(f"{house.url}/app/equipment/{lift}")
        row = page.get_by_role("row").filter(has_text=switch["name_en"])
        row.get_by_role("button", name="Write").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"Interlock: {switch['interlock']}.")
        expect(dialog).to_contain_text(re.compile("It holds now|It does not hold now"))


def test_a_gateway_says_how_it_does(opened: Opener) -> None:
    page = opened("/app/gateways")
    gateway = page.get_by_role("region", name="riverside/gw-1")
    expect(gateway).to_contain_text(re.compile(r"Version\s*plantroom \d"))
    expect(gateway).to_contain_text(re.compile(r"\d+ messages"))
    port = gateway.get_by_role("row").filter(has_text="plant-room")
    # Told each minute.
    expect(port).to_contain_text(re.compile(r"[1-9][\d.]*\s?%|0\.\d+\s?%"))


def test_what_was_never_loaded_says_at_once_that_nobody_answers(
    opened: Opener, house: House
) -> None:
    page = opened("/app/alarms")
    status = page.get_by_role("banner").get_by_role("status")
    expect(status).to_contain_text("live")
    # The worker has the files of every screen.
    ready(page)
    house.pause()
    try:
        expect(status).to_contain_text("offline since")
        page.get_by_role("navigation", name="Menu").get_by_role("link", name="Audit").click()
        expect(page.get_by_role("main")).to_contain_text("The server did not answer")
    finally:
        house.resume()
    expect(page.get_by_role("main").get_by_role("table")).to_be_visible()
