"""A board trips and takes the power from two pumps: the cause and what it explains."""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.administrator import PASSWORD, USER
from tests.bench.load_site import GROUP, Site
from tests.browser.conftest import pages_of
from tests.browser.site_thread import SiteThread
from tests.fakes.sparkplug_node import BOOLEAN, STRING, PlainNode, Tag

BOARD, PUMPS = "board", ("pump-1", "pump-2")
"""What a server and a page on a loaded machine need for what happens by itself."""
NAMES: Final = {
    BOARD: ("power_distribution", "Board", "配电柜"),
    "pump-1": ("heating_pump", "Pump one", "一号泵"),
    "pump-2": ("heating_pump", "Pump two", "二号泵"),
}
VALUES: Final = {BOARD: "breaker_tripped", "pump-1": "fault", "pump-2": "fault"}


class PoweredSite(SiteThread):
    """A board that supplies two pumps, on a node that says what the story wants."""

    def __init__(self, folder: Path, *, recover_s: float) -> None:
        super().__init__(folder, alarms={"suppression_delay_s": 1, "recover_s": recover_s})
        self._node: PlainNode | None = None

    @asynccontextmanager
    async def life(self, site: Site) -> AsyncGenerator[None]:
        with site.node("gw") as node:
            node.birth()
            for device, (kind, en, zh) in NAMES.items():
                tags = [
                    Tag("Properties/Class", STRING, kind),
                    Tag("Properties/Name/en", STRING, en),
                    Tag("Properties/Name/zh", STRING, zh),
                    Tag(VALUES[device], BOOLEAN, value=False),
                ]
                node.device_birth(device, tags)
            for device in NAMES:
                while not await site.knows(key_of(device)):
                    await asyncio.sleep(0.1)
            self._node = node
            yield

    def say(self, device: str, *, bad: bool) -> None:
        """Let a device say that it is, or is no more, in trouble."""
        assert self._node is not None
        self._node.data(device, {VALUES[device]: bad})


def key_of(device: str) -> str:
    return f"{GROUP}/gw/{device}"


class Story:
    """The site, its interface, and its alarms by the device."""

    def __init__(self, site: PoweredSite, http: httpx.Client) -> None:
        self.site = site
        self.http = http
        self.alarms: dict[str, int] = {}

    def trip(self, device: str) -> None:
        """Let a device raise its alarm, and wait for it."""
        self.site.say(device, bad=True)
        self.alarms[device] = self.wait(device)["id"]

    def wait(self, device: str, state: str = "open", **has: Any) -> dict[str, Any]:
        """Return the alarm of a device when there is one with these fields."""
        asked, items = {"equipment": key_of(device), "state": state}, []
        for _ in range(600):
            items = self.http.get("/alarms", params=asked).raise_for_status().json()["items"]
            found = [one for one in items if has.items() <= one.items()]
            if found:
                return found[0]
            time.sleep(0.1)
        pytest.fail(f"no alarm of {device} is {state} with {has}: {items}")


@contextmanager
def powered(folder: Path, *, recover_s: float) -> Generator[Story]:
    """Yield a site whose board has tripped, with the alarms of both pumps that it explains."""
    with PoweredSite(folder, recover_s=recover_s) as site:
        headers = {"Authorization": f"Bearer {site.token}"}
        with httpx.Client(base_url=f"{site.url}/api/v1", headers=headers) as http:
            for pump in PUMPS:
                link = {"feeder": key_of(BOARD), "equipment": key_of(pump), "cause": "no_power"}
                http.post("/power-links", json=link).raise_for_status()
            story = Story(site, http)
            story.trip(BOARD)
            for pump in PUMPS:
                story.trip(pump)
                story.wait(pump, suppressed_by=f"power:{key_of(BOARD)}:no_power")
            yield story


def detail(page: Page, name: str) -> Locator:
    return page.get_by_role("complementary", name=name, exact=True)


