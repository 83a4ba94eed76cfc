"""Processes of Plantroom forked from one that has imported everything.

A process of the end-to-end tests does most of its work before its first line: it imports what the
one before it imported. These are processes as any other, with their own pid, session, output and
exit status; what only a new interpreter shows is seen where the tests run the program itself.
"""

import asyncio
import contextlib
import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from plantroom.processes import LINE_LIMIT, Child, Running, plantroom_command

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.everything"])


class Forked:
    """One process, for a ``Child``."""

    def __init__(self, process: ForkServerProcess, stdout: asyncio.StreamReader) -> None:
        self.stdout: asyncio.StreamReader | None = stdout
        self.returncode: int | None = None
        self._process = process
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(process.sentinel, self._note_end)

    def _note_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self.returncode = self._process.exitcode
        self._ended.set()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, signal: int, /) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal)

    def kill(self) -> None:
        self._process.kill()


class ForkedChild(Child):
    """A child whose command is ``plantroom_command(...)``."""

    async def _launch(self, env: Mapping[str, str]) -> Running:
        program = plantroom_command()
        assert self.command[: len(program)] == program
        reader, writer = _FORKS.Pipe(duplex=False)
        words = self.command[len(program) :]
        process = _FORKS.Process(target=_run, args=(writer, words, dict(env)))
        process.start()
        writer.close()
        stdout = asyncio.StreamReader(limit=LINE_LIMIT)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(os.dup(reader.fileno()), "rb")
        )
        reader.close()
        return Forked(process, stdout)


def _run(output: Connection, words: list[str], env: Mapping[str, str]) -> None:
    from plantroom.__main__ import main  # noqa: PLC0415 (it is there, in the process this runs in)

    os.setsid()
    for number in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(output.fileno(), number)
    output.close()
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["plantroom", *words]
    main(prog_name="plantroom")
