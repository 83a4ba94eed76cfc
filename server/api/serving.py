"""Serves the application; the only importer of uvicorn."""

import contextlib
import errno
import socket
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from config.server import HttpSettings
from server.core.errors import ServerError

_GRACE_S = 2


class HttpServer:
    """Listens from the moment it is entered, answers while ``run`` runs."""

    def __init__(self, app: FastAPI, settings: HttpSettings) -> None:
        self._settings = settings
        self._socket: socket.socket | None = None
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Who says where a request comes from is a setting; see server/api/peer.py.
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Server(config)

    def __enter__(self) -> Self:
        """Take the port.

        Raises:
            ServerError: Somebody else has it.
        """
        self._socket = _listen(self._settings.host, self._settings.port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    @property
    def url(self) -> str:
        """Where it answers; with the port that was really taken."""
        host = self._settings.host
        port = self._socket.getsockname()[1] if self._socket else self._settings.port
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Answer until ``stop``; open requests get a moment to end."""
        if self._socket is None:
            raise ServerError("the HTTP server was not opened")
        self._server.on_ready = on_ready
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """Let ``run`` return soon; may be repeated."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """Leaves the signals to the application and says when it answers."""

    on_ready: Callable[[], None] = staticmethod(lambda: None)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_ready()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ServerError(f"http.host: {host!r} is no address of this machine: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        taken = "another program has it" if error.errno == errno.EADDRINUSE else error.strerror
        raise ServerError(f"cannot listen on {host} port {port}: {taken}") from error
    return listener
