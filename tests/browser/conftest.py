"""The demo's real processes, and Chromium with somebody logged in."""

import json
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from plantroom.processes import free_port
from tests.browser.looks import COUNT_REQUESTS
from tests.e2e.demo_child import demo, lines_until
from tests.patience import PATIENCE_S
from tests.process_tree import descendants

CHROMIUM = "/usr/bin/chromium"
_WAIT_MS = PATIENCE_S * 1000
expect.set_options(timeout=_WAIT_MS)


class House(NamedTuple):
    """The demo, and how to get into it."""

    url: str
    user: str
    password: str
    http: httpx.Client
    """With the demo's token, for what a story is not about."""
    demo_pid: int

    def pause(self, part: str = "server") -> None:
        """Let the processes of a part of the demo stand still, their connections open."""
        self._signal(signal.SIGSTOP, part)

    def resume(self, part: str = "server") -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT, part)

    def _signal(self, number: signal.Signals, part: str) -> None:
        for child in descendants(self.demo_pid):
            command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if part.encode() in command:
                os.kill(child, number)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    with demo(folder, free_port()) as running:
        lines_until(running, "order")  # the pump has tripped, and its order is open
        assert running.stdout is not None
        # What is not read fills the pipe and stops the demo.
        threading.Thread(target=running.stdout.read, daemon=True).start()
        known = json.loads((folder / "credentials.json").read_text())
        headers = {"Authorization": f"Bearer {known['token']}"}
        with httpx.Client(
            base_url=f"{known['url']}/api/v1", headers=headers, timeout=PATIENCE_S
        ) as http:
            yield House(known["url"], known["user"], known["password"], http, running.pid)


@pytest.fixture(scope="session")
def chromium() -> Generator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


Opener = Callable[..., Page]


@pytest.fixture
def opened(chromium: Browser, house: House) -> Generator[Opener]:
    """Open pages of the demo; ``user`` gives name and password of somebody else."""
    with pages_of(chromium, house.url, (house.user, house.password)) as open_page:
        yield open_page


@contextmanager
def pages_of(chromium: Browser, url: str, somebody: tuple[str, str]) -> Generator[Opener]:
    """Yield what opens pages of a server; no other host is asked and nothing goes wrong."""
    contexts: list[BrowserContext] = []
    trouble: list[str] = []

    def open_page(
        path: str = "/",
        *,
        size: tuple[int, int] = (1440, 900),
        language: str = "en",
        theme: str = "light",
        logged_in: bool = True,
        user: tuple[str, str] = somebody,
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale="en-GB",
            timezone_id="America/New_York",  # nobody's estate: times must not be the browser's
        )
        contexts.append(context)
        context.set_default_timeout(_WAIT_MS)
        kept = {"language": language, "theme": theme, "sound": "off"}
        keep = "".join(
            f"localStorage.getItem('{k}') ?? localStorage.setItem('{k}', '{v}');"
            for k, v in kept.items()
        )
        # A page that is opened is empty first, and has no storage then.
        context.add_init_script(COUNT_REQUESTS + f"if (location.origin !== 'null') {{ {keep} }}")
        if logged_in:
            credentials = {"name": user[0], "password": user[1]}
            answer = context.request.post(f"{url}/api/v1/session", data=credentials)
            assert answer.ok, answer.text()
        context.on("request", lambda one: _only_here(one.url, url, trouble))
        context.on("weberror", lambda problem: trouble.append(str(problem.error)))
        context.on("console", lambda said: _no_refusal(said.text, trouble))
        page = context.new_page()
        page.goto(url + path)
        return page

    try:
        yield open_page
    finally:
        for context in contexts:
            context.close()
    assert not trouble


def _only_here(asked: str, url: str, trouble: list[str]) -> None:
    if not asked.startswith((url, "data:", "blob:")):
        trouble.append(f"asked another host: {asked}")


def _no_refusal(said: str, trouble: list[str]) -> None:
    if "Content Security Policy" in said:
        trouble.append(said)


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which is run in the page."""
    path = Path(__file__).parents[2] / "server/dashboard/node_modules/axe-core/axe.min.js"
    return path.read_text(encoding="utf-8")
