"""Web processes are forked from a process that has imported everything (ADR-66).

The fork server is itself forked from the server before that has threads, so one import serves all
three, and a web process that ended is replaced in a moment. Should it be gone, another is started
as a program. Its one request is to begin a web process on two sockets; one runs at a time.
"""

import asyncio
import contextlib
import ctypes
import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn, Self

from server.web.process import main

_PR_SET_PDEATHSIG = 1
_KILL = b"kill"
_BEGIN, _BEGUN = b"begin", b"begun"


class ForkServer:
    """The server's end."""

    def __init__(self, ours: socket.socket, pid: int) -> None:
        self._ours = ours
        self._pid = pid
        ours.settimeout(0)

    @classmethod
    def fork(cls) -> Self:
        """Fork it from this process, which has no loop yet and no thread that holds a lock."""
        gc.collect()
        gc.freeze()  # what both have stays shared
        ours, theirs = _pair()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            ours.close()
            end_with(parent)
            _until_end(lambda: serve(theirs))
        theirs.close()
        return cls(ours, pid)

    @classmethod
    def spawn(cls) -> Self:
        """Start it as a program, from whatever process."""
        ours, theirs = _pair()
        with theirs:
            command = [sys.executable, "-P", "-m", "server.web", str(theirs.fileno())]
            os.set_inheritable(theirs.fileno(), True)  # noqa: FBT003 (its only parameter)
            pid = os.posix_spawn(sys.executable, command, os.environ)
        return cls(ours, pid)

    async def begin(self, link: socket.socket, listener: socket.socket) -> "WebChild":
        """Fork a web process.

        Raises:
            OSError: The fork server is gone.
        """
        socket.send_fds(self._ours, [_BEGIN], [link.fileno(), listener.fileno()])
        await _heard(self._ours)
        return WebChild(self._ours)

    def renew(self) -> None:
        """Start another one as a program; this one is gone."""
        self.close()
        other = self.spawn()
        self._ours, self._pid = other._ours, other._pid  # noqa: SLF001 (of its own class)

    def close(self) -> None:
        """End it, and the web process with it."""
        self._ours.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


class WebChild:
    """One web process."""

    def __init__(self, ours: socket.socket) -> None:
        self._ours = ours
        self._ended = asyncio.create_task(self._hear(), name="web-ended")

    def kill(self) -> None:
        """End it with SIGKILL; may be repeated."""
        with contextlib.suppress(OSError):
            self._ours.send(_KILL)

    async def wait(self) -> int:
        """Return its exit status once it has ended; that of a signal is below zero."""
        return await asyncio.shield(self._ended)

    async def _hear(self) -> int:
        try:
            return int(await _heard(self._ours))
        except OSError:
            return -signal.SIGKILL  # the kernel ended it with the fork server


async def _heard(ours: socket.socket) -> bytes:
    heard = await asyncio.get_running_loop().sock_recv(ours, 32)
    if not heard:
        raise ConnectionResetError("the fork server is gone")
    return heard


def serve(requests: socket.socket) -> None:
    """Fork web processes on request until the other end is closed."""
    # The terminal and service managers signal every process; the server closes its end.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    while True:
        asked, numbers, _, _ = socket.recv_fds(requests, 32, 2)
        if not asked:
            return
        if asked != _BEGIN:
            continue  # a kill that came too late
        pid = _fork_web(requests, *numbers)
        for number in numbers:
            os.close(number)
        requests.send(_BEGUN)
        if not _watch(requests, pid):
            return


def _fork_web(requests: socket.socket, link: int, listener: int) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        requests.close()
        end_with(parent)
        _until_end(lambda: asyncio.run(main(link, listener)))
    return pid


def _watch(requests: socket.socket, pid: int) -> bool:
    """Tell when it has ended, kill it when asked; return whether the other end is still there."""
    there = True
    with selectors.DefaultSelector() as selector:
        process = os.pidfd_open(pid)
        selector.register(process, selectors.EVENT_READ)
        selector.register(requests, selectors.EVENT_READ)
        while process not in [key.fd for key, _ in selector.select()]:
            there = there and bool(requests.recv(32))
            os.kill(pid, signal.SIGKILL)
            selector.unregister(requests)
        os.close(process)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        requests.send(str(os.waitstatus_to_exitcode(status)).encode())
    return there


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _until_end(run: Callable[[], None]) -> NoReturn:
    """Run and end this process, without what its parent has begun."""
    status = 1
    try:
        run()
        status = 0
    finally:
        if status:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def end_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies, also in the middle of a request."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
