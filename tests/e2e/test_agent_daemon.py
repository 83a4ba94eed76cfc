"""The agent as a daemon: what it tells systemd, SIGHUP, and how fast it ends."""

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from plantroom.processes import free_port
from tests.e2e.agent_child import agent, until_event
from tests.patience import PATIENCE_S

WORDS = {"en": "Meter", "zh": "电表"}
POINT = {"table": "input", "address": 0, "type": "float32", "name": WORDS}


def write_file(path: Path, *, device_port: int, mqtt_port: int, devices: int = 1) -> None:
    content = {
        "site": "site",
        "gateway": "gw",
        "mqtt": {"port": mqtt_port},
        "status": {"port": 0},
        "ports": {"line": {"kind": "modbus_tcp", "host": "127.0.0.1", "port": device_port}},
        "uplink": {"clock_grace_s": 0},
        "devices": {
            f"meter-{number}": {
                "port": "line",
                "unit": number,
                "name": WORDS,
                "points": {"power": POINT},
            }
            for number in range(devices)
        },
    }
    path.write_text(yaml.safe_dump(content))


def watched(folder: Path) -> dict[str, str]:
    """What systemd tells a unit with a watchdog."""
    return {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "3000000"}


@pytest.fixture
def silence() -> Iterator[int]:
    """A port that takes connections and never answers, neither as broker nor as device."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(PATIENCE_S)
        yield listener


def until_notice(manager: socket.socket, word: str) -> list[str]:
    """What systemd heard up to a message that contains the word."""
    heard: list[str] = []
    while not heard or word not in heard[-1]:
        heard.append(manager.recv(4096).decode())
    return heard


def test_sighup_takes_over_a_right_file_and_refuses_a_wrong_one(
    tmp_path: Path, manager: socket.socket
) -> None:
    file = tmp_path / "agent.yaml"
    ports = {"device_port": free_port(), "mqtt_port": free_port()}
    write_file(file, **ports)
    with agent(file, watched(tmp_path)) as (process, lines):
        until_event(lines, "agent_ready")
        assert "READY=1\nSTATUS=polling 1 devices on 1 ports" in until_notice(manager, "READY")[-1]

        write_file(file, **ports, devices=3)
        process.send_signal(signal.SIGHUP)
        reloaded = until_event(lines, "reloaded")
        assert reloaded["devices_added"] == ["meter-1", "meter-2"]
        assert reloaded["ports_restarted"] == ["line"]
        notices = [
            message for message in until_notice(manager, "READY") if "WATCHDOG" not in message
        ]
        assert notices[0].startswith("RELOADING=1\nMONOTONIC_USEC=")
        assert notices[-1] == "READY=1\nSTATUS=polling 3 devices on 1 ports"

        file.write_text(file.read_text().replace("float32", "float23"))
        process.send_signal(signal.SIGHUP)
        refused = until_event(lines, "reload_refused")
        assert "float23" in refused["error"]
        assert "agent.yaml" in refused["error"]
        newest = until_notice(manager, "READY")[-1]
        assert newest.startswith(f"READY=1\nSTATUS=reload refused: {file}:")
        assert newest.endswith("; still polling 3 devices on 1 ports")

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
        until_notice(manager, "STOPPING=1")


@pytest.mark.alone
def test_sigterm_ends_it_within_five_seconds_though_nobody_answers(
    tmp_path: Path, manager: socket.socket, silence: int
) -> None:
    file = tmp_path / "agent.yaml"
    write_file(file, device_port=silence, mqtt_port=silence, devices=2)
    with agent(file, watched(tmp_path)) as (process, lines):
        until_event(lines, "agent_ready")
        until_notice(manager, "WATCHDOG=1")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
        assert time.monotonic() - began < 5
        until_event(lines, "agent_stopped")
