"""The edge node on the wire: publishes what the session's rules say, with the right contents."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from config.gateway import Gateway, ResolvedDevice
from edge_agent.clock import Clock
from edge_agent.journal.base import Journal, Row
from edge_agent.uplink.births import device_birth, retired_birth
from edge_agent.uplink.encoder import DeviceEncoder
from edge_agent.uplink.own import Loads, OwnPoint, own_points, own_values
from protocols.sparkplug import names
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.edge_session import (
    Action,
    DeviceState,
    Disconnect,
    EdgeSession,
    Phase,
    Send,
)
from protocols.sparkplug.payload import (
    Metric,
    encode_metrics,
    encode_payload,
    mark_historical,
    name_metrics,
    seal,
    uuid_of,
)
from protocols.sparkplug.topics import NAMESPACE, MessageKind, Topic, state_topic

MAX_QUEUED_BYTES = 1_000_000
"""More than this unwritten: the broker is too slow; data stays in the journal for now."""


class Connection(Protocol):
    """What the node needs of a connection to the broker; mqtt.py has the real one."""

    @property
    def queued_bytes(self) -> int:
        """Payload bytes that the broker has not taken yet."""
        ...

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hand over a message; False when the connection is gone."""
        ...

    def disconnect(self) -> None:
        """Disconnect after everything published so far."""
        ...

    def subscribe_again(self, name: str) -> None:
        """Have the broker say once more what it keeps under a topic."""
        ...


