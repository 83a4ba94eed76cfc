"""``make bench-dashboard``: the dashboard in Chromium, its streams at the server, alarms beside it.

One server with 2,000 points of one meter that all change once a second, and 100 fire panels.

- ``first_load_kb``: files of the application that the overview loads into an empty cache, as they
  are sent; what draws charts is not among them.
- ``interactive_ms``: from the address to an overview with its data that answers to a key; median.
- ``live_cpu_pct``: all processes of the browser while it shows those 2,000 points, of a core; the
  process of the page alone is ``live_page_cpu_pct``.
- ``sse_cpu_pct``: what 200 streams as a page opens them (events, and the values of the meter) cost
  the processes of the server, of a core: with them less without.
- ``loaded_p99_ms``: reading to webhook beside the streams and the page.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from statistics import median
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from plantroom.processes import Child
from server.dashboard import build
from tests.administrator import PASSWORD, USER
from tests.bench.load_readers import pids
from tests.bench.load_site import Site
from tests.bench.measure import cpu_s, machine, percentile
from tests.fakes.sparkplug_node import DOUBLE, STRING, PlainNode, Tag

CHROMIUM: Final = "/usr/bin/chromium"
POINTS, PANELS, STREAMS = 2000, 100, 200
OPENINGS = 7
MEASURED_S, SETTLE_S = 20.0, 5.0
METER = "bench/live/meter"
_KNOWN_S = 60.0
_DEVICE = METER.rpartition("/")[2]
_INTERACTIVE = """
document.addEventListener('DOMContentLoaded', () => {
  const look = () => {
    const content = document.querySelector('#content');
    if (content?.querySelector('h1') && content.querySelector('.card') && !content.querySelector('[aria-busy=true]')) {
      // A task that comes in turn: nothing keeps the page from answering.
      setTimeout(() => { window.interactiveAt = performance.now(); });
    } else requestAnimationFrame(look);
  };
  look();
});
"""  # noqa: E501 (a program of the page)


def run() -> dict[str, Any]:
    """First load, live values, 200 streams and the alarms beside them, with the dashboard."""
    build.build()
    with tempfile.TemporaryDirectory(prefix="plantroom-dashboard-") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> dict[str, Any]:
    figures: dict[str, Any] = {"machine": machine(), "load_before": os.getloadavg()[0]}
    http = {"max_streams_per_client": 2 * STREAMS + 20}
    async with Site(folder, more_http=http) as site, _browser() as browser:
        with site.node("live") as live, site.node("gw") as node:
            panels = await site.panels(node, PANELS)
            meter = await _meter(site, live)
            figures |= await _opening(browser, site)
            print(f"  opened in {figures['interactive_ms']} ms", flush=True)
            changing = asyncio.create_task(_change(live))
            try:
                figures |= await _streams(site)
                print(f"  200 streams: {figures['sse_cpu_pct_of']}", flush=True)
                async with _context(browser, site) as context:
                    page = await context.new_page()
                    figures |= await _live(browser, page, site, meter)
                    print(f"  2,000 points: {figures['live_cpu_pct_of']}", flush=True)
                    async with _clients(site):
                        outcome = await site.trip(node, panels)
                figures |= {
                    "loaded_p99_ms": round(percentile(outcome.latencies, 99), 1),
                    "loaded_worst_ms": max(outcome.latencies),
                    "loaded_lost": outcome.lost,
                }
            finally:
                changing.cancel()
    return figures | {"load_after": os.getloadavg()[0]}


async def _meter(site: Site, node: PlainNode) -> int:
    """Register a meter of 2,000 points and return its id."""
    node.birth()
    tags = [Tag("Properties/Class", STRING, "electricity_meter")]
    tags += [Tag(f"value_{number}", DOUBLE, 0.0) for number in range(POINTS)]
    node.device_birth(_DEVICE, tags)
    async with asyncio.timeout(_KNOWN_S):
        while not await site.knows(METER):
            await asyncio.sleep(0.2)
    (found,) = await site.items(f"/api/v1/equipment?key={METER}")
    number: int = found["id"]
    return number


async def _change(node: PlainNode) -> None:
    """Change every point once a second."""
    loop = asyncio.get_running_loop()
    began, step = loop.time(), 0
    while True:
        step += 1
        values = {f"value_{number}": float(step % 97 + number) for number in range(POINTS)}
        await asyncio.to_thread(node.data, _DEVICE, values)
        await asyncio.sleep(max(0.0, began + step - loop.time()))


@contextlib.asynccontextmanager
async def _browser() -> AsyncGenerator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def _context(browser: Browser, site: Site) -> AsyncGenerator[BrowserContext]:
    """Open a context that is logged in."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    await context.add_init_script("localStorage.setItem('sound', 'off');")
    login = {"name": USER, "password": PASSWORD}
    answer = await context.request.post(f"{site.url}/api/v1/session", data=login)
    assert answer.ok, await answer.text()
    try:
        yield context
    finally:
        await context.close()


