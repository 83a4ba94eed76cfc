"""A server of the tests' own that answers HTTP, as a process."""

import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

_START_S = 30


class HttpProcess(NamedTuple):
    """A server that runs."""

    url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def http_process(
    command: Sequence[str], *, url: str, ready: str, log: Path
) -> Generator[HttpProcess]:
    """Start a server, yield it once it answers on the path ``ready``, kill it."""
    with log.open("ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        _await(f"{url}{ready}", process, log)
        yield HttpProcess(url, process)
    finally:
        process.kill()
        process.wait()


def _await(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(_START_S * 20):
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            assert process.poll() is None, log.read_text("utf-8")
        time.sleep(0.05)
    raise TimeoutError(log.read_text("utf-8"))
