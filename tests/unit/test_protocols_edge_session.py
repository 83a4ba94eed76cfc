from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.sparkplug.edge_session import Action, Disconnect, EdgeSession, Phase, Send
from protocols.sparkplug.sequence import ahead, next_bd_seq, next_seq
from protocols.sparkplug.topics import MessageKind

HOST = "plantroom"


def offline(primary_host: str | None = HOST) -> EdgeSession:
    session = EdgeSession(bd_seq=4, primary_host=primary_host)
    session.device_up("pump")
    session.device_down("meter")
    return session


def connecting() -> EdgeSession:
    session = offline()
    session.connect()
    return session


def waiting() -> EdgeSession:
    session = connecting()
    session.connected()
    return session


def born() -> EdgeSession:
    session = waiting()
    session.host_state(HOST, online=True, timestamp=100)
    return session


def closing() -> EdgeSession:
    session = born()
    session.close()
    return session


STATES: dict[Phase, Callable[[], EdgeSession]] = {
    Phase.OFFLINE: offline,
    Phase.CONNECTING: connecting,
    Phase.WAITING: waiting,
    Phase.BORN: born,
    Phase.CLOSING: closing,
}


def state(session: EdgeSession, online: bool, timestamp: int = 100) -> list[Action]:  # noqa: FBT001
    return session.host_state(HOST, online=online, timestamp=timestamp)


EVENTS: dict[str, Callable[[EdgeSession], list[Action] | int | None]] = {
    "connect": lambda s: s.connect(),
    "connected": lambda s: s.connected(),
    "lost": lambda s: s.connection_lost(),
    "close": lambda s: s.close(),
    "host online": lambda s: state(s, online=True),
    "host offline": lambda s: state(s, online=False),
    "stale host offline": lambda s: state(s, online=False, timestamp=-1),
    "other host offline": lambda s: s.host_state("scada", online=False, timestamp=999),
    "rebirth": lambda s: s.rebirth(),
    "new device up": lambda s: s.device_up("lift"),
    "new device down": lambda s: s.device_down("lift"),
    "device up again": lambda s: s.device_up("meter"),
    "device up still": lambda s: s.device_up("pump"),
    "device goes down": lambda s: s.device_down("pump"),
    "device down still": lambda s: s.device_down("meter"),
    "device changed": lambda s: s.device_changed("pump"),
    "down device changed": lambda s: s.device_changed("meter"),
    "unknown device changed": lambda s: s.device_changed("lift"),
    "node data": lambda s: s.data(),
    "live data": lambda s: s.data("pump"),
    "backlog of a live device": lambda s: s.data("pump", historical=True),
    "live data of a down device": lambda s: s.data("meter"),
    "backlog of a down device": lambda s: s.data("meter", historical=True),
    "backlog_sent": lambda s: s.backlog_sent(),
}


def text(action: Action) -> str:
    """NBIRTH 0 b5 = seq 0 and bdSeq 5; ? = the device is described as not answering."""
    if isinstance(action, Disconnect):
        return "DISCONNECT"
    parts = [action.kind.value, action.device or ""]
    parts.append("" if action.seq is None else str(action.seq))
    parts.append("" if action.bd_seq is None else f"b{action.bd_seq}")
    return " ".join(part for part in parts if part) + ("" if action.online else " ?")


BIRTHS = ["NBIRTH 0 b5", "DBIRTH pump 1", "DBIRTH meter 2 ?", "DDEATH meter 3"]
DEATH = ["NDEATH b5", "DISCONNECT"]

