"""The demo's first start, with a week behind it, and its second: each plays the whole story."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from plantroom.demo import cli
from plantroom.demo_files import describe_estate
from plantroom.processes import free_port
from tests.e2e.demo_child import demo, left_of, lines_until, stop

ESTATE = Path("simulators/estate.yaml")


def calls_of(incident: dict[str, Any]) -> list[tuple[str, list[str], list[str]]]:
    """Steps as (state, who, names)."""
    return [
        (one["state"], one["who"], [person["name"] for person in one["notified"]])
        for one in incident["steps"]
    ]


def see_the_week(http: httpx.Client) -> None:
    orders = http.get("/work-orders", params={"state": "closed"}).json()["items"]
    assert len(orders) > 5
    assert "week" in http.get("/session").json()["notice"]["en"]


def see_the_lead_called(http: httpx.Client, number: int) -> None:
    """The engineer was called and, as nobody answered, the lead."""
    incident = http.get(f"/incidents/{number}").json()
    assert calls_of(incident)[:2] == [
        ("done", ["on_duty"], ["Wang Wei"]),
        ("done", ["leader"], ["Li Min"]),
    ]
    assert incident["acknowledged_at"] is None
    assert [one["kind"] for one in incident["changes"]] == ["opened"]


def see_the_order_of(story: str, number: int) -> None:
    wanted = [
        "alarm #",
        f"incident #{number} opened",
        f"incident #{number} step 1 (on duty) calls Wang Wei",
        f"incident #{number} step 2 (leader) calls Li Min",
    ]
    at = [story.find(words) for words in wanted]
    assert -1 not in at, story
    assert at == sorted(at), story
    assert "Li Min's phone rings (signature right)" in story


def see_nothing_given_away(folder: Path, port: int, pid: int, second: Path) -> None:
    """Beside a running demo another one gets neither its folder nor its port."""
    for options in ([], ["--fresh"]):
        command = ["--dir", str(folder), "--port", str(free_port()), *options]
        answer = CliRunner().invoke(cli, command)
        assert answer.exit_code == 1
        assert f"process {pid}" in answer.output
    assert (folder / "credentials.json").exists()
    answer = CliRunner().invoke(cli, ["--dir", str(second), "--port", str(port)])
    assert answer.exit_code == 1
    assert f"port {port} is taken" in answer.output


def test_the_first_start_has_a_week_behind_it_and_the_next_plays_the_story_anew(
    tmp_path: Path,
) -> None:
    folder, port = tmp_path / "demo", free_port()
    with demo(folder, port, past=True) as running:
        lines = lines_until(running, "Li Min's phone rings")
        names = [line.partition("  ")[0] for line in describe_estate(ESTATE)]
        assert len(names) == 24
        for name in names:
            # In the list of the estate and as equipment; one on the slow line may come later.
            while "\n".join(lines).count(name) < 2:
                lines += lines_until(running, re.escape(name))
        known = json.loads((folder / "credentials.json").read_text())
        headers = {"Authorization": f"Bearer {known['token']}"}
        called = r"incident #(\d+) step 2 \(leader\) calls Li Min"
        # The phone may ring before the stream tells that it is called.
        while not (numbers := re.findall(called, "\n".join(lines))):
            lines += lines_until(running, called)
        number = int(numbers[0])
        with httpx.Client(base_url=f"{known['url']}/api/v1", headers=headers) as http:
            see_the_week(http)
            see_the_lead_called(http, number)
        see_nothing_given_away(folder, port, running.pid, tmp_path / "second")
        story = "\n".join(lines) + stop(running)
    assert running.returncode == 0
    assert left_of(folder) == []
    assert f"http://127.0.0.1:{port}" in story
    assert "faults with their repairs" in story
    assert "closed what an earlier run left open" not in story
    see_the_order_of(story, number)

    with demo(folder, port, past=True) as again:
        story = "\n".join(lines_until(again, "Wang Wei's phone rings"))
    assert not re.search("^past", story, re.MULTILINE)
    assert story.count("closed what an earlier run left open") == 1
