"""The demo as a newcomer meets it: twice in a row, beside itself, with wrong options."""

import json
import re
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from plantroom.demo import cli
from plantroom.demo_files import describe_estate
from plantroom.processes import free_port
from tests.e2e.demo_child import demo, lines_until, stop

ESTATE = Path("simulators/estate.yaml")


@pytest.mark.timeout(180)
def test_the_story_plays_at_each_start_and_names_every_device(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_port()
    for number in (1, 2):
        running = demo(folder, port)
        lines = lines_until(running, "Wang Wei's phone rings")
        names = [line.partition("  ")[0] for line in describe_estate(ESTATE)]
        assert len(names) == 24
        for name in names:
            # In the list of the estate and as equipment; one on the slow line may come later.
            while "\n".join(lines).count(name) < 2:
                lines += lines_until(running, re.escape(name))
        stop(running)
        story = "\n".join(lines)
        assert f"http://127.0.0.1:{port}" in story
        assert story.count("closed what an earlier run left open") == number - 1


def test_beside_a_running_demo_neither_its_folder_nor_its_port_is_given_away(
    tmp_path: Path,
) -> None:
    folder, port = tmp_path / "demo", free_port()
    running = demo(folder, port)
    lines_until(running, "^server")
    for options in ([], ["--fresh"]):
        command = ["--dir", str(folder), "--port", str(free_port()), *options]
        answer = CliRunner().invoke(cli, command)
        assert answer.exit_code == 1
        assert f"process {running.pid}" in answer.output
    assert (folder / "credentials.json").exists()
    second = demo(tmp_path / "second", port)
    words, _ = second.communicate(timeout=20)
    assert second.returncode == 1
    assert f"port {port} is taken" in words
    stop(running)


@pytest.mark.parametrize("port", ["0", "65536", "80000", "-1", "x"])
def test_a_wrong_port_is_refused(tmp_path: Path, port: str) -> None:
    answer = CliRunner().invoke(cli, ["--dir", str(tmp_path / "demo"), "--port", port])
    assert answer.exit_code == 2
    assert "--port" in answer.output
    assert not (tmp_path / "demo").exists()


def test_a_folder_that_is_no_demos_is_not_emptied(tmp_path: Path) -> None:
    kept = tmp_path / "thesis.txt"
    kept.write_text("three years")
    answer = CliRunner().invoke(cli, ["--dir", str(tmp_path), "--fresh"])
    assert answer.exit_code == 1
    assert "no folder of a demo" in answer.output
    assert kept.read_text() == "three years"


@pytest.mark.timeout(180)
def test_the_first_start_has_a_week_behind_it_and_the_next_goes_on(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_port()
    running = demo(folder, port, past=True)
    lines = lines_until(running, "Wang Wei's phone rings")
    assert any("faults with their repairs" in line for line in lines)
    assert "closed what an earlier run left open" not in "\n".join(lines)
    known = json.loads((folder / "credentials.json").read_text())
    headers = {"Authorization": f"Bearer {known['token']}"}
    with httpx.Client(base_url=f"{known['url']}/api/v1", headers=headers) as http:
        orders = http.get("/work-orders", params={"state": "closed"}).json()["items"]
        assert len(orders) > 5
        assert "week" in http.get("/session").json()["notice"]["en"]
    stop(running)
    again = demo(folder, port, past=True)
    lines = lines_until(again, "Wang Wei's phone rings")
    assert not any(line.startswith("past") for line in lines)
    stop(again)
