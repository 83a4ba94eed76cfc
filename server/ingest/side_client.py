"""A connection to the broker beside that of the Sparkplug host: it hears some topics, and may say.

It has a client id of its own, so the broker must leave client ids alone (deploy/mosquitto.conf,
the listener for servers).
"""

import os
import sys
from collections.abc import Callable, Sequence
from socket import gethostname
from types import TracebackType
from typing import Final, Self

import structlog
from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from config.connection_files import password_of, tls_context, why_refused
from config.mqtt import MqttSettings

Hear = Callable[[str, bytes], None]
"""Topic and payload; called in paho's thread, must be quick and never raise."""
_LONGEST_PAUSE_S: Final = 5
_log = structlog.get_logger()


def open_client(settings: MqttSettings, client_id: str) -> Client:
    """Return a client of these settings that has not connected yet.

    Raises:
        ConfigError: A file of the connection cannot be used.
    """
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True)
    if settings.username is not None:
        client.username_pw_set(settings.username, password_of(settings))
    if settings.tls is not None:
        client.tls_set_context(tls_context(settings.tls))  # pyright: ignore[reportUnknownMemberType]
    return client


class SideClient:
    """Connects for as long as it is entered; a context manager."""

    def __init__(
        self,
        settings: MqttSettings,
        purpose: str,
        *,
        filters: Sequence[str],
        hear: Hear,
        on_connected: Callable[[], object] = lambda: None,
    ) -> None:
        """Prepare.

        Args:
            settings: Of the broker.
            purpose: Part of the client id, beside host and process.
            filters: What is subscribed to, with QoS 0.
            hear: Takes messages.
            on_connected: Called in paho's thread when the filters were asked for.
        """
        name = settings.client_id or "plantroom-server"
        client_id = f"{name}-{purpose}-{gethostname()}-{os.getpid()}"
        self.connected = False
        self.problem = ""
        """Why the broker does not deliver; empty: it does, or that is not known yet."""
        self._settings = settings
        self._purpose = purpose
        self._filters = filters
        self._hear = hear
        self._on_connected = on_connected
        self._client = client = open_client(settings, client_id)
        client.reconnect_delay_set(1, _LONGEST_PAUSE_S)
        client.on_connect = self._connect_answered
        client.on_connect_fail = self._connect_failed
        client.on_disconnect = self._ended
        client.on_message = self._message

    def __enter__(self) -> Self:
        settings = self._settings
        self._client.connect_async(settings.host, settings.port, keepalive=settings.keepalive_s)
        self._client.loop_start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: bytes) -> None:
        """Send with QoS 0; what cannot be sent now is dropped."""
        if self.connected:
            self._client.publish(topic, payload)

    # What follows runs in paho's thread.

    def _connect_answered(
        self,
        client: Client,
        _data: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._report(f"the broker refuses: {why_refused(self._settings, str(reason))}")
            return
        self._report("")
        client.subscribe([(one, 0) for one in self._filters])
        self.connected = True
        self._on_connected()

    def _connect_failed(self, _client: Client, _data: object) -> None:
        where = f"{self._settings.host}:{self._settings.port}"
        # paho calls this while it handles the error.
        why = sys.exception() or "it does not answer"
        self._report(f"no connection to the broker {where}: {why}")

    def _report(self, problem: str) -> None:
        """Tell a problem once, and its end."""
        if problem == self.problem:
            return
        self.problem = problem
        if problem:
            _log.warning("side_client_unconnected", purpose=self._purpose, problem=problem)
        else:
            _log.info("side_client_connected", purpose=self._purpose)

    def _ended(self, *_: object) -> None:
        self.connected = False

    def _message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        self._hear(topic, bytes(message.payload))
