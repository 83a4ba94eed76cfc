"""The server's connection to the broker and its STATE; the only importer of paho in the server."""

import ssl
from collections.abc import Callable

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from config.mqtt import MqttSettings
from protocols.errors import FrameError
from protocols.sparkplug.state import State, decode_state, encode_state
from protocols.sparkplug.topics import NAMESPACE, state_topic
from server.core.clock import Clock

OnMessage = Callable[[str, bytes, int], None]
"""Topic, payload, arrival in UTC ms; called in paho's thread, must be quick and never raise."""

_FAREWELL_S = 2.0
_LONGEST_PAUSE_S = 1
_FOREVER = 2**53
_log = structlog.get_logger()


class MqttLink:
    """Subscribes to everything of Sparkplug and says that this host is there."""

    def __init__(
        self, settings: MqttSettings, *, host_id: str, clock: Clock, on_message: OnMessage
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_message = on_message
        self._state_topic = state_topic(host_id)
        self._birth_at = 0
        self._connected = False
        self._connections = 0
        self._client = client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id or f"plantroom-server-{host_id}",
            clean_session=True,
        )
        client.reconnect_delay_set(1, _LONGEST_PAUSE_S)
        client.on_pre_connect = self._pre_connect
        client.on_connect = self._connect_answered
        client.on_disconnect = self._ended
        client.on_message = self._message

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us."""
        return self._connected

    @property
    def connection(self) -> int:
        """Which connection this is, counted from 1; 0 while there is none."""
        return self._connections if self._connected else 0

    def open(self) -> None:
        """Start connecting in paho's thread; it goes on for ever, a broker may be away."""
        settings = self._settings
        if settings.username is not None:
            file = settings.password_file
            password = file.read_text(encoding="utf-8").strip() if file else None
            self._client.username_pw_set(settings.username, password)
        if settings.tls is not None:
            context = ssl.create_default_context(cafile=settings.tls.ca_file)
            if settings.tls.cert_file is not None:
                context.load_cert_chain(settings.tls.cert_file, settings.tls.key_file)
            self._client.tls_set_context(context)  # pyright: ignore[reportUnknownMemberType]
        self._client.connect_async(settings.host, settings.port, keepalive=settings.keepalive_s)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send with QoS 0; while the broker is away the message is dropped, not queued."""
        if self._connected:
            self._client.publish(topic, payload)

    def close(self) -> None:
        """Say that this host is gone and disconnect; may be repeated."""
        if self._connected:
            farewell = self._client.publish(
                self._state_topic, self._state(online=False), qos=1, retain=True
            )
            try:
                farewell.wait_for_publish(_FAREWELL_S)
            except (RuntimeError, ValueError):
                _log.info("mqtt_farewell_unsent")  # the broker's copy of our Will stays unused
        self._client.disconnect()
        self._client.loop_stop()

    def _state(self, *, online: bool) -> bytes:
        return encode_state(State(online, self._birth_at))

    # What follows runs in paho's thread.

    def _pre_connect(self, client: Client, _userdata: object) -> None:
        """The Will of each connection carries the timestamp of its birth."""
        self._birth_at = max(self._clock.now_ms(), self._birth_at + 1)
        client.will_set(self._state_topic, self._state(online=False), qos=1, retain=True)

    def _connect_answered(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            _log.error("mqtt_refused", reason=str(reason))
            return
        # The own STATE comes first: the specification wants it subscribed before the birth.
        client.subscribe([(self._state_topic, 1), (f"{NAMESPACE}/#", 1)])
        client.publish(self._state_topic, self._state(online=True), qos=1, retain=True)
        self._connections += 1
        self._connected = True
        _log.info("mqtt_connected", host=self._settings.host, port=self._settings.port)

    def _ended(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._connected:
            _log.warning("mqtt_disconnected", reason=str(reason))
        self._connected = False

    def _message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "not UTF-8"
        if topic == self._state_topic:
            self._own_state(client, bytes(message.payload))
        else:
            self._on_message(topic, bytes(message.payload), self._clock.now_ms())

    def _own_state(self, client: Client, payload: bytes) -> None:
        """An offline that is not ours, as the Will of a connection that hung, is taken back."""
        try:
            said = decode_state(payload)
        except FrameError:
            return
        if not said.online and self._connected:
            if said.timestamp < _FOREVER:
                self._birth_at = max(self._birth_at, said.timestamp)
            client.publish(self._state_topic, self._state(online=True), qos=1, retain=True)
