"""The agent as a process: says when it is ready, stops cleanly, refuses wrong files."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from edge_agent.__main__ import cli
from plantroom.processes import free_port
from tests.e2e.agent_child import agent, until_event
from tests.patience import PATIENCE_S

WORDS = {"en": "Meter", "zh": "电表"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An agent file with a broker and a device that do not exist."""
    content = {
        "site": "site",
        "gateway": "gw",
        "mqtt": {"port": free_port()},
        "status": {"port": 0},
        "ports": {"line": {"kind": "modbus_tcp", "host": "127.0.0.1", "port": free_port()}},
        "uplink": {"clock_grace_s": 0},
        "devices": {
            "meter": {
                "port": "line",
                "name": WORDS,
                "points": {
                    "power": {"table": "input", "address": 0, "type": "float32", "name": WORDS}
                },
            }
        },
    }
    path = tmp_path / "agent.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_it_is_ready_without_broker_or_device_and_stops_cleanly_on_sigterm(file: Path) -> None:
    with agent(file) as (process, lines):
        ready = until_event(lines, "agent_ready")
        assert (ready["site"], ready["gateway"], ready["devices"]) == ("site", "gw", 1)
        assert ready["status_port"] > 0
        until_event(lines, "uplink_down")

        second = subprocess.run(
            [sys.executable, "-m", "plantroom", "agent", "run", str(file)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert second.returncode == 1
        assert "in use by another process" in second.stderr
        assert "Traceback" not in second.stderr

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
        until_event(lines, "agent_stopped")
    with closing(sqlite3.connect(file.with_name("journal.sqlite"))) as database:
        facts = dict(database.execute("SELECT name, value FROM facts"))
    # Closed in order: the offsets that nobody used are given back.
    assert facts["reserved"] == facts["rows"] == 0
    assert facts["bd_seq"] >= 0


def test_check_says_what_the_gateway_would_do(file: Path) -> None:
    result = CliRunner().invoke(cli, ["check", str(file)])
    assert result.exit_code == 0
    assert "gateway gw of site site" in result.output
    assert "meter: unit 1" in result.output


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_wrong_file_is_refused_with_status_2(command: str, file: Path) -> None:
    file.write_text(file.read_text().replace("float32", "float23"))
    result = CliRunner().invoke(cli, [command, str(file)])
    assert result.exit_code == 2
    assert "float23" in result.output
    assert "agent.yaml" in result.output


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_missing_file_is_refused_with_status_2(command: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, [command, str(tmp_path / "none.yaml")])
    assert result.exit_code == 2
    assert "none.yaml" in result.output


@pytest.mark.parametrize("command", [[], ["run"], ["check"]])
def test_every_command_teaches_by_example(command: list[str]) -> None:
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "plantroom agent" in result.output
    assert "agent.yaml" in result.output
