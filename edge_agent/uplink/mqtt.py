"""One connection to the broker; the only importer of paho in the agent.

paho runs its own thread; everything it says is handed over to the event loop. There is one paho
client per connection, because a Will is fixed when the connection is made and carries a new
bdSeq each time.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

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
        client.on_disconnect = self._ended
        client.on_socket_open = _without_delay

    async def open(self, filters: Sequence[str]) -> None:
        """Connect and subscribe with QoS 1; UplinkError when either fails."""
        try:
            async with asyncio.timeout(3 * _ANSWER_S):
                await asyncio.to_thread(self._connect)
                self._client.loop_start()
                await self._answer(self._accepted)
                self._client.subscribe([(name, 1) for name in filters])
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

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hand over a message with QoS 0, not retained; False when the connection is gone."""
        info = self._client.publish(topic, payload)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._queued_bytes += len(payload)
        self._unmarked_bytes += len(payload)
        if self._unmarked_bytes >= _MARK_BYTES:
            self._marks.append((info, self._unmarked_bytes))
            self._unmarked_bytes = 0
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

    async def close(self) -> None:
        """End the connection and its thread; a ``disconnect`` gets two seconds."""
        if self.leaving:
            await asyncio.wait([self.closed], timeout=_FAREWELL_S)
        connection = self._client.socket()
        if isinstance(connection, socket.socket) and not self.closed.done():
            # Wakes paho's thread out of its select; the broker sends the Will.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        # paho forgets its thread when that ends by itself, maybe between looking and joining.
        with suppress(AttributeError):
            await asyncio.to_thread(self._client.loop_stop)
        # The two refer to each other; paho's sockets must not wait for the garbage collector.
        client = self._client
        client.on_connect = client.on_subscribe = client.on_message = None
        client.on_disconnect = client.on_socket_open = None

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

    # paho's thread calls what follows; only _hand_over may touch the rest of the program.

    def _hand_over(self, work: Callable[[], None]) -> None:
        # A loop that is closed has no use for it any more.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work)

    def _connect_answered(
        self, _client: Client, _data: object, _flags: object, code: ReasonCode, _props: object
    ) -> None:
        refused = ""
        if code.is_failure:
            refused = f"the broker refuses: {why_refused(self._settings, str(code))}"
        self._hand_over(partial(_set_result, self._accepted, refused))

    def _subscribe_answered(
        self, _client: Client, _data: object, _mid: int, codes: list[ReasonCode], _props: object
    ) -> None:
        failed = [str(code) for code in codes if code.is_failure]
        refused = f"the broker refuses a subscription: {failed}" if failed else ""
        self._hand_over(partial(_set_result, self._subscribed, refused))

    def _message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        # A command kept by the broker was given at another time; only a STATE is still true.
        if not message.retain or parse_state_topic(message.topic) is not None:
            work = partial(self._on_message, message.topic, bytes(message.payload), message.retain)
            self._hand_over(work)

    def _ended(
        self, _client: Client, _data: object, _flags: object, code: ReasonCode, _props: object
    ) -> None:
        text = str(code)
        why = "closed by the broker or the network" if text == _CLOSED else text
        self._hand_over(partial(_set_result, self.closed, f"connection lost: {why}"))


def _set_result(future: asyncio.Future[str], result: str) -> None:
    if not future.done():
        future.set_result(result)


def _without_delay(_client: Client, _data: object, connection: object) -> None:
    # Small messages must not wait for the broker's TCP acknowledgement of the one before.
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Nor behind megabytes in the kernel that a slow line takes minutes for.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
