"""Ctrl-C ends the demo at once, also in the middle of its start."""

import time
from pathlib import Path

import pytest

from plantroom.processes import free_port
from tests.e2e.demo_child import demo, lines_until, stop


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


@pytest.mark.timeout(180)
def test_ctrl_c_at_any_stage_leaves_nothing_behind(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_port()
    for stage in ("broker", "server", "estate", "agent"):
        running = demo(folder, port)
        lines_until(running, f"^{stage}")
        at = time.monotonic()
        rest = stop(running)
        assert running.returncode == 0, rest
        assert "Traceback" not in rest
        assert time.monotonic() - at < 10
        assert left_of(folder) == []
