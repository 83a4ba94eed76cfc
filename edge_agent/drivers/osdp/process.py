"""The process of one line: started, listened to, ended."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from edge_agent.clock import Clock
from edge_agent.errors import PortDownError
from protocols.errors import FrameError
from protocols.osdp.notes import (
    LONGEST_LINE,
    Failed,
    Line,
    Note,
    Tell,
    decode_note,
    encode_line,
    encode_tell,
)

_ENDING_S: Final = 2.0
_KEPT_LINES: Final = 5


class PanelProcess:
    """A running control panel.

    Attributes:
        heard_s: When it last said something, monotonic seconds.
        lost: Why it is not there any more; empty while it is.
        ended: Set when it is not there any more.
    """

    def __init__(
        self, process: Process, *, name: str, take: Callable[[Note], None], clock: Clock
    ) -> None:
        self.heard_s = clock.monotonic_s()
        self.lost = ""
        self.ended = asyncio.Event()
        self._process = process
        self._name = name
        self._take = take
        self._clock = clock
        self._last_lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._log = structlog.get_logger().bind(line=name)
        self._tasks = [
            asyncio.create_task(self._listen(), name=f"osdp {name}"),
            asyncio.create_task(self._keep_stderr(), name=f"osdp {name} stderr"),
        ]

    @classmethod
    async def start(
        cls, line: Line, *, take: Callable[[Note], None], clock: Clock
    ) -> "PanelProcess":
        """Start the panel of a line; ``take`` gets what it says.

        Raises:
            PortDownError: There can be no process.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "edge_agent.drivers.osdp",
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                limit=LONGEST_LINE,
                # A Ctrl-C in the terminal is the agent's affair.
                start_new_session=True,
            )
        except OSError as error:
            raise PortDownError(f"{line.device}: no process for OSDP: {error.strerror}") from error
        panel = cls(process, name=line.device, take=take, clock=clock)
        panel._write(encode_line(line))
        return panel

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def tell(self, tell: Tell) -> None:
        """Hand a command over."""
        self._write(encode_tell(tell))

    def _write(self, data: bytes) -> None:
        """Write a line; one that nobody reads any more is told by ``lost``."""
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(data)

    async def end(self) -> None:
        """End it: its input ends, and what does not hear that is killed."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_ENDING_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    async def _listen(self) -> None:
        """Take what it says until it ends, and say how it ended."""
        output = self._process.stdout
        while output is not None and (line := await output.readline()):
            self.heard_s = self._clock.monotonic_s()
            try:
                note = decode_note(line)
            except FrameError as error:
                self._last_lines.append(str(error))
                continue
            if isinstance(note, Failed):
                self.lost = note.why
            else:
                self._take(note)
        code = await self._process.wait()
        if not self.lost:
            how = f"killed by signal {-code}" if code < 0 else f"ended with {code}"
            self.lost = f"the process of OSDP was {how}"
            self._log.warning("osdp_process_ended", how=how, said=list(self._last_lines))
        self.ended.set()

    async def _keep_stderr(self) -> None:
        errors = self._process.stderr
        while errors is not None and (line := await errors.readline()):
            self._last_lines.append(line.decode("utf-8", "replace").rstrip())
