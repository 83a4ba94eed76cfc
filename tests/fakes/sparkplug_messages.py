"""Messages of one edge node, and sessions of its host in every state."""

from protocols.reading import Value
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.host_session import AskRebirth, Data, Event, HostSession, Message
from protocols.sparkplug.payload import Metric, encode_payload, parse
from protocols.sparkplug.topics import MessageKind, Topic

T0 = 1_700_000_000_000


def message(
    kind: str,
    *metrics: Metric,
    device: str | None = None,
    seq: int | None = None,
    at: int = T0,
) -> Message:
    data = encode_payload(metrics, timestamp=at, seq=seq)
    return Message(Topic("garden", MessageKind(kind), "gw", device), parse(data), data, at)


def nbirth(bd_seq: int = 5, *, seq: int = 0, at: int = T0) -> Message:
    return message("NBIRTH", Metric(name="bdSeq", value=bd_seq), seq=seq, at=at)


def ndeath(bd_seq: int = 5, *, at: int = T0) -> Message:
    return message("NDEATH", Metric(name="bdSeq", value=bd_seq), at=at)


def dbirth(device: str = "pump", *, seq: int = 1, at: int = T0, online: bool = True) -> Message:
    metrics = [Metric(name="pressure", alias=1, datatype=DataType.DOUBLE, value=1.0)]
    if not online:
        metrics.append(Metric(name="Properties/Online", value=False))
    return message("DBIRTH", *metrics, device=device, seq=seq, at=at)


def ddeath(device: str = "pump", *, seq: int = 2, at: int = T0) -> Message:
    return message("DDEATH", device=device, seq=seq, at=at)


def ddata(
    seq: int | None,
    value: Value = 2.0,
    *,
    device: str = "pump",
    at: int = T0,
    historical: bool = False,
) -> Message:
    metric = Metric(alias=1, timestamp=at, value=value, is_historical=historical)
    return message("DDATA", metric, device=device, seq=seq, at=at)


def alive() -> HostSession:
    session = HostSession()
    session.receive(nbirth())
    session.receive(dbirth())
    return session


def restored() -> HostSession:
    session = HostSession()
    session.restore(None, nbirth().payload, bd_seq=5)
    session.restore("pump", dbirth().payload, bd_seq=5)
    return session


def dead() -> HostSession:
    session = alive()
    session.receive(ndeath())
    return session


def texts(events: list[Event]) -> list[str]:
    """One word for each event, with the device and the value or reason."""
    return [text(event) for event in events]


def text(event: Event) -> str:
    if isinstance(event, Data):
        metrics = event.message.payload.metrics
        return " ".join(["Data", event.device or "-", *(f"{m.double_value:g}" for m in metrics)])
    if isinstance(event, AskRebirth):
        return f"AskRebirth {event.reason}"
    device = getattr(event, "device", "")
    return f"{type(event).__name__} {device}".strip()
