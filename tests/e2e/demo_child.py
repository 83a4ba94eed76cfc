"""The demo as a process, as somebody at a terminal runs it."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from plantroom.processes import plantroom_command


def demo(
    folder: Path, port: int, *options: str, path: str = "", past: bool = False
) -> subprocess.Popen[str]:
    """Start it; its output is read with ``lines_until`` and ``stop``.

    Args:
        folder: Its ``--dir``.
        port: Its ``--port``.
        options: Further ones.
        path: Where programs are sought first.
        past: Make up the week before.
    """
    return subprocess.Popen(
        plantroom_command(
            *("demo", "--port", str(port), "--dir", str(folder)),
            "--past" if past else "--no-past",
            *options,
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"},
        start_new_session=True,
        # A shell's background job would be started with SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def lines_until(running: subprocess.Popen[str], pattern: str) -> list[str]:
    """Read its output up to the line in which the regular expression is found."""
    assert running.stdout is not None
    lines: list[str] = []
    for line in running.stdout:
        lines.append(line.rstrip())
        if re.search(pattern, line):
            return lines
    pytest.fail("\n".join([f"it never wrote {pattern!r}, but", *lines]))


def stop(running: subprocess.Popen[str]) -> str:
    """Press Ctrl-C; return what it still wrote."""
    os.killpg(running.pid, signal.SIGINT)
    rest, _ = running.communicate(timeout=20)
    return rest