class Node:
    """Births, deaths and data of one gateway, on whatever connection there is.

    Attributes:
        session: The rules; decides what may be sent now and with which seq.
        encoders: One for each configured device.
        connection: None while there is none.
        published: Data messages handed to the broker's connection, since the start.
        sent_bytes: Their bytes.
    """

    def __init__(
        self, gateway: Gateway, journal: Journal, clock: Clock, *, loads: Loads | None = None
    ) -> None:
        settings = gateway.settings
        self._journal = journal
        self._clock = clock
        self._loads = loads
        self._site, self._gateway = settings.site, settings.gateway
        self.client_id = f"plantroom-{settings.site}-{settings.gateway}"
        self.session = EdgeSession(bd_seq=journal.bd_seq, primary_host=settings.uplink.primary_host)
        self._datatype_in_data = settings.uplink.send_datatype_in_data
        self.encoders = {name: self._encoder(device) for name, device in gateway.devices.items()}
        self._points = self._own_points(gateway)
        self._own = self._own_aliases()
        self._retired = self._retired_points()
        self._data_topics: dict[str, str] = {}
        self._version = gateway.program
        self.connection: Connection | None = None
        self.published = self.sent_bytes = 0

    def reconfigure(
        self, gateway: Gateway, *, removed: Sequence[str], changed: Sequence[str]
    ) -> None:
        """Take over other devices; those that are up die or are born again at once.

        What the journal still holds of a removed device or point is sent by its name.
        """
        before = self.encoders
        self.encoders = {
            name: before[name] if name in before and name not in changed else self._encoder(device)
            for name, device in gateway.devices.items()
        }
        for name in changed:
            self.encoders[name].inherit(before[name])
        points, self._points = self._points, self._own_points(gateway)
        self._own = self._own_aliases()
        self._retired = self._retired_points()
        if before.keys() != self.encoders.keys():
            # Said before the deaths: what is removed on purpose is no outage.
            self.perform(self.session.data())
        for name in removed:
            self.perform(self.session.device_removed(name))
        for name in changed:
            self.perform(self.session.device_changed(name))
        if points.keys() != self._points.keys():
            # Only a birth may say what is new of the node itself.
            self.perform(self.session.rebirth())

    def rebuild(self) -> None:
        """Take the aliases of a journal that took the old one's place."""
        before = self.encoders
        self.encoders = {name: self._encoder(old.device) for name, old in before.items()}
        for name, encoder in self.encoders.items():
            encoder.inherit(before[name])
        self._own = self._own_aliases()
        self._retired = self._retired_points()

    @property
    def live(self) -> bool:
        """Whether data may be published now."""
        return self.session.phase is Phase.BORN and self.connection is not None

    @property
    def filters(self) -> list[str]:
        """What to subscribe to."""
        node = Topic(self._site, MessageKind.NCMD, self._gateway).format()
        device = Topic(self._site, MessageKind.DCMD, self._gateway, "x").format()[:-1] + "+"
        host = self.session.primary_host
        return [node, device, *([state_topic(host)] if host else [])]

    @property
    def topics(self) -> str:
        """What everything is published under; + stands for the kind of message."""
        return f"{NAMESPACE}/{self._site}/+/{self._gateway}"

    def ask_state(self) -> None:
        """Have the broker say again what it keeps of the primary host."""
        host, connection = self.session.primary_host, self.connection
        if host is not None and connection is not None:
            connection.subscribe_again(state_topic(host))

    def will(self, bd_seq: int) -> tuple[str, bytes]:
        """Return topic and payload of the NDEATH."""
        return self._topic(MessageKind.NDEATH), self._death(bd_seq)

    def perform(self, actions: Sequence[Action]) -> None:
        """Publish births and deaths, close the connection: as the session says, in that order."""
        connection = self.connection
        if connection is None:
            return
        for action in actions:
            if isinstance(action, Disconnect):
                connection.disconnect()
            else:
                topic = self._topic(action.kind, action.device)
                connection.publish(topic, self._payload(action))

    def publish(self, device: str, fragment: bytes, offset: int | None) -> bool:
        """Publish a fresh message; False when it has to wait in the journal."""
        if not self.live or self.queued_bytes > MAX_QUEUED_BYTES:
            return False
        return self._send(device, fragment, offset, historical=False)

    def is_down(self, device: str) -> bool:
        """Return whether a configured device is not born, or only for its backlog."""
        known = device in self.encoders
        return known and self.session.devices.get(device) is not DeviceState.UP

    def publish_again(self, row: Row) -> bool:
        """Publish a row of the journal as historical; False when it has to wait."""
        if not self.live:
            return False
        fragment = mark_historical(row.fragment)
        retired = self._retired.get(row.device)
        if retired and row.device in self.encoders:
            fragment = name_metrics(fragment, retired)
        return self._send(row.device, fragment, row.offset, historical=True)

    @property
    def queued_bytes(self) -> int:
        """Bytes that the broker has not taken yet."""
        return 0 if self.connection is None else self.connection.queued_bytes

    def _encoder(self, device: ResolvedDevice) -> DeviceEncoder:
        return DeviceEncoder(device, self._journal.alias, datatype_in_data=self._datatype_in_data)

    def _send(self, device: str, fragment: bytes, offset: int | None, *, historical: bool) -> bool:
        connection = self.connection
        actions = self.session.data(device, historical=historical)
        if not actions or connection is None:
            return False
        self.perform(actions[:-1])
        data = actions[-1]
        payload = seal(
            fragment,
            timestamp=self._clock.now_ms(),
            seq=data.seq if isinstance(data, Send) else None,
            uuid=None if offset is None else uuid_of(self._journal.journal_id, offset),
        )
        accepted = connection.publish(self._data_topic(device), payload)
        if accepted:
            self.published += 1
            self.sent_bytes += len(payload)
        return accepted

    def _payload(self, send: Send) -> bytes:
        now_ms = self._clock.now_ms()
        match send.kind:
            case MessageKind.NDEATH:
                return self._death(send.bd_seq)
            case MessageKind.NBIRTH:
                fragment = self._node_birth(send.bd_seq, now_ms)
            case MessageKind.DBIRTH:
                fragment = self._device_birth(send.device or "", online=send.online, now_ms=now_ms)
            case MessageKind.NDATA:
                fragment = encode_metrics([self._devices(None, now_ms)])
            case _:
                fragment = b""
        return seal(fragment, timestamp=now_ms, seq=send.seq)

    def report(self) -> None:
        """Publish how the gateway itself does; what cannot go out now is told the next time."""
        connection = self.connection
        if connection is None or not self._points or self.queued_bytes > MAX_QUEUED_BYTES:
            return
        now_ms = self._clock.now_ms()
        for action in self.session.data():
            if isinstance(action, Send):
                fragment = encode_metrics(self._own_metrics(now_ms, born=True))
                payload = seal(fragment, timestamp=now_ms, seq=action.seq)
                connection.publish(self._topic(action.kind), payload)

    def _own_points(self, gateway: Gateway) -> dict[str, OwnPoint]:
        return {} if self._loads is None else own_points(gateway.settings.ports)

    def _own_metrics(self, now_ms: int, *, born: bool) -> list[Metric]:
        """Return the node's points; before its birth with all that is to be known of them."""
        if self._loads is None:
            return []
        values = own_values(
            self._points,
            waiting=self._journal.stats().rows,
            loads=self._loads(),
            encoders=self.encoders,
        )
        return [
            Metric(
                name=None if born else name,
                alias=self._own[name],
                timestamp=now_ms,
                datatype=point.datatype,
                value=values[name],
                properties=None if born else point.properties,
            )
            for name, point in self._points.items()
        ]

    def _death(self, bd_seq: int | None) -> bytes:
        metric = Metric(name=names.BD_SEQ, datatype=DataType.INT64, value=bd_seq)
        return encode_payload([metric], timestamp=self._clock.now_ms())

    def _node_birth(self, bd_seq: int | None, now_ms: int) -> bytes:
        metrics = [
            Metric(name=names.BD_SEQ, datatype=DataType.INT64, value=bd_seq),
            Metric(name=names.REBIRTH, value=False),
            Metric(names.SOFTWARE, self._own[names.SOFTWARE], value="plantroom"),
            Metric(names.VERSION, self._own[names.VERSION], value=self._version),
        ]
        for metric in metrics:
            metric.timestamp = now_ms
        metrics.append(self._devices(names.DEVICES, now_ms))
        return encode_metrics([*metrics, *self._own_metrics(now_ms, born=False)])

    def _devices(self, name: str | None, now_ms: int) -> Metric:
        """Return which devices are configured, by alias unless named; the missing were removed."""
        alias = self._own[names.DEVICES]
        return Metric(name, alias, now_ms, DataType.STRING, ",".join(self.encoders))

    def _device_birth(self, device: str, *, online: bool, now_ms: int) -> bytes:
        encoder = self.encoders.get(device)
        if encoder is not None:
            return device_birth(encoder, online=online, now_ms=now_ms)
        points = self._retired.get(device, {})
        return retired_birth(
            {name: (alias, datatype) for alias, (name, datatype) in points.items()},
            online_alias=self._journal.alias(device, names.ONLINE, DataType.BOOLEAN),
            now_ms=now_ms,
        )

    def _own_aliases(self) -> dict[str, int]:
        """Return the aliases of what the node says of itself; no device has an empty name."""
        types = dict.fromkeys((names.SOFTWARE, names.VERSION, names.DEVICES), DataType.STRING)
        types |= {name: point.datatype for name, point in self._points.items()}
        return {name: self._journal.alias("", name, kind) for name, kind in types.items()}

    def _retired_points(self) -> dict[str, dict[int, tuple[str, DataType]]]:
        """Return what old rows may still carry and no birth of a configured device declares."""
        current = set(self._own.values())
        for encoder in self.encoders.values():
            current.update(alias for alias, _ in encoder.points.values())
            current.update(encoder.described.values())
        retired: dict[str, dict[int, tuple[str, DataType]]] = defaultdict(dict)
        for number, alias in self._journal.aliases().items():
            if number not in current:
                retired[alias.device][number] = (alias.point, DataType(alias.datatype))
        return dict(retired)

    def _data_topic(self, device: str) -> str:
        topic = self._data_topics.get(device)
        if topic is None:
            topic = self._data_topics[device] = self._topic(MessageKind.DDATA, device)
        return topic

    def _topic(self, kind: MessageKind, device: str | None = None) -> str:
        return Topic(self._site, kind, self._gateway, device).format()
