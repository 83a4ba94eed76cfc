"""The demo's pump trips: the engineer is called and, as nobody answers, the lead."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from plantroom.processes import free_port
from tests.e2e.demo_child import demo, lines_until, stop


def incidents(http: httpx.Client) -> list[dict[str, Any]]:
    listed = http.get("/incidents", params={"state": "all"}).json()["items"]
    return [http.get(f"/incidents/{one['id']}").json() for one in listed]


def calls_of(incident: dict[str, Any]) -> list[tuple[str, list[str], list[str]]]:
    """Steps as (state, who, names)."""
    return [
        (one["state"], one["who"], [person["name"] for person in one["notified"]])
        for one in incident["steps"]
    ]


def escalated(http: httpx.Client) -> dict[str, Any] | None:
    """The first incident whose lead was called and has the message."""
    for one in incidents(http):
        lead = one["steps"][1:2]
        if lead and lead[0]["notified"] and lead[0]["notified"][0]["state"] == "sent":
            return one
    return None


@pytest.mark.timeout(180)
def test_a_pump_trip_calls_the_engineer_and_then_the_lead(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_port()
    running = demo(folder, port)
    try:
        story = lines_until(running, "Li Min's phone rings")
        credentials = json.loads((folder / "credentials.json").read_text())
        headers = {"Authorization": f"Bearer {credentials['token']}"}
        with httpx.Client(base_url=f"{credentials['url']}/api/v1", headers=headers) as http:
            deadline = time.monotonic() + 5
            while (incident := escalated(http)) is None:
                assert time.monotonic() < deadline
    finally:
        rest = stop(running)
    number = incident["id"]
    assert calls_of(incident)[:2] == [
        ("done", ["on_duty"], ["Wang Wei"]),
        ("done", ["leader"], ["Li Min"]),
    ]
    assert incident["acknowledged_at"] is None
    assert [one["kind"] for one in incident["changes"]] == ["opened"]
    wanted = [
        "alarm #",
        f"incident #{number} opened",
        f"incident #{number} step 1 (on duty) calls Wang Wei",
        f"incident #{number} step 2 (leader) calls Li Min",
    ]
    # The phone may ring before the stream tells that it is called.
    output = "\n".join(story) + rest
    at = [output.find(words) for words in wanted]
    assert -1 not in at, output
    assert at == sorted(at), output
    assert "Li Min's phone rings (signature right)" in output
