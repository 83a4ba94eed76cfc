"""The Sparkplug host: messages of all nodes in order, births to equipment, data to values."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Protocol, TypeVar

import structlog

from config.server import SparkplugSettings
from protocols.errors import FrameError
from protocols.sparkplug import host_events as said
from protocols.sparkplug.births import Table
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.host_session import HostSession, NodePhase
from protocols.sparkplug.names import REBIRTH
from protocols.sparkplug.payload import Metric, encode_payload, parse
from protocols.sparkplug.rebirth import RebirthBudget
from protocols.sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from protocols.sparkplug.topics import MessageKind, Topic, parse_state_topic, parse_topic
from protocols.sparkplug.values import READERS
from server.assets.presence import PRESENT, REMOVED
from server.assets.registry import Asset, Registry
from server.core.records import Records
from server.ingest.births import (
    StoredBirth,
    devices_named,
    equipment_birth,
    is_point,
    stored_births,
    undeclared_point,
)
from server.ingest.decode import Decoder
from server.ingest.harvest import Harvest, Node
from server.ingest.inbox import Arrival
from server.ingest.metrics import IngestMetrics
from server.ingest.silence import SilenceWatch, death_of
from server.ingest.status import StatusChange, note_connection
from server.ingest.steady import SteadyTime
from server.ingest.unit import NOWHERE, Unit

T = TypeVar("T")

_COMMANDS = frozenset({MessageKind.NCMD, MessageKind.DCMD})
_MAX_TOPIC = 300
"""Longer ids do not fit into the keys of the records."""
_MAX_BD_SEQ = 2**63 - 1
_log = structlog.get_logger()


class Persist(Protocol):
    """Runs work that needs a store until it succeeds."""

    def __call__(self, step: str, work: Callable[[], T], /) -> T:
        """Return what the work returns; ``step`` is for the log."""
        ...


class Host:
    """Turns arrivals into a harvest; used by the ingest thread alone."""

    def __init__(
        self,
        settings: SparkplugSettings,
        registry: Registry,
        metrics: IngestMetrics,
        *,
        time: SteadyTime,
        persist: Persist,
    ) -> None:
        """Begin without nodes.

        Args:
            settings: Sparkplug settings of the server.
            registry: Where births become equipment.
            metrics: Where refused messages are counted.
            time: What ``now_ms`` and the arrivals are stamped with.
            persist: Runs work that needs the records, again while they cannot be written.
        """
        self.harvest = Harvest()
        self._settings = settings
        self._registry = registry
        self._metrics = metrics
        self._persist = persist
        self._time = time
        self._decoder = Decoder(metrics, time, max_future_ms=round(settings.max_future_s * 1000))
        self._budget = RebirthBudget()
        self._nodes: dict[tuple[str, str], Node] = {}
        self._silence = SilenceWatch[tuple[str, str]](patience_s=settings.silence_s)
        self._connection = 0

    def restore(self, records: Records, now_ms: int) -> None:
        """Take up the stored births, so that data are decoded at once.

        Raises:
            StoreError: The records cannot be read now.
        """
        for topic, bd_seq, payload in records.read(stored_births):
            node = self._node(topic)
            asset = self._registry.asset("/".join(filter(None, topic[:1] + topic[2:])))
            if asset is None:
                continue
            node.session.restore(topic.device, payload, bd_seq=bd_seq, online=asset.online)
            node.units[topic.device] = Unit(asset, Table(payload.metrics))
        newest = max((series.last_at for series in self._registry.series()), default=0)
        self._time.start(now_ms, newest)
        # A crash between the row of a change and the value that tells it to the alarms.
        for asset in self._registry.assets():
            if asset.connection.last_value != asset.online:
                note_connection(self.harvest.intake, asset, online=asset.online, at=now_ms)

    def receive(self, arrival: Arrival) -> None:
        """Read one message; whatever it is, it does no harm."""
        topic = self._topic(arrival.topic)
        if topic is None:
            return
        try:
            payload = parse(arrival.payload)
        except FrameError as error:
            self._metrics.reject("payload", topic=arrival.topic[:200], error=str(error)[:200])
            return
        key = (topic.group, topic.node)
        node = self._nodes.get(key) or self._node(topic)
        self._silence.heard(key)
        message = said.Message(topic, payload, arrival.payload, arrival.arrived_at)
        self._act(node, node.session.receive(message), arrival.arrived_at)

    def tick(self, now_ms: int) -> None:
        """Do what time brings about: missing messages, devices that did not come, rebirths."""
        for node in self._nodes.values():
            self._count(node)
            due_at = node.session.next_due()
            if due_at is not None and now_ms >= due_at:
                self._act(node, node.session.tick(now_ms), now_ms)

    def watch_silence(self, connection: int, *, now_ms: int, now_s: float) -> None:
        """Ask who may have died unnoticed, and bury who does not answer.

        Args:
            connection: Number of the connection to the broker, 0 while there is none.
            now_ms: Steady.
            now_s: Monotonic.
        """
        if connection != self._connection:
            self._connection = connection
            alive = [k for k, node in self._nodes.items() if node.session.phase is NodePhase.ALIVE]
            self._silence.begin(alive if connection else (), now_s)
        for key in self._silence.to_ask(now_s):
            if not self._budget.take(now_ms):
                break
            self._silence.asked(key, now_s)
            self._ask_rebirth(self._nodes[key], "silent", now_ms)
        for key in self._silence.take_gone(now_s):
            self._bury(self._nodes[key], now_ms)

    def ask_births(self, keys: set[str], now_ms: int) -> None:
        """Ask these gateways to be born again, a few at a time; strike off who was asked."""
        for key in list(keys):
            site, _, name = key.partition("/")
            node = self._nodes.get((site, name))
            if node is not None and not self._budget.take(now_ms):
                break
            keys.discard(key)
            if node is not None:
                self._ask_rebirth(node, "alarm_delay", now_ms)

    def _bury(self, node: Node, now_ms: int) -> None:
        """Speak the Will of a node in the broker's place."""
        topic = Topic(node.group, MessageKind.NDEATH, node.name)
        death = said.Message(topic, death_of(node.session.bd_seq), b"", now_ms)
        _log.warning("node_silent", node=node.key)
        for event in node.session.receive(death):
            if isinstance(event, said.NodeDied):
                self._node_gone(node, now_ms, "silent", "silent")
            else:
                self._act(node, [event], now_ms)

    def _topic(self, text: str) -> Topic | None:
        """Return the topic of a message that is for a host, None for all others."""
        try:
            topic = parse_topic(text)
        except FrameError:
            if parse_state_topic(text) is None:
                self._metrics.reject("topic", topic=text[:_MAX_TOPIC])
            return None
        if topic.kind in _COMMANDS:
            return None
        if len(text) > _MAX_TOPIC:
            self._metrics.reject("topic_too_long", topic=text[:_MAX_TOPIC])
            return None
        return topic

    def _node(self, topic: Topic) -> Node:
        key = (topic.group, topic.node)
        node = self._nodes.get(key)
        if node is None:
            session = HostSession(
                reorder_timeout_ms=round(self._settings.reorder_timeout_s * 1000),
                rebirth_interval_ms=round(self._settings.rebirth_interval_s * 1000),
                budget=self._budget,
            )
            node = self._nodes[key] = Node(*key, session)
        return node

    def _act(self, node: Node, events: list[said.Event], now_ms: int) -> None:
        for event in events:
            match event:
                case said.Data(device, message):
                    self._data(node, device, message)
                case said.DeviceBorn(device, message, table):
                    self._born(node, device, message, table)
                case said.NodeBorn(message, _):
                    self._born(node, None, message, node.session.node)
                case said.DeviceDied(device, message):
                    reason = "not_reborn" if message is None else "device_death"
                    self._gone(node, device, reason, now_ms)
                case said.NodeDied():
                    self._node_gone(node, now_ms, "connection_lost", "gateway_offline")
                case said.AskRebirth(reason):
                    self._ask_rebirth(node, reason, now_ms)

    def _data(self, node: Node, device: str | None, message: said.Message) -> None:
        unit = node.units[device]
        harvest = self.harvest
        unknown = self._decoder.read(message, unit, harvest.intake)
        if unknown and not self._learn(unit, unknown, message):
            self._metrics.reject("unknown_metric", topic=message.topic.format())
            reason = "unknown_alias"
            self._act(
                node, node.session.ask_rebirth(reason, message.arrived_at), message.arrived_at
            )
        elif message.payload.uuid:
            harvest.acks.add(message.topic, message.payload.uuid)
        if device is None:
            self._follow_devices(node, message)

    def _follow_devices(self, node: Node, message: said.Message) -> None:
        """Note which devices the node says it has, and which it no longer has."""
        named = devices_named(message.payload, node.session.node)
        if named is None:
            return
        assets = {device: unit.asset for device, unit in node.units.items() if device is not None}
        gone = [
            asset
            for device, asset in assets.items()
            if device not in named and not asset.absence.removed
        ]
        back = [
            asset for device, asset in assets.items() if device in named and asset.absence.removed
        ]
        if gone:
            self._persist("presence", lambda: self._registry.remove(gone))
        if back:
            self._persist("presence", lambda: self._registry.restore(back))

    def _learn(self, unit: Unit, unknown: list[WireMetric], message: said.Message) -> bool:
        """Enter the points that carry name and datatype and read them; True when all did."""
        new = list[WireMetric]()
        for metric in unknown:
            name, datatype = metric.name, metric.datatype
            if not name or not datatype:
                return False
            if not is_point(name) or datatype not in READERS:
                unit.names[name] = NOWHERE
            else:
                new.append(metric)
        if new:
            named = {metric.name: undeclared_point(metric.name, metric.datatype) for metric in new}
            points = tuple(named.values())
            self._persist("point", lambda: self._registry.add_points(unit.asset, points))
        return not self._decoder.read(message, unit, self.harvest.intake)

    def _born(self, node: Node, device: str | None, message: said.Message, table: Table) -> None:
        birth = equipment_birth(message.topic, message.payload, table)
        asset = self._persist("birth", lambda: self._registry.born(birth))
        unit = node.units[device] = Unit(asset, table)
        harvest = self.harvest
        harvest.births[birth.key] = StoredBirth(
            min(node.session.bd_seq, _MAX_BD_SEQ), self._time.wall(message.arrived_at), message.data
        )
        if table.online and asset.absence != PRESENT:
            self._persist("presence", lambda: self._registry.restore([asset]))
        if not asset.absence.removed:
            names = {point.name for point in birth.points}
            self._persist("presence", lambda: self._registry.name_points(asset, names))
        if table.online:
            self._set_online(asset, device, online=True, at=message.arrived_at, reason="")
        if device is None:
            self._follow_devices(node, message)
        self._decoder.read(message, unit, harvest.intake, birth=True)

    def _gone(self, node: Node, device: str | None, reason: str, at: int) -> None:
        unit = node.units.get(device)
        if unit is not None:
            reason = REMOVED if unit.asset.absence.removed else reason
            self._set_online(unit.asset, device, online=False, at=at, reason=reason)

    def _node_gone(self, node: Node, at: int, reason: str, of_devices: str) -> None:
        self._gone(node, None, reason, at)
        for device in node.units:
            if device is not None:
                self._gone(node, device, of_devices, at)

    def _set_online(
        self, asset: Asset, device: str | None, *, online: bool, at: int, reason: str
    ) -> None:
        if asset.online == online and asset.connection.last_at:
            return
        at = self._time.wall(at)
        asset.online = online
        self.harvest.changes.append(StatusChange(asset, device is None, online, at, reason))
        note_connection(self.harvest.intake, asset, online=online, at=at)

    def _count(self, node: Node) -> None:
        """Carry what the session has counted over to the metrics."""
        if node.session.counters == node.counted:
            return
        for kind, count in asdict(node.session.counters).items():
            self._metrics.session.labels(kind).inc(count - getattr(node.counted, kind))
        node.counted = replace(node.session.counters)

    def _ask_rebirth(self, node: Node, reason: str, now_ms: int) -> None:
        self._metrics.rebirths.labels(reason).inc()
        _log.info("rebirth_asked", node=node.key, reason=reason)
        now_ms = self._time.wall(now_ms)
        metric = Metric(name=REBIRTH, timestamp=now_ms, datatype=DataType.BOOLEAN, value=True)
        topic = Topic(node.group, MessageKind.NCMD, node.name).format()
        self.harvest.requests.append((topic, encode_payload([metric], timestamp=now_ms)))
