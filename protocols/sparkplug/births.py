"""What a birth declares: the names, aliases and datatypes by which later data is read."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import BD_SEQ, ONLINE
from protocols.sparkplug.payload import parse_uuid
from protocols.sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from protocols.sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from protocols.sparkplug.values import READERS, Reader, read_untyped

NO_BD_SEQ: Final = -1
"""Of a node that sends none; it then matches a death without one."""

_BY_FIELD: Final = {
    "int_value": DataType.UINT32,
    "long_value": DataType.UINT64,
    "float_value": DataType.FLOAT,
    "double_value": DataType.DOUBLE,
    "boolean_value": DataType.BOOLEAN,
    "string_value": DataType.STRING,
}


class Known(NamedTuple):
    """One declared metric.

    Attributes:
        read: Reader of its values; None for datatypes that are no single value.
    """

    name: str
    alias: int | None
    datatype: int
    read: Reader | None


AMBIGUOUS: Final = Known("", None, 0, None)
"""Behind an alias that one birth gave to several names: nobody can tell whose its values are."""


class Table:
    """The declared metrics of a node or of one device; aliases are looked up per device.

    Attributes:
        online: Whether the device answers; True for the node itself.
        awaited: The node was born again and this device, which was online, has not followed yet.
        older: The node was born again since this was declared.
        stored: From before a restart of the host; the node may have been born otherwise meanwhile.
    """

    __slots__ = ("aliases", "awaited", "names", "older", "online", "stored")

    def __init__(self, metrics: Iterable[WireMetric] = (), *, online: bool = True) -> None:
        self.aliases: dict[int, Known] = {}
        self.names: dict[str, Known] = {}
        self.online = online
        self.awaited = self.older = self.stored = False
        for metric in metrics:
            known = _declared(metric)
            if known is not None:
                self.names[known.name] = known
                if known.alias is not None:
                    other = self.aliases.setdefault(known.alias, known)
                    alone = other.name == known.name
                    self.aliases[known.alias] = known if alone else AMBIGUOUS

    @classmethod
    def of_nobody(cls) -> "Table":
        """Return a table for a device that a host does not want: born, but nothing is declared."""
        table = cls()
        table.names[""] = Known("", None, 0, None)
        return table

    def find(self, metric: WireMetric) -> Known | None:
        """Return the declaration of a metric of a data message, None when there is none."""
        if metric.alias:
            return self.aliases.get(metric.alias)
        # An absent alias reads as 0, and 0 is a lawful alias.
        if metric.name:
            return self.names.get(metric.name)
        return self.aliases.get(0) if metric.HasField("alias") else None

    def confirm(self, payload: WirePayload) -> bool:
        """Return whether data belongs to this stored declaration.

        A journal keeps its aliases, so data out of one needs no new birth; nor does data whose
        metrics all say their names.
        """
        if parse_uuid(payload.uuid) is not None:
            self.stored = False
            return True
        return all(
            metric.name
            and (not metric.HasField("alias") or self._name_behind(metric.alias) == metric.name)
            for metric in payload.metrics
        )

    def _name_behind(self, alias: int) -> str | None:
        known = self.aliases.get(alias)
        return None if known is None else known.name

    def forget(self) -> None:
        """Drop the declarations, as after the birth of a new session of the node."""
        self.aliases.clear()
        self.names.clear()


def _declared(metric: WireMetric) -> Known | None:
    datatype = metric.datatype or _BY_FIELD.get(metric.WhichOneof("value") or "", 0)
    if not metric.name or not datatype:
        return None
    alias = metric.alias if metric.HasField("alias") else None
    return Known(metric.name, alias, int(datatype), READERS.get(datatype))


def bd_seq_of(payload: WirePayload) -> int:
    """Return the bdSeq of an NBIRTH or NDEATH, -1 when it carries none."""
    for metric in payload.metrics:
        if metric.name == BD_SEQ:
            value = read_untyped(metric)
            return value if isinstance(value, int) else NO_BD_SEQ
    return NO_BD_SEQ


def says_online(payload: WirePayload) -> bool:
    """Return False when a device birth only describes a device that does not answer."""
    for metric in payload.metrics:
        if metric.name == ONLINE:
            return metric.boolean_value or not metric.HasField("boolean_value")
    return True
