"""Frames both ways over one local socket: calls that are answered, and news without an answer.

A frame is two lengths (4 bytes each), a JSON object and a body of any bytes. Both ends belong to
one server and one user; what comes is believed.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, NamedTuple, Self

from structlog import get_logger

from server.core.errors import ConflictError, InvalidError, NotFoundError, ServerError, StoreError

_LENGTHS = struct.Struct(">II")
_ERRORS: dict[str, type[ServerError]] = {
    kind.__name__: kind for kind in (StoreError, NotFoundError, ConflictError, InvalidError)
}
log = get_logger()


class Frame(NamedTuple):
    """What one side says to the other."""

    name: str
    head: dict[str, Any]
    body: bytes = b""


Answer = Callable[[Frame], Awaitable[Frame]]
Hear = Callable[[Frame], None]


class Link:
    """One end. ``run`` reads until the other end is gone."""

    def __init__(self, *, answer: Answer, hear: Hear) -> None:
        self._answer = answer
        self._hear = hear
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Frame]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, end: socket.socket) -> Self:
        """Take one end of a pair of sockets."""
        self._reader, self._writer = await asyncio.open_connection(sock=end)
        return self

    @property
    def is_open(self) -> bool:
        """Whether the other end is there, as far as is known."""
        return self._writer is not None and not self._writer.is_closing()

    @property
    def unsent(self) -> int:
        """Bytes that the other end has not taken yet."""
        return 0 if self._writer is None else self._writer.transport.get_write_buffer_size()

    async def run(self) -> None:
        """Read until the other end closes; calls that wait fail then."""
        try:
            while True:
                number, frame = await self._read()
                self._take(number, frame)
        except (EOFError, OSError):
            return
        finally:
            self.close()

    def push(self, frame: Frame) -> None:
        """Send a frame that is not answered; never blocks."""
        self._write(0, frame)

    async def call(self, frame: Frame, *, timeout_s: float) -> Frame:
        """Ask and wait for the answer.

        Raises:
            StoreError: The other process does not answer in time, or is gone.
            ServerError: What the other process has raised.
        """
        number = next(self._numbers)
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._write(number, frame)
            async with asyncio.timeout(timeout_s):
                found = await future
        except TimeoutError as error:
            raise StoreError(f"the server did not answer within {timeout_s:g} s") from error
        finally:
            self._waiting.pop(number, None)
        if found.name == "error":
            raise _ERRORS.get(found.head["kind"], ServerError)(found.head["text"])
        return found

    def close(self) -> None:
        """Let go of the socket; may be repeated."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(StoreError("the server's other process is gone"))
        for task in self._tasks:
            task.cancel()
        if self._writer is not None:
            self._writer.close()

    async def _read(self) -> tuple[int, Frame]:
        if self._reader is None:
            raise EOFError
        lengths = await self._reader.readexactly(_LENGTHS.size)
        head_size, body_size = _LENGTHS.unpack(lengths)
        number, name, head = json.loads(await self._reader.readexactly(head_size))
        return number, Frame(name, head, await self._reader.readexactly(body_size))

    def _take(self, number: int, frame: Frame) -> None:
        if number == 0:
            self._hear(frame)
        elif number < 0:
            future = self._waiting.get(-number)
            if future is not None and not future.done():
                future.set_result(frame)
        else:
            task = asyncio.create_task(self._reply(number, frame), name=f"call:{frame.name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _reply(self, number: int, frame: Frame) -> None:
        working = asyncio.ensure_future(self._answer(frame))
        try:
            await asyncio.wait({working})
        finally:
            working.cancel()
        error = working.exception()
        if error is None:
            answer = working.result()
        elif isinstance(error, ServerError):
            answer = Frame("error", {"kind": type(error).__name__, "text": str(error)})
        else:
            log.error("call_crashed", call=frame.name, error=repr(error))
            text = "the server failed on this and has logged why"
            answer = Frame("error", {"kind": "ServerError", "text": text})
        self._write(-number, answer)

    def _write(self, number: int, frame: Frame) -> None:
        if self._writer is None or self._writer.is_closing():
            return
        head = json.dumps([number, frame.name, frame.head], separators=(",", ":")).encode()
        self._writer.write(_LENGTHS.pack(len(head), len(frame.body)) + head)
        if frame.body:
            self._writer.write(frame.body)  # not copied before it is sent
