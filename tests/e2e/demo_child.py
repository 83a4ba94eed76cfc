"""The demo as a process, as somebody at a terminal runs it."""

import os
import re
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from plantroom.processes import plantroom_command
from tests.patience import PATIENCE_S
from tests.process_tree import descendants


@contextmanager
def demo(
    folder: Path, port: int, *options: str, path: str = "", past: bool = False
) -> Generator[subprocess.Popen[str]]:
    """Run it; its output is read with ``lines_until`` and ``stop``. Nothing of it is left behind.

    Args:
        folder: Its ``--dir``.
        port: Its ``--port``.
        options: Further ones.
        path: Where programs are sought first.
        past: Make up the week before.
    """
    running = subprocess.Popen(
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
    try:
        yield running
    finally:
        if running.poll() is None:
            stop(running)


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
    try:
        rest, _ = running.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        for pid in [*descendants(running.pid), running.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        raise
    return rest


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
