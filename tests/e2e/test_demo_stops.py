"""Ctrl-C ends the demo at once, in the middle of its start, too."""

import time
from pathlib import Path

import pytest

from plantroom.processes import free_port
from tests.e2e.demo_child import demo, left_of, lines_until, stop


@pytest.mark.alone
def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing_behind(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_port()
    for stage in ("broker", "server", "estate"):
        with demo(folder, port) as running:
            lines_until(running, f"^{stage}")
            at = time.monotonic()
            rest = stop(running)
            assert time.monotonic() - at < 10
        assert running.returncode == 0, rest
        assert "Traceback" not in rest
        assert left_of(folder) == []
