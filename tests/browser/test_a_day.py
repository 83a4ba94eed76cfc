"""A page that is open for a day: as many events and values in two minutes, and it does not grow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.administrator import PASSWORD, USER
from tests.browser.busy_site import PANELS, BusySite

ROUNDS = 4
CALM_PER_S, STORM_PER_S = 5, 100
CALM_S, STORM_S = 8, 12


class Size(NamedTuple):
    """What a page holds after its garbage was collected."""

    heap_mb: float
    nodes: int
    listeners: int


def size_of(page: Page, session: CDPSession) -> Size:
    for _ in range(2):  # what the first finds, a finalizer may let go of
        session.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(500)
    metrics: Any = session.send("Performance.getMetrics")
    found = {one["name"]: one["value"] for one in metrics["metrics"]}
    heap = found["JSHeapUsedSize"] / 2**20
    return Size(round(heap, 1), int(found["Nodes"]), int(found["JSEventListeners"]))


def show(page: Page, *, hidden: bool) -> None:
    """Let the page believe that somebody looks at another one, or again at it.

    Playwright keeps all pages of a browser in front; what the page can know is what is changed.
    """
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
          document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def test_a_page_does_not_grow_within_a_day(
    chromium: Browser, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with BusySite(tmp_path) as site:
        context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
        context.set_default_timeout(60_000)
        context.add_init_script("localStorage.setItem('sound', 'off');")
        login = {"name": USER, "password": PASSWORD}
        assert context.request.post(f"{site.url}/api/v1/session", data=login).ok
        page = context.new_page()
        trouble: list[str] = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        session = context.new_cdp_session(page)
        session.send("Performance.enable")
        page.goto(site.url)
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        page.evaluate("window.neverLoadedAnew = true")
        sizes: list[Size] = []
        reports = 0
        for _ in range(ROUNDS):
            reports += site.alarms(CALM_PER_S, CALM_S)
            show(page, hidden=True)
            reports += site.alarms(STORM_PER_S, STORM_S)
            show(page, hidden=False)
            # Every screen that follows the plant, and back to where the duty room looks.
            for screen in ("Alarms", "Plant", "Work orders"):
                page.get_by_role("navigation", name="Menu").get_by_role("link", name=screen).click()
                expect(page.get_by_role("heading", name=screen, level=1)).to_be_visible()
            page.get_by_role("navigation", name="Menu").get_by_role("link", name="Overview").click()
            expect(page.get_by_role("region", name="Open incidents")).to_contain_text("alarm")
            reports += site.alarms(CALM_PER_S, CALM_S)
            sizes.append(size_of(page, session))
        expect(page.get_by_role("status").first).to_contain_text("live")
        assert page.evaluate("window.neverLoadedAnew") is True
        assert not trouble
        context.close()
    told = f"{reports} reports, {site.values} values: {sizes}"
    record_property("day", told)
    # More than a day of a site with 500 points, each of which says something each five minutes.
    assert site.values > 500 * 288, told
    assert reports > ROUNDS * PANELS, told
    first, last = sizes[1], sizes[-1]
    assert last.nodes <= first.nodes * 1.1 + 100, told
    assert last.listeners <= first.listeners * 1.1 + 50, told
    assert last.heap_mb <= first.heap_mb * 1.1 + 1, told
