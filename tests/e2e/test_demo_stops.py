"""Ctrl-C ends the demo at once, also in the middle of its start, and a second one is told why."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from plantroom.processes import free_port, plantroom_command


def demo(folder: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        plantroom_command("demo", "--port", str(port), "--dir", str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell's background job would be started with SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def said(running: subprocess.Popen[str], word: str) -> None:
    assert running.stdout is not None
    heard: list[str] = []
    for line in running.stdout:
        heard.append(line)
        if line.startswith(word):
            return
    pytest.fail(f"it never said {word!r}, but\n{''.join(heard)}")


def left_of(folder: Path) -> list[str]:
    """Command lines of processes that name the folder."""
    found: list[str] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().replace(bytes(1), b" ").decode()
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found


@pytest.mark.timeout(90)
def test_ctrl_c_at_any_stage_leaves_nothing_behind(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_port()
    for stage in ("broker", "server", "estate", "agent"):
        running = demo(folder, port)
        said(running, stage)
        at = time.monotonic()
        os.killpg(running.pid, signal.SIGINT)
        rest, _ = running.communicate(timeout=20)
        assert running.returncode == 0, rest
        assert "Traceback" not in rest
        assert time.monotonic() - at < 10
        assert left_of(folder) == []


def test_a_second_demo_on_the_same_port_is_told_why(tmp_path: Path) -> None:
    port = free_port()
    first = demo(tmp_path / "one", port)
    said(first, "server")
    second = demo(tmp_path / "two", port)
    words, _ = second.communicate(timeout=20)
    os.killpg(first.pid, signal.SIGINT)
    first.communicate(timeout=20)
    assert second.returncode == 1
    assert f"port {port} is taken" in words
