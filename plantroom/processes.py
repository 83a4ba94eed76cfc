"""Child processes that say in a JSON line on stdout when they are ready."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
from collections import deque
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from plantroom.errors import ChildError

PORTS = range(20_000, 32_000)
"""What ``free_port`` chooses from; test processes that run side by side take different ranges."""
LINE_LIMIT = 1 << 20
"""Longest line of output, bytes."""
_TAIL_LINES = 30
_turn = count(secrets.randbelow(len(PORTS)))


def plantroom_command(*arguments: str) -> list[str]:
    """Return the command line of ``plantroom ARGUMENTS`` in this environment."""
    return [sys.executable, "-m", "plantroom", *arguments]


def free_port() -> int:
    """Return a free TCP port of the loopback interface.

    It is below those that Linux gives to outgoing connections, so that none of them takes it
    before its owner listens, and this process returns it only once in ``len(PORTS)`` calls.
    """
    while True:
        port = PORTS[next(_turn) % len(PORTS)]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Running(Protocol):
    """What a ``Child`` needs of its process, as ``asyncio.subprocess.Process`` has it."""

    stdout: asyncio.StreamReader | None
    """Its output, errors included."""

    @property
    def pid(self) -> int:
        """Process id."""
        ...

    @property
    def returncode(self) -> int | None:
        """Exit status; that of a signal is below zero. None: it runs."""
        ...

    async def wait(self) -> int:
        """Wait for its end; return its exit status."""
        ...

    def send_signal(self, signal: int, /) -> None:
        """Send a signal, also if it has just ended."""

    def kill(self) -> None:
        """Send SIGKILL, also if it has just ended."""


class Child:
    """One process; its output goes to a log file, its ready line to whoever waits.

    A process is ready when it prints a JSON object whose ``event`` is ``ready_event``.
    """

    def __init__(
        self, name: str, command: list[str], *, log: Path, ready_event: str | None = None
    ) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.ready: dict[str, Any] = {}
        self._ready_event = ready_event
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._process: Running | None = None
        self._reader: asyncio.Task[None] | None = None
        self._is_ready = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        """Process id of the running process."""
        if self._process is None:
            raise ChildError(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.returncode is None

    @property
    def tail(self) -> str:
        """Its last lines of output."""
        return "\n".join(self._tail)

    async def start(
        self, *, timeout_s: float = 180.0, env: Mapping[str, str] | None = None
    ) -> None:
        """Start the process and wait until it says that it is ready.

        Raises:
            ChildError: It died or said nothing within ``timeout_s``.
        """
        self._is_ready.clear()
        self._process = await self._launch({**os.environ, **(env or {})})
        self._reader = asyncio.create_task(self._read(self._process), name=f"log:{self.name}")
        if self._ready_event is None:
            return
        ready = asyncio.create_task(self._is_ready.wait())
        try:
            await asyncio.wait(
                {ready, self._reader}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        except asyncio.CancelledError:
            await self.stop()  # nobody else would: it was never entered
            raise
        finally:
            ready.cancel()
        if not self._is_ready.is_set():
            if self._reader.done():
                # Its end becomes known by itself; a signal after it would hide its exit status.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await self._process.wait()
            state = (
                "did not get ready" if self.running else f"ended with {self._process.returncode}"
            )
            await self.stop()
            raise ChildError(f"{self.name} {state}; its last output:\n{self.tail}")

    async def _launch(self, env: Mapping[str, str]) -> Running:
        return await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=LINE_LIMIT,
            env=env,
        )

    async def wait(self) -> int:
        """Wait for its end and return its exit status."""
        if self._process is None or self._reader is None:
            raise ChildError(f"{self.name} was not started")
        await asyncio.shield(self._reader)
        return await self._process.wait()

    async def stop(self, *, timeout_s: float = 6.0) -> int | None:
        """Ask it to stop (SIGTERM), then make it; returns its exit status."""
        if self._process is None:
            return None
        if self.running:
            self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(timeout_s):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
        return await self._finish()

    async def kill(self) -> None:
        """Kill it with SIGKILL, as a power cut would."""
        if self._process is not None and self.running:
            self._process.kill()
        await self._finish()

    async def _finish(self) -> int | None:
        if self._process is None:
            return None
        status = await self._process.wait()
        if self._reader is not None:
            await self._reader
        return status

    async def _read(self, process: Running) -> None:
        if process.stdout is None:
            raise ChildError(f"{self.name} has no output")
        with self.log.open("ab") as log:
            async for line in process.stdout:
                log.write(line)
                log.flush()
                text = line.decode(errors="replace").rstrip()
                self._tail.append(text)
                self._look_for_ready(text)

    def _look_for_ready(self, text: str) -> None:
        if self._is_ready.is_set() or not text.startswith("{"):
            return
        try:
            event = json.loads(text)
        except ValueError:
            return
        if event.get("event") == self._ready_event:
            self.ready = event
            self._is_ready.set()


async def init_server(file: Path, *, user: str, password_file: Path, log: Path) -> str:
    """Run ``plantroom server init`` and return the API token that it prints last.

    Raises:
        ChildError: It failed; the message ends with its output.
    """
    options = ["--user", user, "--password-file", str(password_file), "--token"]
    init = Child("server init", plantroom_command("server", "init", str(file), *options), log=log)
    async with init:
        status = await init.wait()
    if status != 0:
        raise ChildError(f"plantroom server init failed:\n{init.tail}")
    return init.tail.split()[-1]
