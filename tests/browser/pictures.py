"""``make pictures``: the screens of README.md, taken of a demo of their own, into docs/pictures."""

import json
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from plantroom.processes import free_port
from tests.browser.conftest import CHROMIUM
from tests.browser.looks import COUNT_REQUESTS, settled
from tests.e2e.demo_child import demo, lines_until

FOLDER: Final = Path("docs/pictures")
COLOURS: Final = 128
"""Enough for a calm grey plant; a third of the bytes."""


class Screen(NamedTuple):
    """What is taken, and how it is looked at."""

    name: str
    path: Callable[["Known"], str]
    language: str = "en"
    theme: str = "light"
    size: tuple[int, int] = (1280, 800)
    scale: float = 1
    of: Callable[[Page], Any] | None = None
    """A part of the page; all of it when none."""


class Known(NamedTuple):
    """The demo's server."""

    url: str
    user: str
    password: str
    http: httpx.Client

    def first(self, path: str, **query: str) -> dict[str, Any]:
        """Return the first of a list."""
        answer = self.http.get(path, params=query)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()["items"][0]
        return found


def _unit(known: Known, device: str) -> str:
    return f"/app/equipment/{known.first('equipment', key=f'riverside/gw-1/{device}')['id']}"


def _alarm(known: Known) -> str:
    unit = known.first("equipment", key="riverside/gw-1/pump-2")["id"]
    alarm = known.first("alarms", equipment=str(unit), state="all")
    return f"/app/alarms/{alarm['id']}?state=all"


def _order(known: Known) -> str:
    return f"/app/orders/{known.first('work-orders', state='open')['id']}"


def _trend(_: Known) -> str:
    points = "&".join(f"point=riverside/gw-1/{one}" for one in ("pump-3/frequency", "pump-3/power"))
    return f"/app/trends?{points}&range=h24"


SCREENS: Final = (
    Screen(
        "schematic",
        lambda known: _unit(known, "pump-2"),
        size=(1600, 900),
        of=lambda page: page.get_by_role("region", name="Heat exchange station"),
    ),
    Screen("incident", _alarm),
    Screen("phone-order", _order, language="zh", size=(360, 740), scale=2),
    Screen("trend", _trend),
    # By then everything has answered.
    Screen("duty-room", lambda _: "/app/", language="zh", theme="dark"),
)


def main() -> None:
    """Start a demo, take every screen, end it."""
    FOLDER.mkdir(exist_ok=True)
    with _house() as known, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for screen in SCREENS:
            path = FOLDER / f"{screen.name}.png"
            path.write_bytes(_small(_take(browser, known, screen)))
            print(f"{path}  {path.stat().st_size / 1024:.0f} kB")
        browser.close()


@contextmanager
def _house() -> Generator[Known]:
    """Run a demo with its week until its pump has tripped and its order is open."""
    with tempfile.TemporaryDirectory(prefix="plantroom-pictures-") as name:
        folder = Path(name) / "demo"
        with demo(folder, free_port(), past=True) as running:
            lines_until(running, "Wang Wei's phone rings")
            assert running.stdout is not None
            # What is not read fills the pipe and stops the demo.
            threading.Thread(target=running.stdout.read, daemon=True).start()
            said = json.loads((folder / "credentials.json").read_text())
            headers = {"Authorization": f"Bearer {said['token']}"}
            with httpx.Client(base_url=f"{said['url']}/api/v1", headers=headers) as http:
                yield Known(said["url"], said["user"], said["password"], http)


def _take(browser: Browser, known: Known, screen: Screen) -> bytes:
    context = browser.new_context(
        viewport={"width": screen.size[0], "height": screen.size[1]},
        device_scale_factor=screen.scale,
        locale="en-GB",
    )
    kept = {"language": screen.language, "theme": screen.theme, "sound": "off"}
    script = "".join(f"localStorage.setItem('{key}', '{word}');" for key, word in kept.items())
    context.add_init_script(COUNT_REQUESTS + script)
    login = {"name": known.user, "password": known.password}
    answer = context.request.post(f"{known.url}/api/v1/session", data=login)
    assert answer.ok, answer.text()
    page = context.new_page()
    page.goto(known.url + screen.path(known))
    part = page if screen.of is None else screen.of(page)
    if screen.of is not None:
        part.wait_for()
    settled(page)
    taken: bytes = part.screenshot()
    context.close()
    return taken


def _small(png: bytes) -> bytes:
    picture = Image.open(BytesIO(png)).convert("RGB")
    made = BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(made, "PNG", optimize=True)
    return made.getvalue()


if __name__ == "__main__":
    main()
