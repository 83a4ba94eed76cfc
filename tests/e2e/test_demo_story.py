"""The demo's pump trips: the engineer is called and, as nobody answers, the lead."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from plantroom.processes import free_port
from tests.e2e.test_demo_stops import demo


def incidents(http: httpx.Client) -> list[dict[str, Any]]:
    listed = http.get("/incidents", params={"state": "all"}).json()["items"]
    return [http.get(f"/incidents/{one['id']}").json() for one in listed]


def calls_of(incident: dict[str, Any]) -> list[tuple[str, list[str], list[str]]]:
    """Steps as (state, who, names)."""
    return [
        (one["state"], one["who"], [told["name"] for told in one["told"]])
        for one in incident["steps"]
    ]


def escalated(http: httpx.Client) -> dict[str, Any] | None:
    """The first incident whose lead was called and has the message."""
    for one in incidents(http):
        lead = one["steps"][1:2]
        if lead and lead[0]["told"] and lead[0]["told"][0]["state"] == "sent":
            return one
    return None


def lines_until(running: subprocess.Popen[str], word: str) -> list[str]:
    assert running.stdout is not None
    lines: list[str] = []
    for line in running.stdout:
        lines.append(line.rstrip())
        if word in line:
            return lines
    pytest.fail("\n".join(lines))


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
        os.killpg(running.pid, signal.SIGINT)
        rest, _ = running.communicate(timeout=20)
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
    told = "\n".join(story) + rest
    at = [told.find(words) for words in wanted]
    assert -1 not in at, told
    assert at == sorted(at), told
    assert "Li Min's phone rings (signature right)" in told
