"""What people do on a phone, and what is on it."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import House

PHONE = (360, 740)
PASSWORD = "a lamp over the wet stair"
_KEYS = """(name) => new Promise((done, fail) => {
    const asked = indexedDB.open("plantroom");
    asked.onerror = () => fail(asked.error);
    asked.onsuccess = () => {
        const all = asked.result.transaction(name).objectStore(name).getAllKeys();
        all.onerror = () => fail(all.error);
        all.onsuccess = () => { asked.result.close(); done(all.result); };
    };
})"""
_PATIENCE_MS = 40_000


def kept(page: Page, name: str) -> list[Any]:
    """Return the keys of what a store of the phone has."""
    found: list[Any] = page.evaluate(_KEYS, name)
    return found


def _until(page: Page, name: str, holds: str, key: int | str = "") -> None:
    """Wait until something holds of the keys of a store.

    ``wait_for_function`` takes the promise of an answer for the answer, and would not wait.
    """
    script = f"""async ([name, key, patience]) => {{
        const end = Date.now() + patience;
        for (;;) {{
            const keys = await ({_KEYS})(name);
            if ({holds}) return;
            if (Date.now() > end) throw new Error(`${{name}} ${{key}}: ${{JSON.stringify(keys)}}`);
            await new Promise((done) => setTimeout(done, 100));
        }}
    }}"""
    page.evaluate(script, [name, key, _PATIENCE_MS])


def until_kept(page: Page, name: str, key: int | str) -> None:
    """Wait until a store of the phone has this."""
    _until(page, name, "keys.includes(key)", key)


def ready(page: Page) -> None:
    """Wait until the worker has the files of the application, and serves this page."""
    page.evaluate(
        """navigator.serviceWorker.ready.then(() => new Promise((done) => {
            if (navigator.serviceWorker.controller) done();
            else navigator.serviceWorker.addEventListener("controllerchange", () => done());
        }))"""
    )


def waiting(page: Page, count: int) -> None:
    """Wait until so many actions wait on the phone, and the page says so."""
    words = "1 action waits" if count == 1 else f"{count} actions wait"
    expect(page.get_by_text(words)).to_be_visible()


def sent(page: Page) -> None:
    """Wait until nothing waits on the phone, and the page says so."""
    _until(page, "actions", "keys.length === 0")
    expect(page.get_by_text(re.compile("actions? waits?"))).to_have_count(0)


def posted(page: Page) -> list[str]:
    """Return a list that gets the idempotency key of each change of an order that leaves."""
    keys: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST" and "/api/v1/work-orders/" in request.url:
            keys.append(request.headers["idempotency-key"])

    page.context.on("request", note)
    return keys


def do(page: Page, verb: str) -> None:
    """Take a step and answer the dialog."""
    page.get_by_role("complementary").get_by_role("button", name=verb, exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=verb, exact=True).click()
    expect(dialog).to_have_count(0)


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fill in the page that asks who one is."""
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@contextmanager
def somebody(house: House, name: str) -> Generator[int]:
    """Make an operator with ``PASSWORD``; yields the number of the user."""
    person = {"name": name, "role": "operator", "password": PASSWORD}
    made = house.http.post("/users", json=person)
    assert made.is_success, made.text
    user: int = made.json()["id"]
    try:
        yield user
    finally:
        house.http.post(f"/users/{user}/disable").raise_for_status()


def order_of(house: House, room: str) -> dict[str, Any]:
    """Return an order of its own: a resident of that room has asked for it."""
    where = {"building": "1", "floor": "3", "name": room}
    house.http.put(f"/sites/riverside/rooms/{room}", json=where).raise_for_status()
    asked = {
        "site": "riverside",
        "room": room,
        "fault": "tap",
        "name": "Zhao",
        "phone": "13800000001",
    }
    taken = house.http.post("/repair-requests", json=asked)
    assert taken.is_success, taken.text
    return order(house, taken.json()["request"]["work_order_id"])


def order(house: House, number: int) -> dict[str, Any]:
    """Return an order as the server has it."""
    answer = house.http.get(f"/work-orders/{number}")
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def steps_of(house: House, number: int) -> list[tuple[str, str]]:
    """Return where an order went, and by whom."""
    events = order(house, number)["events"]
    return [(one["to_state"], one["by"]) for one in events if one["kind"] == "step"]
