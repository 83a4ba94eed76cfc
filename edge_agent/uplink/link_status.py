"""How far the way to the server is open, and why not, in words for log and status."""

from enum import StrEnum
from typing import Final

import structlog

from edge_agent.clock import Clock
from protocols.sparkplug.takeover import TakeoverWatch

log = structlog.get_logger()

WAIT_LOGGED_S: Final = 5.0
"""A primary host that is away is logged after this long."""
_FOREIGN_S: Final = 60.0
_FORGOTTEN_S: Final = 300.0


class Link(StrEnum):
    """How far the way to the server is open."""

    BROKER_AWAY = "broker_away"
    WAITS_FOR_CLOCK = "waits_for_clock"
    WAITS_FOR_HOST = "waits_for_host"
    ONLINE = "online"


class LinkStatus:
    """Follows the connections of one gateway and logs each problem once.

    Args:
        client_id: The client id that the broker sees.
        topics: What the node publishes under, for example spBv1.0/site/+/gateway.
        user: Who the broker takes it for; None: anybody.
        primary_host: Whose STATE is waited for.
        unanswered_s: How long messages may be unacknowledged before that is logged; None: no
            acknowledgements are expected.

    Attributes:
        link: How far the way is open.
        why: Why the broker is away; empty when it is not.
        takeover: Whether another client uses the same client id.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        client_id: str,
        topics: str,
        user: str | None,
        primary_host: str | None,
        unanswered_s: float | None,
    ) -> None:
        self.link = Link.BROKER_AWAY
        self.why = "not connected yet"
        self.takeover = TakeoverWatch()
        self._clock = clock
        self._client_id = client_id
        who = "an anonymous client" if user is None else f"user {user!r}"
        self._likely_cause = (
            f"the broker's ACL does not let {who} publish under {topics} or hear its commands "
            "(deploy/mosquitto.acl), or no Plantroom server listens, or its clock is far behind"
        )
        self._host = primary_host
        self._host_says = ""
        self._unanswered_s = unanswered_s
        self._since_s = clock.monotonic_s()
        self._logged: set[str] = set()
        self._foreign: tuple[float, float] | None = None
        self._waits_unanswered = False

    def become(self, link: Link, why: str = "") -> None:
        """Set how far the way is open now."""
        if link is not self.link:
            self._since_s = self._clock.monotonic_s()
            self._logged.discard("host")
        if link is Link.BROKER_AWAY:
            # The next connection hears again what is kept.
            self._host_says = ""
        self.link, self.why = link, why

    def host_state(self, reason: str) -> None:
        """Set what STATE of the primary host says, as far as it is a reason to wait."""
        if reason != self._host_says:
            self._host_says = reason
            self._logged.discard("host")

    def foreign_acknowledgement(self) -> None:
        """Count an acknowledgement of rows of another journal."""
        now_s = self._clock.monotonic_s()
        first_s, last_s = self._foreign or (now_s, now_s)
        self._foreign = (now_s if now_s - last_s > _FORGOTTEN_S else first_s, now_s)

    def lost(self, lived_s: float) -> None:
        """Count a connection that was accepted and that the other side ended."""
        self.takeover.lost(lived_s)
        if self.takeover.suspected:
            log.error(
                "mqtt_client_id_shared",
                client_id=self._client_id,
                next_attempt_s=round(self.takeover.pause_s),
                probable_cause=_TAKEN_OVER,
            )

    def look(self, unanswered_s: float) -> None:
        """Log what has lasted too long; call it every second or so.

        Args:
            unanswered_s: How long the oldest unacknowledged message has waited.
        """
        waited_s = self._clock.monotonic_s() - self._since_s
        waits = self.link is Link.WAITS_FOR_HOST and waited_s >= WAIT_LOGGED_S
        self._log_once("host", waits, "waits_for_host", host_id=self._host, said=self._host_says)
        online, most_s = self.link is Link.ONLINE, self._unanswered_s
        self._waits_unanswered = online and most_s is not None and unanswered_s >= most_s
        self._log_once(
            "ack",
            self._waits_unanswered,
            "nothing_acknowledged",
            for_s=round(unanswered_s),
            probable_cause=self._likely_cause,
        )
        self._log_once("twin", self._has_twin, "identity_shared", probable_cause=_TWIN)

    @property
    def problem(self) -> str:
        """Return what people should look at, and why; empty: nothing."""
        if self.takeover.suspected:
            return f"client id {self._client_id}: {_TAKEN_OVER}"
        if self._has_twin:
            return _TWIN
        if self.link is Link.WAITS_FOR_HOST:
            reason = self._host_says and f": {self._host_says}"
            return f"waits for STATE of {self._host}{reason}"
        return f"nothing is acknowledged: {self._likely_cause}" if self._waits_unanswered else ""

    @property
    def _has_twin(self) -> bool:
        if self._foreign is None:
            return False
        first_s, last_s = self._foreign
        recent = self._clock.monotonic_s() - last_s < _FORGOTTEN_S
        return recent and last_s - first_s >= _FOREIGN_S

    def _log_once(self, what: str, is_so: bool, event: str, **details: object) -> None:  # noqa: FBT001
        if not is_so:
            self._logged.discard(what)
        elif what not in self._logged:
            self._logged.add(what)
            log.warning(event, **details)


_TAKEN_OVER: Final = (
    "the broker ends each connection at once; probably another agent with the same site and "
    "gateway (or mqtt.client_id, or mqtt.username where the broker takes that for the client id) "
    "takes it over, or the broker forbids what this one does"
)
_TWIN: Final = "the server acknowledges another agent's journal: two agents have this identity"