async def _opening(browser: Browser, site: Site) -> dict[str, Any]:
    """Open the overview with an empty cache, again and again."""
    took: list[float] = []
    sent: dict[str, int] = {}
    for _ in range(OPENINGS):
        async with _context(browser, site) as context:
            page = await context.new_page()
            await page.add_init_script(_INTERACTIVE)
            sent = await _count(context, page)
            await page.goto(site.url)
            took.append(await _until(page, "window.interactiveAt"))
            await page.keyboard.press("Control+k")
            await page.get_by_role("combobox").wait_for()
    charts = [size for url, size in sent.items() if "TimeChart" in url]
    assert not charts, "the overview waits for what draws charts"
    return {
        "first_load_kb": round(sum(sent.values()) / 1024, 1),
        "interactive_ms": round(median(took)),
        "interactive_ms_of_openings": [round(one) for one in took],
    }


async def _until(page: Page, expression: str) -> Any:
    """Return what an expression gives as soon as it gives anything; the page forbids eval."""
    async with asyncio.timeout(_KNOWN_S):
        while not (found := await page.evaluate(expression)):
            await asyncio.sleep(0.05)
    return found


async def _count(context: BrowserContext, page: Page) -> dict[str, int]:
    """Begin to count the bytes of the application's files, by address, as they are sent."""
    session: Any = await context.new_cdp_session(page)  # its types are partial
    await session.send("Network.enable")
    addresses: dict[str, str] = {}
    sent: dict[str, int] = {}

    def asked(event: dict[str, Any]) -> None:
        addresses[event["requestId"]] = event["request"]["url"]

    def came(event: dict[str, Any]) -> None:
        url = addresses.get(event["requestId"], "")
        if url and "/api/" not in url:
            sent[url] = round(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", came)
    return sent


async def _live(browser: Browser, page: Page, site: Site, meter: int) -> dict[str, Any]:
    """Show all the points of the meter, and what that costs."""
    await page.goto(f"{site.url}/app/equipment/{meter}")
    rows = page.locator("table.rows tbody tr")
    await _until(page, f"document.querySelectorAll('table.rows tbody tr').length >= {POINTS}")
    await asyncio.sleep(SETTLE_S)
    # The first is whether the meter answers.
    first = rows.nth(1).locator(".number").first
    session = await browser.new_browser_cdp_session()
    shown = await first.text_content()
    before, began = await _cpu_of_browser(session), time.monotonic()
    await asyncio.sleep(MEASURED_S)
    after, seconds = await _cpu_of_browser(session), time.monotonic() - began
    assert await first.text_content() != shown, "the page stands still"
    of = {kind: (after[kind] - before.get(kind, 0.0)) / seconds * 100 for kind in after}
    return {
        "live_cpu_pct": round(sum(of.values()), 1),
        "live_page_cpu_pct": round(of["renderer"], 1),
        "live_cpu_pct_of": {kind: round(share, 1) for kind, share in of.items()},
    }


async def _cpu_of_browser(session: Any) -> dict[str, float]:
    """Return the CPU seconds of each kind of process of the browser."""
    found: dict[str, float] = {}
    there: dict[str, Any] = await session.send("SystemInfo.getProcessInfo")
    for one in there["processInfo"]:
        found[one["type"]] = found.get(one["type"], 0.0) + cpu_s(one["id"])
    return found


async def _streams(site: Site) -> dict[str, Any]:
    """Return what 200 streams cost the server while all the points change."""
    await asyncio.sleep(SETTLE_S)
    without = await _cpu_of_server(site)
    async with _clients(site) as clients:
        beside = await _cpu_of_server(site)
    told = [line for line in clients.tail.splitlines() if '"streams"' in line]
    return {
        "sse_cpu_pct": round(sum(beside.values()) - sum(without.values()), 1),
        "sse_cpu_pct_of": {name: round(beside[name] - without[name], 1) for name in beside},
        "sse_told": told[-1] if told else "",
    }


async def _cpu_of_server(site: Site) -> dict[str, float]:
    before, began = {name: cpu_s(pid) for name, pid in pids(site).items()}, time.monotonic()
    await asyncio.sleep(MEASURED_S)
    seconds = time.monotonic() - began
    return {
        name: (cpu_s(pid) - before[name]) / seconds * 100
        for name, pid in pids(site).items()
        if name in before
    }


@contextlib.asynccontextmanager
async def _clients(site: Site) -> AsyncGenerator[Child]:
    command = [sys.executable, "-m", "tests.bench.dashboard_streams", str(site.http_port)]
    command += [site.token, str(STREAMS), METER]
    clients = Child("streams", command, log=site.folder / "streams.log", ready_event="ready")
    async with clients:
        await asyncio.sleep(SETTLE_S)
        yield clients
