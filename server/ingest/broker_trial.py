"""A short connection to the broker that shows what this server may do there."""

import secrets
import threading

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from config.mqtt import MqttSettings
from server.ingest.side_client import open_client

_ANSWER_S = 5.0
_NOBODY = "plantroom-doctor"
"""A group that no gateway has: what is said to it changes nothing."""


def try_rights(settings: MqttSettings) -> str:
    """Say a command to nobody and hear it; return what is wrong, empty: nothing.

    Only while no server runs: a broker that takes the user for the client id ends the other
    connection of the same user.

    Raises:
        ConfigError: A file of the connection is missing or unusable.
    """
    topic = f"spBv1.0/{_NOBODY}/NCMD/{secrets.token_hex(8)}"
    trial = _Trial(topic)
    client = open_client(settings, settings.client_id or _NOBODY)
    client.on_connect = trial.on_connect
    client.on_subscribe = trial.on_subscribe
    client.on_message = trial.on_message
    try:
        client.connect(settings.host, settings.port, keepalive=settings.keepalive_s)
    except OSError as error:
        return str(error)
    client.loop_start()
    trial.done.wait(_ANSWER_S)
    client.disconnect()
    client.loop_stop()
    return trial.problem


class _Trial:
    """Each step that succeeds says what the next one may lack."""

    def __init__(self, topic: str) -> None:
        self.problem = "no answer to the connection"
        self.done = threading.Event()
        self._topic = topic

    def on_connect(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self.problem = str(reason)
            self.done.set()
            return
        self.problem = "no answer to the subscription"
        client.subscribe("spBv1.0/#", qos=1)

    def on_subscribe(
        self,
        client: Client,
        _userdata: object,
        _number: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self.problem = "it may not read spBv1.0/#"
            self.done.set()
            return
        self.problem = (
            "what was written to spBv1.0/+/NCMD/+ was not heard on spBv1.0/#: it may not write "
            "the one or not read the other"
        )
        client.publish(self._topic, b"", qos=1)

    def on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.topic == self._topic:
            self.problem = ""
            self.done.set()
