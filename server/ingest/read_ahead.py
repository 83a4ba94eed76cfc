"""paho's client, but what has arrived is read at once instead of byte by byte.

paho reads a message in four or five calls of the system. Each of them lets go of the interpreter's
lock and waits up to 5 ms to get it back while the ingest thread works; the messages of all gateways
then pile up at the broker, where nobody serves them in turn. Here one call reads what is there, and
published messages of QoS 0 are cut out of it without paho; everything else goes its usual way, in
the order of arrival.
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, cast

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode

_CHUNK = 262_144
"""Bytes that are read at once."""
_PUBLISH = 0x30
_NO_QOS = 0xF6
"""Mask of a first byte: all but DUP and RETAIN."""
_RETAIN = 0x01
_MOST_LENGTH_BYTES = 4


class Published(NamedTuple):
    """A message of QoS 0."""

    topic: bytes
    payload: bytes
    retain: bool


class ReadAhead:
    """A socket whose bytes are taken packet by packet; everything else is the socket's own."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 (paho's socket-like)
        self._connection = connection
        self._buffer = bytearray()
        self._left = 0
        """Bytes of the packet that ``recv`` may give away."""
        self._ended = False
        self._error: OSError | None = None
        self._tells = False
        """Whether ``recv`` may tell of the end: all that came before it was given away."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever a socket has)
        return getattr(self._connection, name)

    def fill(self) -> None:
        """Read what is there; never blocks. An error is raised by the next ``recv``."""
        size = 0
        try:
            while size < _CHUNK:
                data = self._connection.recv(_CHUNK)
                if not data:
                    self._ended = True
                    return
                self._buffer += data
                size += len(data)
                if not isinstance(self._connection, ssl.SSLSocket):
                    return
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            self._error = error

    def take_published(self) -> list[Published]:
        """Return the messages of QoS 0 up to the next packet of another kind."""
        found: list[Published] = []
        buffer, at = self._buffer, 0
        with memoryview(buffer) as view:
            while (span := _packet(buffer, at)) is not None and buffer[at] & _NO_QOS == _PUBLISH:
                body, end = span
                topic = body + 2 + int.from_bytes(view[body : body + 2], "big")
                if not body + 2 <= topic <= end:
                    break  # paho knows what to do with nonsense
                retain = bool(buffer[at] & _RETAIN)
                found.append(
                    Published(bytes(view[body + 2 : topic]), bytes(view[topic:end]), retain)
                )
                at = end
        del buffer[:at]
        return found

    def has_packet(self) -> bool:
        """Whether ``recv`` has a whole packet, or the end, to tell."""
        span = _packet(self._buffer, 0)
        self._left = 0 if span is None else span[1]
        self._tells = span is None and (self._ended or self._error is not None)
        return span is not None or self._tells

    def recv(self, size: int) -> bytes:
        """Return bytes of the packet that is whole.

        Raises:
            BlockingIOError: It is not there yet.
            OSError: The connection broke.
        """
        size = min(size, self._left)
        if size:
            data = bytes(self._buffer[:size])
            del self._buffer[:size]
            self._left -= size
            return data
        if not self._tells:
            raise BlockingIOError
        if self._error is not None:
            raise self._error
        return b""

    def pending(self) -> int:
        """Return how many bytes the TLS layer holds, which no ``select`` tells of."""
        connection = self._connection
        return connection.pending() if isinstance(connection, ssl.SSLSocket) else 0


def _packet(buffer: bytearray, start: int) -> tuple[int, int] | None:
    """Return where the body of a packet begins and ends; None while it is not whole."""
    size, at, length = len(buffer), start + 1, 0
    for shift in range(_MOST_LENGTH_BYTES):
        if at >= size:
            return None
        length |= (buffer[at] & 127) << 7 * shift
        at += 1
        if buffer[at - 1] < 128:  # noqa: PLR2004 (the bit that says that more follows)
            break
    else:
        return at, size  # paho finds that this is no length
    return (at, at + length) if at + length <= size else None


class ReadAheadClient(Client):
    """A client that hands published messages of QoS 0 over in bulk.

    ``on_published`` is called in paho's thread with what arrived together; messages of another QoS
    come by ``on_message``. ``_create_socket`` is paho's own word for where its socket comes from.
    """

    on_published: Callable[[list[Published]], None] | None = None
    _ahead: ReadAhead | None = None

    def _create_socket(self) -> Any:  # noqa: ANN401 (paho's socket-like)
        self._ahead = ReadAhead(super()._create_socket())
        return self._ahead

    def shut(self) -> None:
        """End the connection without a word, so that the broker publishes the Will."""
        if self._ahead is not None:
            with suppress(OSError):
                self._ahead.shutdown(socket.SHUT_RDWR)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read what is there; hand over what was published, let paho do the rest."""
        ahead = self._ahead
        if ahead is None or self.on_published is None:
            return super().loop_read(max_packets)
        ahead.fill()
        while True:
            published = ahead.take_published()
            if published:
                self.on_published(published)
            if not ahead.has_packet():
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            result = super().loop_read(max_packets)
            if result or cast("object", self.socket()) is not ahead:
                return result
