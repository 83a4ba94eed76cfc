"""An edge node as the Sparkplug specification knows it: no journal, no acknowledgement."""

import time
from types import TracebackType
from typing import Any, NamedTuple, Self

import paho.mqtt.client as mqtt

from protocols.sparkplug import sparkplug_b_pb2 as pb
from tests.patience import PATIENCE_S

INT64, FLOAT, DOUBLE, BOOLEAN, STRING = 4, 9, 10, 11, 12
_FIELDS = {
    INT64: "long_value",
    FLOAT: "float_value",
    DOUBLE: "double_value",
    BOOLEAN: "boolean_value",
    STRING: "string_value",
}


class Tag(NamedTuple):
    """One metric of a device birth."""

    name: str
    datatype: int
    value: Any


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class PlainNode:
    """Publishes births and data; ``commands`` keeps what the host asked."""

    def __init__(self, port: int, *, group: str, node: str) -> None:
        self.group, self.node = group, node
        self.commands: list[pb.Payload] = []
        self._seq = 0
        self._aliases: dict[tuple[str, str], tuple[int, int]] = {}
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"{group}-{node}")
        will = pb.Payload(timestamp=now_ms())
        will.metrics.add(name="bdSeq", datatype=INT64, long_value=0)
        self._client.will_set(self._topic("NDEATH"), will.SerializeToString(), qos=1)
        self._client.on_message = lambda _c, _d, message: self.commands.append(
            pb.Payload.FromString(message.payload)
        )
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(self._topic("NCMD"), qos=1)
        self._client.loop_start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect without a death, as a plain client does."""
        self._client.disconnect()
        self._client.loop_stop()

    def birth(self) -> None:
        """Publish the NBIRTH."""
        payload = pb.Payload(timestamp=now_ms())
        payload.metrics.add(name="bdSeq", datatype=INT64, long_value=0, timestamp=now_ms())
        payload.metrics.add(
            name="Node Control/Rebirth", datatype=BOOLEAN, boolean_value=False, timestamp=now_ms()
        )
        self._seq = 0
        self._send("NBIRTH", payload)

    def device_birth(self, device: str, tags: list[Tag], *, at: int | None = None) -> None:
        """Publish a DBIRTH; each tag gets an alias."""
        payload = pb.Payload(timestamp=at or now_ms())
        for tag in tags:
            alias = self._aliases.setdefault(
                (device, tag.name), (len(self._aliases) + 1, tag.datatype)
            )[0]
            metric = payload.metrics.add(
                name=tag.name, alias=alias, datatype=tag.datatype, timestamp=at or now_ms()
            )
            self._set(metric, tag.datatype, tag.value)
        self._send("DBIRTH", payload, device)

    def data(self, device: str, values: dict[str, Any], *, at: int | None = None) -> None:
        """Publish a DDATA by alias."""
        payload = pb.Payload(timestamp=at or now_ms())
        for name, value in values.items():
            alias, datatype = self._aliases[device, name]
            metric = payload.metrics.add(alias=alias, timestamp=at or now_ms())
            self._set(metric, datatype, value)
        self._send("DDATA", payload, device)

    def raw(self, topic: str, payload: bytes) -> None:
        """Publish anything anywhere."""
        self._client.publish(topic, payload, qos=0).wait_for_publish(PATIENCE_S)

    def _set(self, metric: pb.Metric, datatype: int, value: Any) -> None:
        if value is None:
            metric.is_null = True
        else:
            setattr(metric, _FIELDS[datatype], value)

    def _send(self, kind: str, payload: pb.Payload, device: str | None = None) -> None:
        payload.seq = self._seq
        self._seq = (self._seq + 1) % 256
        self._client.publish(self._topic(kind, device), payload.SerializeToString(), qos=0)

    def _topic(self, kind: str, device: str | None = None) -> str:
        return "/".join(["spBv1.0", self.group, kind, self.node] + ([device] if device else []))
