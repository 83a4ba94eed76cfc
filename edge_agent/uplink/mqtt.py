"""One connection to the broker; the only importer of paho in the agent.

paho has no thread of its own here: the event loop tells it when there is something to read, and a
message goes to the kernel where it is published (ADR-44). Only connecting, which may block, runs
in a thread. There is one paho client per connection, because a Will is fixed when the connection
is made and carries a new bdSeq each time.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from ssl import SSLSocket

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from config.connection_files import password_of, tls_context, why_refused
from config.errors import ConfigError
from config.mqtt import MqttSettings
from edge_agent.errors import UplinkError
from protocols.sparkplug.topics import parse_state_topic

_ANSWER_S = 3.0
"""Longest wait for TCP, CONNACK and SUBACK each; a stop waits for the first of them, too."""
_FAREWELL_S = 2.0
_UNSENT_BYTES = 32_768
"""What the kernel takes of us beyond what it may send at once."""
_MARK_BYTES = 4_096
"""How finely the bytes not yet written are known."""

OnMessage = Callable[[str, bytes, bool], None]
"""Topic, payload, whether the broker had kept it."""
_CLOSED = "Unspecified error"
"""What paho says when the other side has closed the connection."""
_AWAY = "closed by the broker or the network"
_LOOK_S = 1.0
"""How often paho looks whether a ping is due or was not answered."""


class MqttConnection:
    """From CONNECT to the end of the connection; not used again.

    Attributes:
        closed: Done when the connection is over; its result says why.
        leaving: Whether ``disconnect`` was called.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        will_topic: str,
        will_payload: bytes,
        on_message: OnMessage,
    ) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        # Each result says why it was refused; empty when it was not.
        self._accepted: asyncio.Future[str] = self._loop.create_future()
        self._subscribed: asyncio.Future[str] = self._loop.create_future()
        self.leaving = False
        self._on_message = on_message
        self._queued_bytes = 0
        self._unmarked_bytes = 0
        self._marks: deque[tuple[MQTTMessageInfo, int]] = deque()
        self._client = client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id or client_id,
            clean_session=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _ANSWER_S
        client.will_set(will_topic, will_payload, qos=1, retain=False)
        client.on_connect = self._connect_answered
        client.on_subscribe = self._subscribe_answered
        client.on_message = self._message
        client.on_socket_open = _without_delay
        self._attached: int | None = None
        """The socket's number while the loop watches it."""
        self._look: asyncio.TimerHandle | None = None

    async def open(self, filters: Sequence[str]) -> None:
        """Connect and subscribe with QoS 1; UplinkError when either fails."""
        try:
            async with asyncio.timeout(3 * _ANSWER_S):
                await asyncio.to_thread(self._connect)
                self._attach()
                await self._answer(self._accepted)
                self._client.subscribe([(name, 1) for name in filters])
                self._write_the_rest()
                await self._answer(self._subscribed)
        except TimeoutError:
            raise UplinkError("the broker does not answer") from None
        except ConfigError as error:
            raise UplinkError(str(error)) from error
        except (OSError, ValueError) as error:
            raise UplinkError(f"{type(error).__name__}: {error}") from error

    @property
    def accepted(self) -> bool:
        """Whether the broker has taken us."""
        return self._accepted.done() and not self._accepted.result()

    def subscribe_again(self, name: str) -> None:
        """Have the broker say once more what it keeps under a topic."""
        self._client.subscribe(name, 1)
        self._write_the_rest()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hand over a message with QoS 0, not retained; False when the connection is gone."""
        info = self._client.publish(topic, payload)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        if self._client.want_write():
            self._queued_bytes += len(payload)
            self._unmarked_bytes += len(payload)
            if self._unmarked_bytes >= _MARK_BYTES:
                self._marks.append((info, self._unmarked_bytes))
                self._unmarked_bytes = 0
            self._write_the_rest()
        return True

    @property
    def queued_bytes(self) -> int:
        """Payload bytes that the broker has not taken yet, in steps of 4 KiB."""
        if not self._client.want_write():
            self._marks.clear()
            self._queued_bytes = self._unmarked_bytes = 0
        while self._marks and self._marks[0][0].is_published():
            self._queued_bytes -= self._marks.popleft()[1]
        return self._queued_bytes

    def disconnect(self) -> None:
        """Disconnect after everything published so far; the Will is not sent then."""
        self.leaving = True
        self._client.disconnect()
        self._write_the_rest()

    async def close(self) -> None:
        """End the connection; a ``disconnect`` gets two seconds."""
        if self.leaving:
            await asyncio.wait([self.closed], timeout=_FAREWELL_S)
        self._detach()
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            # Without a goodbye: the broker sends the Will.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        # The two refer to each other; paho's memory must not wait for the garbage collector.
        client = self._client
        client.on_connect = client.on_subscribe = client.on_message = None
        client.on_disconnect = client.on_socket_open = client.on_socket_close = None

    async def _answer(self, answer: asyncio.Future[str]) -> None:
        await asyncio.wait([answer, self.closed], return_when=asyncio.FIRST_COMPLETED)
        refused = answer.result() if answer.done() else self.closed.result()
        if refused:
            raise UplinkError(refused)

    def _connect(self) -> None:
        settings = self._settings
        if settings.username is not None:
            self._client.username_pw_set(settings.username, password_of(settings))
        if settings.tls is not None:
            context = tls_context(settings.tls)
            self._client.tls_set_context(context)  # pyright: ignore[reportUnknownMemberType]
        self._client.connect(settings.host, settings.port, keepalive=settings.keepalive_s)

    def _attach(self) -> None:
        """Have the loop serve the connection from here on."""
        client = self._client
        connection = client.socket()
        if not isinstance(connection, socket.socket):
            raise UplinkError(_AWAY)
        client.on_disconnect = self._ended
        client.on_socket_close = self._closing
        self._attached = connection.fileno()
        self._loop.add_reader(self._attached, self._readable)
        self._look_after()
        self._write_the_rest()

    def _detach(self) -> None:
        if self._attached is not None:
            self._loop.remove_reader(self._attached)
            self._loop.remove_writer(self._attached)
            self._attached = None
        if self._look is not None:
            self._look.cancel()

    def _readable(self) -> None:
        client = self._client
        client.loop_read()
        # What TLS has decrypted already is not to be seen at the socket.
        while isinstance(connection := client.socket(), SSLSocket) and connection.pending():
            client.loop_read()
        self._write_the_rest()

    def _write_the_rest(self) -> None:
        """Have the loop write what the kernel has not taken yet."""
        if self._attached is not None and self._client.want_write():
            self._loop.add_writer(self._attached, self._writable)

    def _writable(self) -> None:
        self._client.loop_write()
        if self._attached is not None and not self._client.want_write():
            self._loop.remove_writer(self._attached)

    def _look_after(self) -> None:
        self._client.loop_misc()
        if self._attached is not None:
            self._look = self._loop.call_later(_LOOK_S, self._look_after)

    # paho calls what follows, and holds a lock meanwhile with which it publishes nothing.

    def _connect_answered(
        self, _client: Client, _data: object, _flags: object, code: ReasonCode, _props: object
    ) -> None:
        refused = ""
        if code.is_failure:
            refused = f"the broker refuses: {why_refused(self._settings, str(code))}"
        _set_result(self._accepted, refused)

    def _subscribe_answered(
        self, _client: Client, _data: object, _mid: int, codes: list[ReasonCode], _props: object
    ) -> None:
        failed = [str(code) for code in codes if code.is_failure]
        refused = f"the broker refuses a subscription: {failed}" if failed else ""
        _set_result(self._subscribed, refused)

    def _message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        # A command kept by the broker was given at another time; only a STATE is still true.
        if not message.retain or parse_state_topic(message.topic) is not None:
            payload = bytes(message.payload)
            self._loop.call_soon(self._on_message, message.topic, payload, message.retain)

    def _ended(
        self, _client: Client, _data: object, _flags: object, code: ReasonCode, _props: object
    ) -> None:
        text = str(code)
        _set_result(self.closed, f"connection lost: {_AWAY if text == _CLOSED else text}")

    def _closing(self, _client: Client, _data: object, _connection: object) -> None:
        self._detach()


def _set_result(future: asyncio.Future[str], result: str) -> None:
    if not future.done():
        future.set_result(result)


def _without_delay(_client: Client, _data: object, connection: object) -> None:
    # Small messages must not wait for the broker's TCP acknowledgement of the one before.
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Nor behind megabytes in the kernel that a slow line takes minutes for.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
