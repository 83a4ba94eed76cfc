"""HTTP to the outside, for every channel and the heartbeat. The only importer of httpx.

The name is resolved for each request, all its addresses are checked, and the connection goes to
the very address that was checked, so a second answer of the name service changes nothing.
Redirects are not followed, because they could lead anywhere.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self

import httpx

from server.core.errors import ServerError
from server.notifications.channels.addresses import UnreachableHostError, resolve


class OutboundError(ServerError):
    """There was no answer."""


class NotSentError(OutboundError):
    """The request never left this machine."""


class NoAnswerError(OutboundError):
    """The request left, so it may have been understood."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; the body may be cut."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 (the definition)


class Outbound:
    """A client for one receiver or provider."""

    def __init__(self, *, timeout_s: float, allow_private: bool) -> None:
        self.timeout_s = timeout_s
        self._allow_private = allow_private
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            # The environment's proxies would hide the receiver's address from the check.
            trust_env=False,
            verify=_trusted(),
            timeout=self.timeout_s,
            # A kept connection that the other side is just closing looks like an unknown outcome.
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        most_bytes: int = 65_536,
        read_success: bool = True,
    ) -> Reply:
        """Make one request.

        Raises:
            PrivateAddressError: The name leads into the operator's own network.
            NotSentError: It did not leave.
            NoAnswerError: It left, but no whole answer came.
        """
        left = asyncio.Event()

        async def trace(name: str, _info: object) -> None:
            if name.endswith("send_request_headers.started"):
                left.set()

        unanswered = f"no answer within {self.timeout_s:g} s"
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._exchange(
                    method,
                    httpx.URL(url),
                    headers=headers,
                    content=content,
                    most_bytes=most_bytes,
                    read_success=read_success,
                    trace=trace,
                )
        except UnreachableHostError as error:
            raise NotSentError(str(error)) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise _failure(left)(unanswered) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failure(left)(f"{type(error).__name__}: {error}") from error

    async def _exchange(
        self,
        method: str,
        url: httpx.URL,
        *,
        headers: Mapping[str, str],
        content: bytes,
        most_bytes: int,
        read_success: bool,
        trace: object,
    ) -> Reply:
        client = self._client
        if client is None:
            raise RuntimeError("the channel is not open")
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await resolve(url.host, port, allow_private=self._allow_private)
        request = client.build_request(
            method,
            url.copy_with(host=address),
            content=content,
            headers={
                "Host": url.netloc.decode("ascii"),
                "User-Agent": "plantroom",
                "Accept-Encoding": "identity",
                **headers,
            },
            # TLS asks for, and checks, the name and not the address.
            extensions={"sni_hostname": url.host, "trace": trace},
        )
        response = await client.send(request, stream=True)
        try:
            read = read_success or not response.is_success
            body = await _beginning(response, most_bytes) if read else b""
            return Reply(response.status_code, response.headers, body)
        finally:
            await response.aclose()


async def warm_up() -> None:
    """Make one request to this process: what is imported and built by the first one is there."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    with suppress(OSError, OutboundError):
        listening = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with listening, Outbound(timeout_s=2, allow_private=True) as out:
            port = listening.sockets[0].getsockname()[1]
            await out.request("POST", f"http://127.0.0.1:{port}/", headers={})


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted; reading them takes longer than a message."""
    return httpx.create_ssl_context(trust_env=False)


def _failure(left: asyncio.Event) -> type[OutboundError]:
    return NoAnswerError if left.is_set() else NotSentError


async def _beginning(response: httpx.Response, most_bytes: int) -> bytes:
    text = bytearray()
    async for chunk in response.aiter_raw():
        text += chunk
        if len(text) >= most_bytes:
            break
    return bytes(text[:most_bytes])


class Caller:
    """Something that calls out, with one connection for as long as it is entered."""

    def __init__(self, *, timeout_s: float, allow_private: bool) -> None:
        self._out = Outbound(timeout_s=timeout_s, allow_private=allow_private)

    @property
    def timeout_s(self) -> float:
        """Longest call, seconds."""
        return self._out.timeout_s

    async def __aenter__(self) -> Self:
        await self._out.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._out.__aexit__(kind, error, traceback)
