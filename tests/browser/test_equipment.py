"""Schematics: values move in the picture, a symbol leads on, a site has one of its own."""

import copy
import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import House, Opener


def id_of(house: House, device: str) -> int:
    found = house.http.get("/equipment", params={"key": f"riverside/gw-1/{device}"})
    (unit,) = found.json()["items"]
    number: int = unit["id"]
    return number


def picture(page: Page, name: str, symbol: str | re.Pattern[str]) -> str:
    """Return what a symbol of a picture says."""
    drawn = page.get_by_role("region", name=name).get_by_role("link", name=symbol)
    return drawn.first.get_attribute("aria-label") or ""


def test_the_car_moves_in_its_shaft(opened: Opener, house: House) -> None:
    page = opened(f"/app/equipment/{id_of(house, 'lift-a')}")
    group = page.get_by_role("region", name="Lift group")
    lift = group.get_by_role("link", name="Lift A")
    expect(lift).to_have_accessible_name(re.compile(r"Floor \d+ · (Standing|Up|Down)"))
    floors: set[str] = set()
    doors: set[str] = set()
    places: set[str] = set()
    # The list of points below follows the same stream.
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Floor", exact=True))
    listed: set[str] = set()
    # It serves a call every 40 s: floor, car and door follow, and nothing is loaded anew.
    for _ in range(200):
        said = picture(page, "Lift group", re.compile("Lift A"))
        floors.update(re.findall(r"Floor (\d+)", said))
        doors.update(re.findall(r"Door (open|closed)", said))
        places.add(lift.locator(".car").get_attribute("style") or "")
        listed.add(row.locator(".number").first.text_content() or "")
        if len(floors) > 2 and len(listed) > 2 and doors == {"open", "closed"}:
            break
        page.wait_for_timeout(500)
    assert len(floors) > 2
    assert len(places) > 2
    assert len(listed) > 2
    assert doors == {"open", "closed"}


def test_the_station_leads_to_its_pumps_by_keyboard(opened: Opener, house: House) -> None:
    page = opened(f"/app/equipment/{id_of(house, 'pump-1')}", language="zh", theme="dark")
    station = page.get_by_role("region", name="换热站")
    expect(station.get_by_role("link", name=re.compile("号供暖循环泵: 运行"))).not_to_have_count(0)
    pump = station.get_by_role("link", name=re.compile("3号供暖循环泵"))
    expect(pump).to_have_accessible_name(re.compile(r"运行频率 [\d.]+.Hz"))
    pump.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="3号供暖循环泵", level=1)).to_be_visible()
    here = page.get_by_role("region", name="换热站").locator("[aria-current=page]")
    expect(here).to_have_count(1)


@pytest.mark.parametrize(
    ("language", "device", "name", "said"),
    [
        ("zh", "pump-1", "控制模式", "比例压差"),
        ("en", "pump-1", "Control mode", "Proportional pressure"),
        ("zh", "sump-1", "1号泵模式", "自动"),
    ],
)
def test_states_of_a_device_file_speak_the_language(
    *, opened: Opener, house: House, language: str, device: str, name: str, said: str
) -> None:
    page = opened(f"/app/equipment/{id_of(house, device)}", language=language)
    link = page.get_by_role("link", name=name, exact=True)
    expect(page.get_by_role("row").filter(has=link)).to_contain_text(said)


def test_what_does_not_answer_is_told_in_words_and_hatched(opened: Opener, house: House) -> None:
    page = opened(f"/app/equipment/{id_of(house, 'pump-1')}")
    pump = page.get_by_role("region", name="Heat exchange station").get_by_role(
        "link", name="Circulation pump 1"
    )
    expect(pump).to_have_accessible_name(re.compile("Running"))
    expect(pump.locator(".doubtful")).to_have_count(0)
    house.pause("simulate")
    try:
        told = re.compile(r"Unknown \((stale|bad): no answer\) · \d+ s")
        expect(pump).to_have_accessible_name(told)
        expect(pump.locator(".doubtful")).to_have_count(1)
        expect(pump).to_contain_text("no answer")
    finally:
        house.resume("simulate")
    expect(pump.locator(".doubtful")).to_have_count(0)


def test_a_site_has_a_schematic_of_its_own(opened: Opener, house: House) -> None:
    page = opened(f"/app/equipment/{id_of(house, 'valve-1')}", size=(360, 740))
    own = page.get_by_role("region", name="Risers of house A")
    expect(own.get_by_role("link", name="Valve of riser A")).to_have_accessible_name(
        re.compile("Open|Closed")
    )
    expect(own).to_contain_text("Cold water")
    # It scrolls inside its frame on a telephone.
    wide: list[int] = own.locator(".picture").evaluate("one => [one.scrollWidth, one.clientWidth]")
    assert wide[0] > wide[1]
    own.get_by_role("link", name="Sump in basement 1").click()
    expect(page.get_by_role("heading", name="Sump in basement 1", level=1)).to_be_visible()


def test_the_tank_is_filled_as_high_as_its_level_and_the_exchanger_stands_there(
    opened: Opener, house: House
) -> None:
    sump = id_of(house, "sump-1")
    page = opened(f"/app/equipment/{sump}")
    own = page.get_by_role("region", name="Risers of house A")
    tank = own.get_by_role("link", name="Sump in basement 1")
    water = tank.locator(".water")
    expect(water).to_have_count(1)
    full = 2.0
    for _ in range(40):
        said = re.search(r"([\d.]+)\s?m\b", tank.get_attribute("aria-label") or "")
        drawn = float(water.get_attribute("height") or 0)
        whole = float(tank.locator(".form rect").first.get_attribute("height") or 1)
        if said and abs(drawn / whole - min(1.0, float(said[1]) / full)) < 0.01:
            break
        page.wait_for_timeout(250)
    else:
        pytest.fail(f"{said and said[1]} m, drawn {drawn} of {whole}")
    # A form without equipment: seen, and nothing that leads anywhere.
    assert own.locator("svg .symbol[aria-hidden] path.inner").count() >= 1


def test_several_lifts_stand_side_by_side(opened: Opener, house: House) -> None:
    lift = id_of(house, "lift-a")

    def second(route: Route) -> None:
        answer = route.fetch()
        found = answer.json()
        picture = found["items"][0]
        other = copy.deepcopy(picture["equipment"][0])
        other |= {"id": lift + 9000, "name_en": "Lift B", "name_zh": "B座电梯"}
        shapes = copy.deepcopy([one for one in picture["shapes"] if one["equipment_id"] == lift])
        for one in shapes:
            one |= {"equipment_id": other["id"], "moved": [one["moved"][0] + 190, one["moved"][1]]}
        picture["equipment"].append(other)
        picture["shapes"] += shapes
        picture["width"] += 190
        route.fulfill(response=answer, json=found)

    page = opened()
    page.route("**/schematics", second)
    page.goto(f"{house.url}/app/equipment/{lift}")
    group = page.get_by_role("region", name="Lift group")
    shafts = [group.get_by_role("link", name=name) for name in ("Lift A", "Lift B")]
    for shaft in shafts:
        expect(shaft).to_have_accessible_name(re.compile(r"Floor \d+ · "))
    left, right = (shaft.bounding_box() for shaft in shafts)
    assert left is not None
    assert right is not None
    assert left["x"] + left["width"] <= right["x"]
    assert abs(left["y"] - right["y"]) < 1
