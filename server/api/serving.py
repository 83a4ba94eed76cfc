"""Serves the application; with ``protocol`` the only importer of uvicorn."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Generator

import uvicorn
from fastapi import FastAPI

from config.server import HttpSettings
from server.api.protocol import IDLE_S, Connections
from server.core.clock import Clock
from server.core.errors import ServerError

GRACE_S = 2
_LOOK_S = 1.0
_TRIES, _RETRY_S = 10, 0.1
"""A server that was killed leaves the port as soon as its processes have ended."""


class HttpServer:
    """Answers on an open port while ``run`` runs."""

    def __init__(
        self, app: FastAPI, settings: HttpSettings, listener: socket.socket, clock: Clock
    ) -> None:
        self._listener = listener
        self._clock = clock
        self.connections = Connections(settings.max_connections)
        config = uvicorn.Config(
            app,
            # uvicorn calls it as it would the class.
            http=self.connections.make,  # pyright: ignore[reportArgumentType]
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Who says where a request comes from is a setting; see server/api/peer.py.
            proxy_headers=False,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = _Server(config)

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Answer until ``stop``; open requests get a moment to end."""
        self._server.on_ready = on_ready
        looks = asyncio.create_task(self._look(), name="http-connections")
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            looks.cancel()

    def stop(self) -> None:
        """Let ``run`` return soon; may be repeated."""
        self._server.should_exit = True

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._clock.sleep(_LOOK_S)
            self.connections.look(loop.time())


class _Server(uvicorn.Server):
    """Leaves the signals to the application and says when it answers."""

    on_ready: Callable[[], None] = staticmethod(lambda: None)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_ready()


def url_of(listener: socket.socket, settings: HttpSettings) -> str:
    """Where a server answers; with the port that was really taken."""
    host, port = settings.host, listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def listen(settings: HttpSettings, clock: Clock) -> socket.socket:
    """Take the port.

    Raises:
        ServerError: Somebody else has it.
    """
    for _ in range(_TRIES):
        try:
            return _listen(settings.host, settings.port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ServerError(_refusal(settings, error.strerror)) from error
        await clock.sleep(_RETRY_S)
    raise ServerError(_refusal(settings, "another program has it"))


def _refusal(settings: HttpSettings, reason: str | None) -> str:
    return f"cannot listen on {settings.host} port {settings.port}: {reason}"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except OSError as error:
        raise ServerError(f"http.host: {host!r} is no address of this machine: {error}") from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener
