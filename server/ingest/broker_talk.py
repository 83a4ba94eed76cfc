"""What is wrong between this host and its broker, in words for log and /readyz; each told once."""

from typing import Final

import structlog

from config.connection_files import why_refused
from config.mqtt import MqttSettings

UNHEARD_S: Final = 10.0
"""So long after its birth a host that does not hear its own STATE has no right to it."""
_log = structlog.get_logger()


class BrokerTalk:
    """Follows the connections of one host; from paho's thread, ``problem`` from any.

    Attributes:
        problem: What people should look at, with its probable cause; empty: nothing.
    """

    def __init__(self, settings: MqttSettings, *, state_topic: str) -> None:
        self._settings = settings
        self._topic = state_topic
        self._born_s: float | None = None
        self.problem = ""

    def unreachable(self, error: str) -> None:
        """Record that no connection could be made."""
        where = f"{self._settings.host}:{self._settings.port}"
        self._report("mqtt_unreachable", f"no connection to the broker {where}: {error}")

    def refused(self, reason: str) -> None:
        """Record that the broker did not take this client."""
        self._report("mqtt_refused", f"the broker refuses: {why_refused(self._settings, reason)}")

    def born(self, now_s: float) -> None:
        """Record that the broker has taken this client, which has said that it is there."""
        self._born_s = now_s
        if self.problem != self._not_echoed:
            self.problem = ""

    def heard(self) -> None:
        """Record that the broker has brought back what this host said."""
        if self.problem == self._not_echoed:
            self.problem = ""
            _log.info("own_state_heard", topic=self._topic)
        self._born_s = None

    def lost(self) -> None:
        """Record the end of a connection; what was not received on it says nothing any more."""
        self._born_s = None

    def look(self, now_s: float) -> None:
        """Tell what has lasted too long; call it every second or so."""
        if self._born_s is not None and now_s - self._born_s >= UNHEARD_S:
            self._born_s = None
            self._report("own_state_unheard", self._not_echoed)

    @property
    def _not_echoed(self) -> str:
        user = self._settings.username
        who = "an anonymous client" if user is None else f"user {user!r}"
        return (
            f"the broker does not bring back {self._topic}: probably its ACL does not let {who} "
            "write and read it, nor hear the gateways and command them (deploy/mosquitto.acl)"
        )

    def _report(self, event: str, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            _log.warning(event, problem=problem)
