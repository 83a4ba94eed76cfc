"""What the broker delivers to this server, and how far it is evaluated; asked from any thread."""

from config.server import ServerSettings
from server.assets.registry import Registry
from server.core.clock import Clock
from server.ingest.inbox import Bounds, Inbox
from server.ingest.metrics import IngestMetrics
from server.ingest.mqtt import MqttLink
from server.ingest.node import Node
from server.ingest.subscriptions import Subscriptions

_BEHIND_S = 5.0
"""With a message unread for so long it is not known what its gateway says now."""
_NEVER = 2**62


class Reception:
    """The connection to the broker, what is unread, and the nodes with something unsettled."""

    def __init__(self, inbox: Inbox, link: MqttLink, clock: Clock) -> None:
        """Begin with nothing received.

        Args:
            inbox: What is unread.
            link: Puts what arrives into the inbox.
            clock: Stamps arrivals; never runs backwards.
        """
        self.inbox = inbox
        self.link = link
        self.busy = dict[str, Node]()
        """By key, those of which something is not settled; who has waited longest first."""
        self._clock = clock
        self._worked_s = clock.monotonic_s()
        self._oldest_at = _NEVER
        """Arrival of the oldest message that was taken and is not settled, UTC ms."""

    def note_taken(self, arrived_at: int) -> None:
        """Record that a message was taken out of the inbox; by the ingest thread."""
        self._oldest_at = min(self._oldest_at, arrived_at)

    def note_settled(self) -> None:
        """Record that only what ``busy`` nodes hold is unsettled; by the ingest thread."""
        self._oldest_at = min((node.oldest_at for node in self.busy.values()), default=_NEVER)

    def note_work(self) -> None:
        """Record that the ingest thread goes on, and waits for no store."""
        self._worked_s = self._clock.monotonic_s()

    @property
    def receives(self) -> bool:
        """Whether what the broker delivers is taken in turn as it comes.

        A gateway that sends more than its turns take is behind alone: see ``is_behind``.
        """
        idle_s = self._clock.monotonic_s() - self._worked_s
        return self.link.connected and idle_s < _BEHIND_S

    def is_behind(self, gateway: str) -> bool:
        """Return whether what a gateway, by its key, said seconds ago is not evaluated yet."""
        node = self.busy.get(gateway)
        oldest_at = min(
            self.inbox.unread_since(gateway) or _NEVER,
            _NEVER if node is None else node.oldest_at or _NEVER,
        )
        return self._clock.now_ms() - oldest_at > 1000 * _BEHIND_S

    @property
    def late_s(self) -> float:
        """Since when the oldest message waits for the evaluation of its values, seconds."""
        oldest_at = min(self.inbox.oldest_at() or _NEVER, self._oldest_at)
        return max(0, self._clock.now_ms() - oldest_at) / 1000


def prepare_reception(
    settings: ServerSettings, registry: Registry, clock: Clock, metrics: IngestMetrics
) -> Reception:
    """Return what receives for these settings; it connects when the ingest is entered."""
    inbox = Inbox(
        metrics,
        Bounds(payload_bytes=settings.sparkplug.max_payload_bytes),
        knows=lambda key: registry.asset(key) is not None,
    )
    sites = (asset.key.partition("/")[0] for asset in registry.assets())
    link = MqttLink(
        settings.mqtt,
        host_id=registry.shard.named(settings.sparkplug.host_id),
        clock=clock,
        on_message=inbox.put,
        subscriptions=Subscriptions(registry.shard, sites),
    )
    return Reception(inbox, link, clock)
