"""Both ends together over a line that loses messages."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from protocols.sparkplug.edge_session import Action, DeviceState, EdgeSession, Send
from protocols.sparkplug.host_session import AskRebirth, Data, HostSession, Message, NodePhase
from protocols.sparkplug.payload import Metric
from protocols.sparkplug.topics import MessageKind
from tests.fakes.sparkplug_messages import T0, message

DEVICES = ("pump", "lift", "meter")
STEP = st.tuples(
    st.sampled_from(["up", "down", "data", "data", "data", "backlog", "settle", "reconnect"]),
    st.sampled_from(DEVICES),
    st.sampled_from([True, True, True, False]),
)


class Line:
    """Carries what the edge sends; a lost message is simply not there."""

    def __init__(self) -> None:
        self.edge = EdgeSession()
        self.host = HostSession()
        self.now = T0
        self.sent = 0
        self.received: list[float] = []
        self.delivered: list[float] = []
        self.rebirth_asked = False

    def step(self, what: str, device: str, arrives: bool) -> None:  # noqa: FBT001
        self.now += 700
        match what:
            case "up":
                actions = self.edge.device_up(device)
            case "down":
                actions = self.edge.device_down(device)
            case "settle":
                actions = self.edge.backlog_sent()
            case "reconnect":
                self.edge.connection_lost()
                self.edge.connect()
                actions = self.edge.connected()
            case _:
                actions = self.edge.data(device, historical=what == "backlog")
        self.carry(actions, arrives=arrives, historical=what == "backlog")
        self.take(self.host.tick(self.now))

    def carry(self, actions: Sequence[Action], *, arrives: bool, historical: bool = False) -> None:
        for action in actions:
            if isinstance(action, Send) and arrives:
                self.take(self.host.receive(self.wire(action, historical=historical)))

    def wire(self, send: Send, *, historical: bool) -> Message:
        metrics = [Metric(name="Properties/Online", value=send.online)]
        if send.kind in {MessageKind.NBIRTH, MessageKind.NDEATH}:
            metrics = [Metric(name="bdSeq", value=send.bd_seq)]
        if send.kind is MessageKind.DBIRTH:
            metrics.append(Metric(name="value", alias=1, value=0.0))
        if send.kind is MessageKind.DDATA:
            self.sent += 1
            self.received.append(self.sent)
            metrics = [Metric(alias=1, value=float(self.sent), is_historical=historical)]
        return message(send.kind, *metrics, device=send.device, seq=send.seq, at=self.now)

    def take(self, events: Sequence[object]) -> None:
        for event in events:
            if isinstance(event, Data):
                self.delivered += [m.double_value for m in event.message.payload.metrics]
            self.rebirth_asked = self.rebirth_asked or isinstance(event, AskRebirth)


def started() -> Line:
    line = Line()
    line.edge.connect()
    line.carry(line.edge.connected(), arrives=True)
    return line


def online(line: Line) -> set[str]:
    return {device for device, table in line.host.devices.items() if table.online}


def up(line: Line) -> set[str]:
    return {device for device, state in line.edge.devices.items() if state is DeviceState.UP}


@given(st.lists(STEP, max_size=50))
def test_what_arrives_is_delivered_once_or_counted_and_a_rebirth_heals_everything(
    steps: list[tuple[str, str, bool]],
) -> None:
    line = started()
    for what, device, arrives in steps:
        line.step(what, device, arrives)
    line.now += 10_000
    line.take(line.host.tick(line.now))
    assert len(set(line.delivered)) == len(line.delivered)
    assert set(line.delivered) <= set(line.received)
    missing = len(line.received) - len(line.delivered)
    assert missing == 0 or (line.host.counters.undecodable and line.rebirth_asked)

    line.carry(line.edge.rebirth(), arrives=True)
    line.now += 10_000
    line.take(line.host.tick(line.now))
    assert line.host.phase is NodePhase.ALIVE
    assert online(line) == up(line)


@given(st.lists(STEP, max_size=50))
def test_without_losses_nothing_is_asked_and_everything_is_in_order(
    steps: list[tuple[str, str, bool]],
) -> None:
    line = started()
    for what, device, _ in steps:
        line.step(what, device, arrives=True)
        assert online(line) == up(line) or what == "reconnect"
    assert line.delivered == line.received
    assert not line.rebirth_asked
    assert line.host.counters.gaps == 0
