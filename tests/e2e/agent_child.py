"""One agent as a process whose lines a test reads as they come."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from plantroom.processes import plantroom_command


@contextmanager
def agent(
    file: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Run the agent of a file; give the process and its log, kill it at the end."""
    with subprocess.Popen(
        plantroom_command("agent", "run", str(file)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (environment or {}),
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def until_event(lines: IO[str], event: str) -> dict[str, Any]:
    """Read the log up to that event and return it."""
    for line in lines:
        entry = json.loads(line)
        if entry["event"] == event:
            return entry
    raise AssertionError(f"the agent never logged {event}")
