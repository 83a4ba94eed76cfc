"""By keyboard: all is reached, one sees where one is, dialogs hold the focus and give it back."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import House, Opener
from tests.browser.looks import serious, settled
from tests.browser.test_looks import SCREENS

FOCUSABLE = (
    "a[href], button:not([disabled]), input:not([disabled]), select:not([disabled]), "
    "textarea:not([disabled]), summary, [tabindex='0']"
)
_ONLY_FOR_POINTERS = """(focusable) => {
    const shown = (one) => one.checkVisibility() && getComputedStyle(one).cursor === "pointer";
    const reached = (one) => one.closest(focusable) || one.querySelector(focusable)
        || one.closest("label")?.control || one.closest("tr.link")?.querySelector(focusable);
    return [...document.querySelectorAll("body *")].filter((one) => shown(one) && !reached(one))
        .map((one) => one.outerHTML.slice(0, 120));
}"""
_HIDDEN_FOCUS = """() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    const marked = [one, one.closest("label")].filter(Boolean).some((each) => {
        const style = getComputedStyle(each);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    });
    return { name: one.outerHTML.slice(0, 120), marked };
}"""


def at(page: Page, path: str) -> None:
    page.goto(page.url.split("/app")[0].rstrip("/") + path)
    settled(page)


def test_nothing_can_be_clicked_that_the_keyboard_does_not_reach(opened: Opener) -> None:
    page = opened()
    found: list[str] = []
    for path in SCREENS:
        at(page, path)
        found += [f"{path}: {one}" for one in page.evaluate(_ONLY_FOR_POINTERS, FOCUSABLE)]
    assert not found


@pytest.mark.parametrize("path", ["/app/", "/app/alarms/1?state=all", "/app/orders/1?state=all"])
def test_tab_goes_through_the_page_and_shows_where_it_is(opened: Opener, path: str) -> None:
    page = opened(path)
    settled(page)
    wanted: int = page.locator(FOCUSABLE).evaluate_all(
        "all => all.filter((one) => one.checkVisibility({visibilityProperty: true})).length"
    )
    seen: list[str] = []
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        now = page.evaluate(_HIDDEN_FOCUS)
        if now is None:
            break
        assert now["marked"], now["name"]
        seen.append(now["name"])
    assert len(seen) >= wanted * 0.9, (len(seen), wanted)


def _button(name: str) -> Callable[[Page], Locator]:
    return lambda page: page.get_by_role("main").get_by_role("button", name=name).first


def _equipment(house: House, device: str) -> str:
    key = f"riverside/gw-1/{device}"
    unit = house.http.get("/equipment", params={"key": key}).json()["items"][0]
    return f"/app/equipment/{unit['id']}"


DIALOGS: dict[str, tuple[Callable[[House], str], Callable[[Page], Locator]]] = {
    "comment": (lambda _: "/app/alarms/1?state=all", _button("Comment")),
    "out of service": (lambda house: _equipment(house, "room-1"), _button("Take out of service")),
    "ledger": (lambda house: _equipment(house, "room-1"), _button("Write in the ledger")),
    "channel": (lambda _: "/app/policies", _button("Test: engineer-phone")),
    "token": (lambda _: "/app/account", _button("New token")),
}


@pytest.mark.parametrize("name", DIALOGS)
def test_a_dialog_holds_the_focus_and_gives_it_back(
    opened: Opener, house: House, axe: str, name: str
) -> None:
    path, opener = DIALOGS[name]
    page = opened(path(house))
    settled(page)
    button = opener(page)
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.locator(":focus")).to_have_count(1)
    settled(page)
    assert serious(page, axe) == []
    # A field of a time has several places to stop at.
    for _ in range(dialog.locator(FOCUSABLE).count() + 12):
        page.keyboard.press("Tab")
        assert dialog.evaluate("dialog => dialog.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


def test_the_palette_holds_the_focus_and_gives_it_back(opened: Opener, axe: str) -> None:
    page = opened("/app/orders")
    settled(page)
    button = page.get_by_role("button", name="Board")
    button.focus()
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog", name="Search")
    expect(dialog.locator(":focus")).to_have_count(1)
    settled(page)
    assert serious(page, axe) == []
    for _ in range(3):
        page.keyboard.press("Tab")
        expect(dialog.locator(":focus")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


def _order(house: House) -> int:
    found: int = house.http.get("/work-orders", params={"state": "open"}).json()["items"][0]["id"]
    return found


def _drill(house: House) -> int:
    """Return a run of a plan that commands nothing."""
    runs = house.http.get("/plan-runs", params={"state": "all"}).json()["items"]
    if not runs:
        body = {
            "plan": "riser-burst",
            "drill": True,
            "reason": "to be looked at",
            "equipment": {"valve": "riverside/gw-1/valve-1", "lift": "riverside/gw-1/lift-a"},
            "parameters": {"floor": 8},
        }
        made = house.http.post("/plan-runs", json=body)
        assert made.is_success, made.text
        runs = [made.json()]
    run: int = runs[0]["id"]
    return run


OPENED: dict[str, tuple[str, str | None]] = {
    "a run of a plan": ("/app/plans/{run}?state=all", None),
    "duties of a week": ("/app/people", "Move duties"),
    "a part": ("/app/orders/{order}", "Part"),
    "a signature": ("/app/orders/{order}", "Signature"),
    "a rule tried": ("/app/rules/heating_pump.fault", "Try on history"),
    "the second factor": ("/app/account", "Set up"),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", OPENED)
def test_axe_finds_nothing_serious_in_what_a_button_opens(
    opened: Opener, house: House, axe: str, name: str, theme: str
) -> None:
    path, button = OPENED[name]
    page = opened(path.format(order=_order(house), run=_drill(house)), theme=theme)
    settled(page)
    if button is not None:
        page.get_by_role("main").get_by_role("button", name=button, exact=True).first.click()
        settled(page)
    assert serious(page, axe) == []
