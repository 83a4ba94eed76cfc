"""Every screen, in both languages and themes and all sizes: nothing serious, nothing cut."""

import re
from pathlib import Path

import pytest

from tests.browser.conftest import Opener
from tests.browser.looks import serious, settled

SCREENS = (
    "/app/",
    "/app/?wall=1",
    "/app/alarms",
    "/app/alarms/1?state=all",
    "/app/orders",
    "/app/orders?view=mine",
    "/app/orders?view=board",
    "/app/orders/1?state=all",
    "/app/orders/1/sheet",
    "/app/equipment",
    "/app/equipment/8",
    "/app/equipment/5",
    "/app/trends?point=riverside/gw-1/pump-1/frequency&range=h1",
    "/app/people",
    "/app/rules",
    "/app/rules/heating_pump.fault",
    "/app/gateways",
    "/app/plans",
    "/app/plans?plan=riser-burst",
    "/app/figures?month=2026-11&list=alarms.announced",
    "/app/policies",
    "/app/policies/default-urgent",
    "/app/policies?new=1",
    "/app/users",
    "/app/users?rights=1",
    "/app/users/1",
    "/app/users?new=1",
    "/app/audit?row=1",
    "/app/account",
    "/app/desk",
    "/app/desk?part=calls",
    "/app/desk?part=places",
    "/app/nowhere",
    "/app/hand-over",
)
RUN = "/plans/1"
"""Looked at in test_keys.py, once there is one."""
ROUTER = Path(__file__).parents[2] / "server/dashboard/src/router.ts"
SIZES = ((360, 740), (768, 1024), (1440, 900), (3840, 2160))


def test_every_address_of_the_application_is_looked_at() -> None:
    """With what it names, and without where that may be left out."""
    looked = {one.partition("?")[0].removeprefix("/app") for one in SCREENS} | {RUN}
    for path in re.findall(r'path: "([^"]+)"', ROUTER.read_text(encoding="utf-8")):
        bare, named, rest = path.partition("/:")
        _, _, after = rest.partition("/")
        wanted = re.compile(rf"{bare}/[\w.-]+{'/' if after else ''}{after}" if named else bare)
        assert any(map(wanted.fullmatch, looked)), path
        assert not named or "?" not in rest or bare in looked or not bare, path


@pytest.mark.parametrize(("language", "dark"), [("zh", "深色主题"), ("en", "Dark theme")])
def test_axe_finds_nothing_serious(opened: Opener, axe: str, language: str, dark: str) -> None:
    page = opened(language=language, theme="light")
    found: list[str] = []

    def look(path: str) -> None:
        settled(page)
        theme = page.locator("html").get_attribute("data-theme")
        found.extend(f"{path} {theme}: {one}" for one in serious(page, axe))

    for path in SCREENS:
        page.goto(page.url.split("/app")[0].rstrip("/") + path)
        look(path)
        page.get_by_role("button", name=dark).click()
        look(path)
        page.evaluate("localStorage.setItem('theme', 'light')")
    assert not found


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_at_the_door(
    opened: Opener, axe: str, language: str, theme: str
) -> None:
    page = opened(language=language, theme=theme, logged_in=False)
    settled(page)
    assert serious(page, axe) == []


def test_nothing_is_wider_than_the_screen(opened: Opener) -> None:
    page = opened()
    for number, path in enumerate(SCREENS):
        # Each screen is opened at one size and turned to the others, the next one at another.
        first = number % len(SIZES)
        for width, height in SIZES[first:] + SIZES[:first]:
            page.set_viewport_size({"width": width, "height": height})
            if (width, height) == SIZES[first]:
                page.goto(page.url.split("/app")[0].rstrip("/") + path)
            settled(page)
            wide: int = page.evaluate("document.documentElement.scrollWidth")
            content: list[int] = page.locator("#content").evaluate(
                "element => [element.scrollWidth, element.clientWidth]"
            )
            assert wide <= width, path
            assert content[0] <= content[1], (path, width)