# What each event brings about; what is not listed for a state changes nothing and sends nothing.
TABLE: dict[Phase, dict[str, tuple[Phase, list[str] | int]]] = {
    Phase.OFFLINE: {"connect": (Phase.CONNECTING, 5)},
    Phase.CONNECTING: {
        "connect": (Phase.CONNECTING, 6),
        "connected": (Phase.WAITING, []),
        "lost": (Phase.OFFLINE, []),
        "close": (Phase.CLOSING, ["DISCONNECT"]),
    },
    Phase.WAITING: {
        "connect": (Phase.CONNECTING, 6),
        "lost": (Phase.OFFLINE, []),
        "close": (Phase.CLOSING, ["DISCONNECT"]),
        "host online": (Phase.BORN, BIRTHS),
    },
    Phase.BORN: {
        "connect": (Phase.CONNECTING, 6),
        "lost": (Phase.OFFLINE, []),
        "close": (Phase.CLOSING, DEATH),
        "host offline": (Phase.CLOSING, DEATH),
        "rebirth": (Phase.BORN, BIRTHS),
        "new device up": (Phase.BORN, ["DBIRTH lift 4"]),
        "new device down": (Phase.BORN, ["DBIRTH lift 4 ?", "DDEATH lift 5"]),
        "device up again": (Phase.BORN, ["DBIRTH meter 4"]),
        "device goes down": (Phase.BORN, ["DDEATH pump 4"]),
        "device changed": (Phase.BORN, ["DBIRTH pump 4"]),
        "down device changed": (Phase.BORN, ["DBIRTH meter 4 ?", "DDEATH meter 5"]),
        "node data": (Phase.BORN, ["NDATA 4"]),
        "live data": (Phase.BORN, ["DDATA pump 4"]),
        "backlog of a live device": (Phase.BORN, ["DDATA pump 4"]),
        "backlog of a down device": (Phase.BORN, ["DBIRTH meter 4 ?", "DDATA meter 5"]),
    },
    Phase.CLOSING: {"connect": (Phase.CONNECTING, 6), "lost": (Phase.OFFLINE, [])},
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("phase", Phase)
def test_every_state_meets_every_event(phase: Phase, event: str) -> None:
    session = STATES[phase]()
    assert session.phase is phase
    result = EVENTS[event](session)
    after, expected = TABLE[phase].get(event, (phase, []))
    assert session.phase is after
    if isinstance(expected, int):
        assert result == expected
    else:
        assert isinstance(result, (list, type(None)))
        assert [text(action) for action in result or []] == expected


def test_without_a_primary_host_the_births_follow_at_once() -> None:
    session = offline(primary_host=None)
    session.connect()
    assert [text(action) for action in session.connected()] == BIRTHS
    assert session.host_state(HOST, online=False, timestamp=9) == []


def test_a_state_that_arrives_before_the_subscription_is_confirmed_counts() -> None:
    session = connecting()
    assert state(session, online=True) == []
    assert [text(action) for action in session.connected()] == BIRTHS


def test_an_older_state_is_ignored_and_an_equal_one_obeyed() -> None:
    session = born()
    assert state(session, online=False, timestamp=99) == []
    assert [text(a) for a in state(session, online=False, timestamp=100)] == DEATH


def test_a_host_that_was_online_before_the_cut_must_say_so_again() -> None:
    session = born()
    session.connection_lost()
    session.connect()
    assert session.connected() == []
    assert session.phase is Phase.WAITING
    assert state(session, online=True, timestamp=100)


def test_what_happens_offline_is_in_the_next_births() -> None:
    session = EdgeSession()
    session.connect()
    session.connection_lost()
    session.device_up("pump")
    session.device_down("pump")
    session.device_up("lift")
    assert session.connect() == 1
    births = [text(action) for action in session.connected()]
    assert births == ["NBIRTH 0 b1", "DBIRTH pump 1 ?", "DDEATH pump 2", "DBIRTH lift 3"]


def test_the_backlog_of_a_down_device_is_framed_by_birth_and_death() -> None:
    session = born()
    sent = session.data("meter", historical=True) + session.data("meter", historical=True)
    assert session.data("meter") == []
    assert session.device_down("meter") == []
    sent += session.device_changed("meter")
    sent += session.backlog_sent() + session.backlog_sent()
    assert [text(action) for action in sent] == [
        "DBIRTH meter 4 ?",
        "DDATA meter 5",
        "DDATA meter 6",
        "DBIRTH meter 7 ?",
        "DDEATH meter 8",
    ]


def test_the_backlog_of_a_device_not_yet_polled_is_sent_as_well() -> None:
    session = born()
    sent = (
        session.data("lift", historical=True) + session.device_up("lift") + session.backlog_sent()
    )
    assert [text(a) for a in sent] == ["DBIRTH lift 4 ?", "DDATA lift 5", "DBIRTH lift 6"]


def test_a_rebirth_in_the_middle_of_a_backlog_starts_over() -> None:
    session = born()
    session.data("meter", historical=True)
    assert [text(action) for action in session.rebirth()] == BIRTHS
    again = session.data("meter", historical=True)
    assert [text(action) for action in again] == ["DBIRTH meter 4 ?", "DDATA meter 5"]


def test_numbers_wrap() -> None:
    assert next_seq(254) == 255
    assert next_seq(255) == 0
    assert next_bd_seq(None) == 0
    assert next_bd_seq(255) == 0
    assert ahead(2, 254) == 4
    assert ahead(254, 255) == 255


STEPS = st.lists(st.sampled_from(sorted(EVENTS)), max_size=60)


@given(STEPS, st.sampled_from([HOST, None]))
def test_no_sequence_of_events_breaks_the_order_of_messages(
    steps: list[str], primary_host: str | None
) -> None:
    session, checker = EdgeSession(primary_host=primary_host), OrderChecker()
    for step in steps:
        result = EVENTS[step](session)
        if step in {"connect", "lost"}:
            checker.new_connection()
        for action in result if isinstance(result, list) else []:
            checker.check(action)


class OrderChecker:
    """What a strict host would hold against the messages of one connection."""

    def __init__(self) -> None:
        self.seq: int | None = None
        self.bd_seq: int | None = None
        self.alive: set[str] = set()
        self.closed = False

    def new_connection(self) -> None:
        self.__init__()

    def check(self, action: Action) -> None:
        assert not self.closed
        if isinstance(action, Disconnect):
            self.closed = True
        else:
            self.check_send(action)

    def check_send(self, send: Send) -> None:
        if send.kind is MessageKind.NBIRTH:
            assert send.seq == 0
            assert self.bd_seq in {None, send.bd_seq}
            self.bd_seq, self.alive = send.bd_seq, set()
        elif send.kind is MessageKind.NDEATH:
            assert (send.seq, send.bd_seq) == (None, self.bd_seq)
            return
        else:
            assert self.seq is not None
            assert send.seq == next_seq(self.seq)
            self.check_device(send)
        self.seq = send.seq

    def check_device(self, send: Send) -> None:
        if send.kind is MessageKind.NDATA:
            return
        assert send.device is not None
        if send.kind is MessageKind.DBIRTH:
            self.alive.add(send.device)
        else:
            assert send.device in self.alive
        if send.kind is MessageKind.DDEATH:
            self.alive.discard(send.device)


def test_what_is_kept_when_a_connection_begins_is_believed_whatever_was_said_before() -> None:
    session = offline()
    session.connect()
    session.host_state(HOST, online=True, timestamp=10_000, retained=True)
    session.connected()
    session.host_state(HOST, online=False, timestamp=10_000)
    session.connection_lost()
    session.connect()
    session.host_state(HOST, online=True, timestamp=5, retained=True)
    assert session.connected() != []


def test_on_one_connection_what_is_older_is_ignored_unless_the_broker_keeps_it() -> None:
    session = offline()
    session.connect()
    session.connected()
    session.host_state(HOST, online=False, timestamp=10_000, retained=True)
    assert session.host_state(HOST, online=True, timestamp=9_999) == []
    assert session.phase is Phase.WAITING
    assert session.host_state(HOST, online=True, timestamp=9_999, retained=True) != []
