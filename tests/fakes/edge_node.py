"""A Sparkplug edge node of the tests: makes the messages that a server receives."""

from protocols.reading import Quality, Value
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import BD_SEQ, CLASS, NAME_EN, NAME_ZH, REBIRTH
from protocols.sparkplug.payload import Metric, encode_payload
from server.ingest.inbox import Arrival


class EdgeNode:
    """Counts seq like a real one; ``clock_ms`` is both its clock and the arrival's."""

    def __init__(self, group: str = "site", name: str = "gw", *, clock_ms: int) -> None:
        self.group = group
        self.name = name
        self.clock_ms = clock_ms
        self.bd_seq = 0
        self.seq = 0

    def arrival(self, kind: str, payload: bytes, device: str | None = None) -> Arrival:
        end = "" if device is None else f"/{device}"
        return Arrival(f"spBv1.0/{self.group}/{kind}/{self.name}{end}", payload, self.clock_ms)

    def message(
        self,
        kind: str,
        metrics: list[Metric],
        device: str | None = None,
        *,
        uuid: str | None = None,
        timestamp: int | None = None,
    ) -> Arrival:
        at = self.clock_ms if timestamp is None else timestamp
        payload = encode_payload(metrics, timestamp=at, seq=self.seq, uuid=uuid)
        self.seq = (self.seq + 1) % 256
        return self.arrival(kind, payload, device)

    def nbirth(self, *more: Metric) -> Arrival:
        self.seq = 0
        own = [
            Metric(name=BD_SEQ, datatype=DataType.INT64, value=self.bd_seq, timestamp=0),
            Metric(name=REBIRTH, datatype=DataType.BOOLEAN, value=False),
        ]
        return self.message("NBIRTH", [*own, *more])

    def ndeath(self, bd_seq: int | None = None) -> Arrival:
        value = self.bd_seq if bd_seq is None else bd_seq
        metric = Metric(name=BD_SEQ, datatype=DataType.INT64, value=value)
        return self.arrival("NDEATH", encode_payload([metric], timestamp=0))

    def dbirth(
        self,
        device: str,
        points: dict[str, Value],
        *,
        first_alias: int = 1,
        equipment_class: str = "",
        at: int | None = None,
    ) -> Arrival:
        words = {CLASS: equipment_class, NAME_EN: f"Device {device}", NAME_ZH: f"设备 {device}"}
        metrics = [
            Metric(name=name, datatype=DataType.STRING, value=text) for name, text in words.items()
        ]
        for alias, (name, value) in enumerate(points.items(), first_alias):
            metrics.append(
                Metric(
                    name=name,
                    alias=alias,
                    datatype=datatype_for(value),
                    value=value,
                    timestamp=self.clock_ms if at is None else at,
                    quality=Quality.GOOD if value is not None else Quality.STALE,
                    properties={"engUnit": "bar", "MaxSilence": 60_000, "Name/zh": "点"},
                )
            )
        return self.message("DBIRTH", metrics, device)

    def ddeath(self, device: str) -> Arrival:
        return self.message("DDEATH", [], device)

    def ddata(
        self,
        device: str,
        values: dict[int, Value],
        *,
        at: int | None = None,
        uuid: str | None = None,
        historical: bool = False,
        quality: Quality | None = None,
        reason: str = "",
    ) -> Arrival:
        metrics = [
            Metric(
                alias=alias,
                value=value,
                timestamp=self.clock_ms if at is None else at,
                datatype=datatype_for(value),
                is_historical=historical,
                quality=quality,
                reason=reason,
            )
            for alias, value in values.items()
        ]
        return self.message("DDATA", metrics, device, uuid=uuid)


def datatype_for(value: Value) -> DataType:
    match value:
        case bool():
            return DataType.BOOLEAN
        case int():
            return DataType.UINT64 if value >= 0 else DataType.INT64
        case str():
            return DataType.STRING
        case _:
            return DataType.DOUBLE
