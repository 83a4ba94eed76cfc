"""Ctrl-C ends the demo in the middle of its start, too."""

from pathlib import Path

from plantroom.processes import free_port
from tests.e2e.demo_child import demo, left_of, lines_until, stop


def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing_behind(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_port()
    for stage in ("broker", "server", "estate"):
        with demo(folder, port) as running:
            lines_until(running, f"^{stage}")
            rest = stop(running)
        assert running.returncode == 0, rest
        assert "Traceback" not in rest
        assert left_of(folder) == []
