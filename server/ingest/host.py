"""The Sparkplug host: messages of all nodes in order, births to equipment, data to values."""

from collections.abc import Callable
from dataclasses import asdict, replace

import structlog

from config.server import SparkplugSettings
from protocols.errors import FrameError
from protocols.sparkplug import host_events
from protocols.sparkplug.births import Table
from protocols.sparkplug.host_session import NodePhase
from protocols.sparkplug.payload import parse
from protocols.sparkplug.rebirth import RebirthBudget
from protocols.sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from protocols.sparkplug.topics import MessageKind, Topic
from protocols.sparkplug.values import READERS
from server.assets.asset import Asset
from server.assets.registry import Registry
from server.core.records import Records
from server.ingest.births import (
    StoredBirth,
    is_point,
    stored_births,
    undeclared_point,
    unusable,
)
from server.ingest.decode import Decoder
from server.ingest.inbox import Arrival
from server.ingest.metrics import IngestMetrics
from server.ingest.node import Happened, Newborn, Node, prepared
from server.ingest.nodes import NodeKey, Nodes
from server.ingest.persistence import Persist
from server.ingest.presence import Presence
from server.ingest.rebirth_requests import RebirthRequests
from server.ingest.silence import SilenceWatch, death_of
from server.ingest.status import note_connection
from server.ingest.unit import NOWHERE, Unit

_PIECE_BYTES = 250_000
"""Of payloads of one gateway, read before the others have their turn."""
_log = structlog.get_logger()


