"""The server's connection to the broker and its STATE; only this and read_ahead import paho."""

import random
import socket
import sys
import threading
from collections.abc import Callable

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from config.connection_files import password_of, tls_context
from config.mqtt import MqttSettings
from protocols.sparkplug.state import State, encode_state
from protocols.sparkplug.state_keeper import Answer, StateKeeper
from protocols.sparkplug.takeover import TakeoverWatch
from protocols.sparkplug.topics import state_topic
from server.core.clock import Clock
from server.ingest.broker_talk import BrokerTalk
from server.ingest.read_ahead import Published, ReadAheadClient
from server.ingest.subscriptions import Subscriptions

OnMessage = Callable[[str, bytes, int], None]
"""Topic, payload, arrival in UTC ms; called in paho's thread, must be quick and never raise."""

_FAREWELL_S = 2.0
_LAST_WORDS_S = 0.3
"""How long nodes are heard after the farewell: what they sent before they heard it counts."""
_PROBE_S = 1.0
_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 0.8
"""A node that is back before its host may believe a STATE that the broker has kept."""
_CLOSED = "Unspecified error"
"""What paho says when the other side has closed the connection."""
_NO_TOPIC = "not UTF-8"
_log = structlog.get_logger()


class MqttLink:
    """Subscribes to Sparkplug and says that this host is there."""

    def __init__(
        self,
        settings: MqttSettings,
        *,
        host_id: str,
        clock: Clock,
        on_message: OnMessage,
        subscriptions: Subscriptions | None = None,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            settings: Of the broker.
            host_id: Sparkplug host id.
            clock: Stamps arrivals.
            on_message: Takes what is subscribed to.
            subscriptions: Default: everything of Sparkplug. In paho's thread.
        """
        self._subscriptions = subscriptions or Subscriptions()
        self._settings = settings
        self._clock = clock
        self._on_message = on_message
        self._host_id = host_id
        self._state_topic = state_topic(host_id)
        self._keeper = StateKeeper()
        self._talk = BrokerTalk(settings, state_topic=self._state_topic)
        self._watch = TakeoverWatch()
        self._connected = False
        self._connected_s = 0.0
        self._renewing = False
        self._connections = 0
        self._client_id = settings.client_id or f"plantroom-server-{host_id}"
        self._client = client = ReadAheadClient(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=True,
        )
        self._pause(_PAUSE_S, _LONGEST_PAUSE_S)
        client.on_pre_connect = self._pre_connect
        client.on_connect = self._connect_answered
        client.on_connect_fail = self._connect_failed
        client.on_disconnect = self._ended
        client.on_message = self._message
        client.on_published = self._published

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us."""
        return self._connected

    @property
    def connection(self) -> int:
        """Which connection this is, counted from 1; 0 while there is none."""
        return self._connections if self._connected else 0

    @property
    def problem(self) -> str:
        """What is wrong with the broker, with its probable cause; empty: nothing is known."""
        return self._talk.problem

    def look(self) -> None:
        """Tell what has lasted too long; call it every second or so, from one thread."""
        self._talk.look(self._clock.monotonic_s())

    def open(self) -> None:
        """Start connecting in paho's thread; it goes on for ever, a broker may be away."""
        settings = self._settings
        if settings.username is not None:
            self._client.username_pw_set(settings.username, password_of(settings))
        if settings.tls is not None:
            context = tls_context(settings.tls)
            self._client.tls_set_context(context)  # pyright: ignore[reportUnknownMemberType]
        self._client.connect_async(settings.host, settings.port, keepalive=settings.keepalive_s)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send with QoS 0; while the broker is away the message is dropped, not queued."""
        if self._connected:
            self._client.publish(topic, payload)

    def note_site(self, topic: str) -> None:
        """Ask for what a site says from now on, if it is one of this host's; from any thread."""
        if self._subscriptions.takes(topic):
            self._ask_for_new()

    def close(self) -> None:
        """Say that this host is gone, hear the last words, disconnect; may be repeated."""
        if self._connected:
            farewell = self._say(self._keeper.farewell(self._clock.now_ms()))
            try:
                farewell.wait_for_publish(_FAREWELL_S)
                threading.Event().wait(_LAST_WORDS_S)
            except (RuntimeError, ValueError):
                _log.info("mqtt_farewell_unsent")  # the broker publishes our Will in its place
        self._client.disconnect()
        self._client.loop_stop()

    def _say(self, state: State) -> MQTTMessageInfo:
        return self._client.publish(self._state_topic, encode_state(state), qos=1, retain=True)

    def _pause(self, first_s: float, longest_s: float) -> None:
        # paho takes fractions as well, although it declares whole seconds.
        self._client.reconnect_delay_set(first_s, longest_s)  # pyright: ignore[reportArgumentType]

    # What follows runs in paho's thread.

    def _pre_connect(self, client: Client, _userdata: object) -> None:
        """Put the Will of this connection, with the timestamp that its birth will have."""
        will = self._keeper.connecting(self._clock.now_ms())
        client.will_set(self._state_topic, encode_state(will), qos=1, retain=True)

    def _connect_answered(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._watch.refused()
            self._talk.refused(str(reason))
            return
        # The own STATE comes first: the specification wants it subscribed before the birth.
        filters = (self._state_topic, *self._subscriptions.begin())
        client.subscribe([(one, 1) for one in filters])
        self._say(self._keeper.birth())
        self._connections += 1
        self._connected_s = self._clock.monotonic_s()
        self._talk.born(self._connected_s)
        self._connected = True
        _log.info("mqtt_connected", host=self._settings.host, port=self._settings.port)

    def _connect_failed(self, _client: Client, _userdata: object) -> None:
        self._watch.refused()
        # paho calls this while it handles the error.
        self._talk.unreachable(str(sys.exception() or "it does not answer"))
        self._pause(_PAUSE_S, _LONGEST_PAUSE_S)

    def _ended(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        was_connected, self._connected = self._connected, False
        self._talk.lost()
        renewing, self._renewing = self._renewing, False
        if not was_connected or renewing:
            return
        if reason.is_failure and self._listens():
            self._watch.lost(self._clock.monotonic_s() - self._connected_s)
        elif reason.is_failure:
            self._watch.refused()
        pause_s = self._watch.pause_s * random.uniform(0.5, 1.0)  # noqa: S311 (jitter)
        self._pause(max(_PAUSE_S, pause_s), max(_LONGEST_PAUSE_S, pause_s))
        said = str(reason)
        _log.warning(
            "mqtt_disconnected",
            reason="closed by the broker or the network" if said == _CLOSED else said,
        )
        if self._watch.suspected:
            _log.error(
                "mqtt_client_id_shared",
                client_id=self._client_id,
                host_id=self._host_id,
                next_attempt_s=round(pause_s),
                probable_cause="a second server with the same mqtt.client_id or "
                "sparkplug.host_id; each needs its own of both",
            )

    def _listens(self) -> bool:
        """Return whether the broker is there at once: one that was stopped explains the loss."""
        broker = self._settings.host, self._settings.port
        try:
            socket.create_connection(broker, timeout=_PROBE_S).close()
        except OSError:
            return False
        return True

    def _message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = _NO_TOPIC
        self._take(topic, bytes(message.payload), self._clock.now_ms(), retained=message.retain)

    def _published(self, messages: list[Published]) -> None:
        now = self._clock.now_ms()
        for name, payload, retained in messages:
            try:
                topic = name.decode()
            except UnicodeDecodeError:
                topic = _NO_TOPIC
            self._take(topic, payload, now, retained=retained)

    def _take(self, topic: str, payload: bytes, now: int, *, retained: bool) -> None:
        if topic == self._state_topic:
            self._own_state(payload, retained=retained)
        elif self._subscriptions.takes(topic):
            self._on_message(topic, payload, now)
            self._ask_for_new()

    def _ask_for_new(self) -> None:
        if new := self._subscriptions.take_new():
            self._client.subscribe([(one, 1) for one in new])

    def _own_state(self, payload: bytes, *, retained: bool) -> None:
        """Keep what is retained under our STATE true."""
        answer = self._keeper.heard(payload, retained=retained)
        if self._keeper.echoed:
            self._talk.heard()
        match answer:
            case Answer.REPEAT:
                _log.warning("state_healed", said=repr(payload[:100]))
                self._say(self._keeper.birth())
            case Answer.RIVAL:
                _log.error(
                    "host_id_shared",
                    host_id=self._host_id,
                    probable_cause="a second server with the same sparkplug.host_id",
                )
                self._say(self._keeper.birth())
            case Answer.RECONNECT:
                _log.warning("state_renewed", said=repr(payload[:100]))
                self._renewing = True
                # The Will goes out and is out of date at once; there is never a time without.
                self._client.shut()
            case Answer.NOTHING:
                pass