WORDS: Final = {
    "en": {
        "board": "Breaker tripped",
        "pump": "Circulation pump fault",
        "no power": "There is no power from Board.",
        "explains": "Alarms that this outage explains",
        "over": "returned to normal after",
        "acknowledge": "Acknowledge",
        "one": "Pump one · Circulation pump fault",
        "two": "Pump two · Circulation pump fault",
        "released": "no longer suppressed",
        "place": "Board",
    },
    "zh": {
        "board": "断路器跳闸",
        "pump": "循环泵故障",
        "no power": "配电柜 供电中断。",
        "explains": "由此中断引起的告警",
        "over": "后恢复正常",
        "acknowledge": "确认",
        "one": "一号泵 · 循环泵故障",
        "two": "二号泵 · 循环泵故障",
        "released": "解除抑制",
        "place": "配电柜",
    },
}


@pytest.mark.parametrize("language", list(WORDS))
def test_an_alarm_leads_to_its_cause_and_the_cause_to_all_that_it_explains(
    chromium: Browser, tmp_path: Path, language: str
) -> None:
    said = WORDS[language]
    # Long enough that nothing is announced anew while the story goes on.
    with (
        powered(tmp_path, recover_s=3600) as story,
        pages_of(chromium, story.site.url, (USER, PASSWORD)) as opened,
    ):
        page = opened(f"/app/alarms/{story.alarms['pump-1']}", language=language)
        child, cause = detail(page, said["pump"]), detail(page, said["board"])
        note = child.get_by_role("note")
        expect(note).to_contain_text(said["no power"])
        note.get_by_role("link", name=said["board"]).click()

        explained = cause.get_by_role("region", name=said["explains"])
        expect(explained.get_by_role("listitem")).to_have_count(2)
        expect(cause.get_by_role("note")).to_have_count(0)
        explained.get_by_role("link", name=said["two"]).click()
        expect(child).to_contain_text(key_of("pump-2"))
        note.get_by_role("link", name=said["board"]).click()

        # The power is back, one pump as well: what is explained still is what is still bad.
        story.site.say(BOARD, bad=False)
        story.site.say("pump-2", bad=False)
        expect(cause).to_contain_text(said["over"])
        story.wait("pump-2", "closed")
        expect(explained.get_by_role("listitem")).to_have_count(1)
        expect(explained.get_by_role("link", name=said["one"])).to_be_visible()

        # Acknowledged, the alarm of the cause is over: what it explains leads to the board itself.
        cause.get_by_role("button", name=said["acknowledge"]).click()
        story.wait(BOARD, "closed")
        explained.get_by_role("link", name=said["one"]).click()
        expect(note).to_contain_text(said["no power"])
        note.get_by_role("link", name=said["place"], exact=True).click()
        expect(page.get_by_role("heading", level=1, name=said["place"])).to_be_visible()


@pytest.mark.parametrize("language", list(WORDS))
def test_what_is_still_bad_when_the_power_is_back_stands_for_itself(
    chromium: Browser, tmp_path: Path, language: str
) -> None:
    said = WORDS[language]
    with (
        powered(tmp_path, recover_s=1) as story,
        pages_of(chromium, story.site.url, (USER, PASSWORD)) as opened,
    ):
        page = opened(f"/app/alarms/{story.alarms['pump-1']}", language=language)
        child, cause = detail(page, said["pump"]), detail(page, said["board"])
        expect(child.get_by_role("note")).to_contain_text(said["no power"])
        story.site.say("pump-2", bad=False)
        story.wait("pump-2", "closed")
        story.site.say(BOARD, bad=False)
        story.wait("pump-1", suppressed_by=None)

        # The page that is open hears of it.
        expect(child.get_by_role("note")).to_have_count(0)
        history = child.get_by_role("listitem").filter(has_text=said["released"])
        expect(history).to_have_count(1)
        page.goto(f"{story.site.url}/app/alarms/{story.alarms[BOARD]}")
        expect(cause).to_contain_text(said["over"])
        expect(cause.get_by_role("region", name=said["explains"])).to_have_count(0)