class Host:
    """Turns arrivals into values, states and births, node by node; in the ingest thread alone.

    What follows from a node's messages is kept with the node until it is settled: ``busy`` are
    the nodes of which something is not. A birth that must be entered holds up what follows of its
    node, and nobody else.
    """

    def __init__(
        self,
        settings: SparkplugSettings,
        registry: Registry,
        metrics: IngestMetrics,
        *,
        busy: dict[str, Node],
        persist: Persist,
    ) -> None:
        """Begin without nodes.

        Args:
            settings: Sparkplug settings of the server.
            registry: Where births become equipment.
            metrics: Where refused messages are counted.
            busy: Takes the nodes of which something is not settled.
            persist: Runs work that needs the records, again while they cannot be written.
        """
        self.busy = busy
        self._settings = settings
        self._registry = registry
        self._metrics = metrics
        self._persist = persist
        self._decoder = Decoder(metrics, max_future_ms=round(settings.max_future_s * 1000))
        self._presence = Presence(registry, persist)
        self._budget = RebirthBudget()
        self._asking = RebirthRequests(metrics)
        self._nodes = Nodes(settings, registry, metrics, budget=self._budget, busy=busy)
        self.nodes = self._nodes.by_key
        self._silence = SilenceWatch[NodeKey](patience_s=settings.silence_s)
        self._connection = 0
        self._ticked_at = 0
        self._foreign_deaths: set[NodeKey] = set()
        """Nodes whose death under another bdSeq came; it may be true, so they have to speak."""

    def take_requests(self) -> list[tuple[str, bytes]]:
        """Return topic and payload of rebirth requests, and forget them."""
        return self._asking.take()

    def restore(self, records: Records, now_ms: int) -> None:
        """Take up the stored births, so that data are decoded at once.

        Raises:
            StoreError: The records cannot be read now.
        """
        for topic, bd_seq, payload in records.read(stored_births):
            if not self._registry.shard.owns(topic.group):
                continue
            node = self._nodes.take(topic.group, topic.node)
            asset = self._registry.asset("/".join(filter(None, topic[:1] + topic[2:])))
            if asset is None:
                continue
            node.session.restore(topic.device, payload, bd_seq=bd_seq, online=asset.online)
            node.units[topic.device] = Unit(asset, Table(payload.metrics), bd_seq=bd_seq)
        # A crash between the row of a change and the value that tells it to the alarms.
        for asset in self._registry.assets():
            if asset.connection.last_value != asset.online:
                site, gateway, *_ = asset.key.split("/")
                node = self._nodes.take(site, gateway)
                note_connection(node.decoded, asset, online=asset.online, at=now_ms)
                self._occupy(node, now_ms)

    def receive(self, arrival: Arrival) -> None:
        """Read one message; whatever it is, it does no harm."""
        topic = self._nodes.topic_of(arrival.topic)
        if topic is None:
            return
        try:
            payload = parse(arrival.payload)
        except FrameError as error:
            self._metrics.reject("payload", topic=arrival.topic[:200], error=str(error)[:200])
            return
        key = (topic.group, topic.node)
        node = self.nodes.get(key) or self._nodes.take(*key)
        self._silence.heard(key)
        message = host_events.Message(topic, payload, arrival.payload, arrival.arrived_at)
        events = node.session.receive(message)
        if topic.kind is MessageKind.NDEATH and node.session.phase is NodePhase.ALIVE:
            # Of another session: an old one's, or of a node that never renews its Will.
            self._foreign_deaths.add(key)
        self._follow(node, events, arrival.arrived_at)

    def advance(self, node: Node) -> None:
        """Do a piece of what waits of a node, up to the next birth that must be entered."""
        events, left = node.events, _PIECE_BYTES
        while events and left > 0:
            event, at = events[0]
            if not self._act(node, event, at):
                return
            events.popleft()
            if isinstance(event, host_events.Data | Newborn):
                left -= len(event.message.data)

    def _enter(self, node: Node, newborn: Newborn, asset: Asset) -> None:
        """Take over a birth that is in the ledger now."""
        device, message, table, birth, online, bd_seq = newborn
        unit = node.units.get(device)
        if unit is None or not unit.was_born_as(table, bd_seq):
            node.births[birth.key] = StoredBirth(bd_seq, message.arrived_at, message.data)
        unit = node.units[device] = Unit(asset, table, bd_seq=bd_seq)
        if online:
            at = message.arrived_at
            self._presence.set_online(node, asset, device, online=True, at=at, reason="")
        if device is None:
            self._presence.follow_devices(node, message)
        self._decoder.read(message, unit, node.decoded, birth=True)

    def missed(self, key: str, *, now_ms: int, now_s: float) -> None:
        """Ask a node of which a birth or death could not be taken; it may even be gone."""
        node = self._nodes.find(key)
        if node is not None:
            self._follow(node, node.session.ask_rebirth("queue_full", now_ms), now_ms)
            self._silence.expect((node.group, node.name), now_s)

    def tick(self, now_ms: int) -> None:
        """Do what time brings about: missing messages, devices that did not come, rebirths."""
        back_ms, self._ticked_at = self._ticked_at - now_ms, now_ms
        if back_ms > 0:
            self._budget.set_back(back_ms)
            for node in self.nodes.values():
                node.session.set_back(back_ms)
        for node in list(self.nodes.values()):
            self._count(node)
            due_at = node.session.next_due()
            if due_at is not None and now_ms >= due_at:
                self._follow(node, node.session.tick(now_ms), now_ms)

    def watch_silence(
        self, connection: int, *, now_ms: int, now_s: float, unread: Callable[[str], bool]
    ) -> None:
        """Ask nodes whose death may have been missed, and set those offline that do not answer.

        Args:
            connection: Number of the connection to the broker, 0 while there is none.
            now_ms: UTC.
            now_s: Monotonic.
            unread: Whether something of a node, by its key, waits to be read.
        """
        if connection != self._connection:
            self._connection = connection
            alive = [k for k, node in self.nodes.items() if node.session.phase is NodePhase.ALIVE]
            self._silence.begin(alive if connection else (), now_s)
        for key in self._foreign_deaths:
            self._silence.expect(key, now_s)
        self._foreign_deaths.clear()
        for key in self._silence.overdue(now_s):
            if unread(f"{key[0]}/{key[1]}"):
                continue
            if not self._budget.take(now_ms):
                break
            self._silence.asked(key, now_s)
            if key in self.nodes:
                self._asking.ask(self.nodes[key], "silent", now_ms)

        def waits(key: tuple[str, str]) -> bool:
            return unread(f"{key[0]}/{key[1]}")

        for key in self._silence.take_gone(now_s, unread=waits):
            if key in self.nodes:
                self._declare_offline(self.nodes[key], now_ms)

    def ask_births(self, keys: set[str], now_ms: int) -> None:
        """Ask these gateways to be born again, a few at a time; strike off who was asked."""
        for key in list(keys):
            node = self._nodes.find(key)
            if node is not None and not self._budget.take(now_ms):
                break
            keys.discard(key)
            if node is not None:
                self._asking.ask(node, "alarm_delay", now_ms)

    def _declare_offline(self, node: Node, now_ms: int) -> None:
        """Follow the Will of a node, which the broker did not publish."""
        topic = Topic(node.group, MessageKind.NDEATH, node.name)
        death = host_events.Message(topic, death_of(node.session.bd_seq), b"", now_ms)
        _log.warning("node_silent", node=node.key)
        for event in node.session.receive(death):
            if isinstance(event, host_events.NodeDied):
                self._presence.node_gone(node, now_ms, "silent", "silent")
            else:
                self._follow(node, [event], now_ms)
        self._occupy(node, now_ms)

    def _follow(self, node: Node, events: list[host_events.Event], at: int) -> None:
        """Do what events demand, behind those of the node that wait."""
        if not events:
            return
        waits = bool(node.events)
        for event in events:
            happened = self._admitted(node, prepared(node, event))
            if happened is not None:
                node.events.append((happened, at))
        if not waits:
            self.advance(node)
        self._occupy(node, at)

    def _admitted(self, node: Node, event: Happened) -> Happened | None:
        """Return the event, a birth with as much as may be entered; None when nothing may."""
        if not isinstance(event, Newborn):
            return event
        for why, names in event.birth.unusable.items():
            self._metrics.rejected.labels(why).inc(len(names))
        birth = self._registry.admission.admit(event.birth)
        if birth is not None:
            return event if birth is event.birth else event._replace(birth=birth)
        if event.device is None:
            self._nodes.refuse(node)
        elif len(node.session.devices) <= 2 * self._settings.limits.devices:
            # Its data are known for what they are; asking for a birth again would not help.
            node.session.devices[event.device] = Table.of_nobody()
        else:
            node.session.devices.pop(event.device, None)
        return None

    def _occupy(self, node: Node, at: int) -> None:
        """Add a node of which something is not settled."""
        node.oldest_at = node.oldest_at or at
        self.busy.setdefault(node.key, node)

    def _act(self, node: Node, event: Happened, at: int) -> bool:
        """Do what an event demands; False when its birth must be entered before that."""
        match event:
            case host_events.Data(device, message):
                self._data(node, device, message)
            case Newborn():
                asset = self._registry.known(event.birth)
                if asset is None:
                    return False
                self._enter(node, event, asset)
            case host_events.DeviceDied(device, message):
                reason = "not_reborn" if message is None else "device_death"
                self._presence.gone(node, device, reason, at)
            case host_events.NodeDied():
                self._presence.node_gone(node, at, "connection_lost", "gateway_offline")
            case host_events.AskRebirth(reason):
                self._asking.ask(node, reason, at)
        return True

    def _data(self, node: Node, device: str | None, message: host_events.Message) -> None:
        unit = node.units.get(device)
        if unit is None:
            self._metrics.reject("refused_equipment", topic=message.topic.format())
            if device is not None and self._registry.admission.takes_devices(node.key):
                self._ask_rebirth(node, "room_again", message.arrived_at)
            return
        unknown = self._decoder.read(message, unit, node.decoded)
        if unknown and not self._learn(node, unit, unknown, message):
            self._metrics.reject("unknown_metric", topic=message.topic.format())
            self._ask_rebirth(node, "unknown_alias", message.arrived_at)
        elif message.payload.uuid and not self._decoder.from_future:
            # The gateway keeps what a wrong clock refuses, its own or this server's.
            node.acks.append((message.topic, message.payload.uuid))
        if device is None:
            self._presence.follow_devices(node, message)

    def _ask_rebirth(self, node: Node, reason: str, at: int) -> None:
        for request in node.session.ask_rebirth(reason, at):
            self._act(node, prepared(node, request), at)

    def _learn(
        self, node: Node, unit: Unit, unknown: list[WireMetric], message: host_events.Message
    ) -> bool:
        """Enter the points that carry name and datatype and read them; True when all did."""
        new = list[WireMetric]()
        for metric in unknown:
            name, datatype = metric.name, metric.datatype
            if not name or not datatype:
                return False
            if not is_point(name) or datatype not in READERS:
                unit.names[name] = NOWHERE
                if why := unusable(name, datatype):
                    self._metrics.rejected.labels(why).inc()
                    self._registry.admission.refuse(node.key, why, [name])
            else:
                new.append(metric)
        if new:
            named = {metric.name: undeclared_point(metric.name, metric.datatype) for metric in new}
            points = tuple(named.values())
            self._persist("point", lambda: self._registry.add_points(unit.asset, points))
            for name in named:
                if name not in unit.asset.series:
                    unit.names[name] = NOWHERE  # it is refused
        return not self._decoder.read(message, unit, node.decoded)

    def _count(self, node: Node) -> None:
        """Carry what the session has counted over to the metrics."""
        if node.session.counters == node.counted:
            return
        for kind, count in asdict(node.session.counters).items():
            self._metrics.session.labels(kind).inc(count - getattr(node.counted, kind))
        node.counted = replace(node.session.counters)
