"""The process that runs a gateway; what reads files is not in its memory (ADR-59).

``python -m edge_agent.running FILE LOG_LEVEL HANDLE``: HANDLE is an open file with what FILE says.
"""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from config.errors import ConfigError
from config.gateway import REFUSED, Gateway
from edge_agent.app import run
from edge_agent.clock import SteadyClock, SystemClock
from edge_agent.errors import AgentError
from edge_agent.log import set_up_logging
from edge_agent.service_manager import ServiceManager
from protocols.errors import PlantroomError

_LAST_WORDS_S = 2.0
_MOST_READING_S = 120.0
"""A file on a share that hangs is not waited for any longer."""


def load_apart(file: Path) -> Gateway:
    """Load an agent file in a process of its own: no port waits meanwhile.

    Raises:
        ConfigError: It is wrong, or could not be read now.
    """
    command = [sys.executable, "-P", "-m", "edge_agent.agent_file", str(file)]
    try:
        reader = subprocess.run(  # noqa: S603 (this program itself)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
            timeout=_MOST_READING_S,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{file}: cannot be read now: its reader does not end") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read now: {error.strerror}") from None
    if reader.returncode == REFUSED:
        raise ConfigError(reader.stdout.decode())
    if reader.returncode:
        raise ConfigError(f"{file}: cannot be read now: its reader ended with {reader.returncode}")
    return _gateway(reader.stdout)


def _handed_over(handle: int) -> Gateway:
    with os.fdopen(handle, "rb") as content:
        content.seek(0)
        return _gateway(content.read())


def _gateway(content: bytes) -> Gateway:
    found: Gateway = pickle.loads(content)  # noqa: S301 (this program wrote it)
    return found


async def _run(gateway: Gateway, file: Path) -> None:
    await run(
        gateway,
        SteadyClock(SystemClock()),
        load=lambda: load_apart(file),
        manager=ServiceManager.of(os.environ),
    )
    # All is closed and on disk. A thread that hangs in a name server must not hold up the end.
    signal.setitimer(signal.ITIMER_REAL, _LAST_WORDS_S)


def _single(group: BaseExceptionGroup[PlantroomError]) -> Iterator[PlantroomError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _single(error)
        else:
            yield error


def main(file: str, log_level: str, handle: str) -> None:
    """Run a gateway until SIGTERM or SIGINT; exits with 1 on a failure."""
    gateway = _handed_over(int(handle))
    set_up_logging(level=log_level)
    try:
        asyncio.run(_run(gateway, Path(file)))
    except* (AgentError, ConfigError) as group:
        for error in _single(group):
            sys.stderr.write(f"plantroom agent: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
