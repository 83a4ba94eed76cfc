"""The server is stopped and started under a page that stays open."""

import re
import signal
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from tests.administrator import PASSWORD, USER
from tests.browser.conftest import pages_of
from tests.browser.lone_server import SITE, LoneServer
from tests.browser.phone import PHONE, do, sent, waiting

ESTATE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def server(tmp_path: Path) -> Generator[LoneServer]:
    one = LoneServer(tmp_path)
    try:
        one.start()
        yield one
    finally:
        one.stop(signal.SIGKILL)
        one.http.close()


def _order(server: LoneServer, room: str) -> int:
    server.http.put(f"/sites/{SITE}/rooms/{room}", json={"building": "1"}).raise_for_status()
    asked = {"site": SITE, "room": room, "fault": "tap", "name": "Zhao", "phone": "13800000001"}
    taken = server.http.post("/repair-requests", json=asked)
    assert taken.is_success, taken.text
    return taken.json()["request"]["work_order_id"]


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL], ids=lambda by: by.name)
def test_a_page_outlives_a_restart_of_the_server(
    chromium: Browser, server: LoneServer, by: signal.Signals
) -> None:
    number = _order(server, "1-101")
    with pages_of(chromium, server.url, (USER, PASSWORD)) as opened:
        page = opened(f"/app/orders/{number}", size=PHONE)
        status = page.get_by_role("banner").get_by_role("status")
        expect(status).to_contain_text("live")
        detail = page.get_by_role("complementary")
        expect(detail.get_by_role("button", name="Accept", exact=True)).to_be_visible()
        page.evaluate("window.loadedOnce = true")
        before = datetime.now(UTC)
        server.stop(by)
        expect(status).to_contain_text("offline since")
        said = re.search(r"since (\d\d:\d\d:\d\d)", status.inner_text())
        assert said is not None
        # Heard last up to 15 s before it ended, on the estate's clock.
        moments = (before + timedelta(seconds=one) for one in range(-30, 60))
        assert said[1] in {f"{one.astimezone(ESTATE):%H:%M:%S}" for one in moments}
        do(page, "Accept")
        waiting(page, 1)
        expect(page.get_by_text("Saved on the phone, will be sent.").first).to_be_visible()
        expect(status).to_contain_text(f"offline since {said[1]}")
        server.start()
        expect(status).to_contain_text("live")
        sent(page)
        expect(detail).to_contain_text("accepted")
        # What others do is heard again too.
        note = {"comment": "the key is at the desk"}
        server.http.post(f"/work-orders/{number}/comments", json=note).raise_for_status()
        expect(detail).to_contain_text("the key is at the desk")
        assert page.evaluate("window.loadedOnce") is True
