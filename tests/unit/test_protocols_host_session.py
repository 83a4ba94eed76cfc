from collections.abc import Callable

import pytest

from protocols.sparkplug.births import NO_BD_SEQ
from protocols.sparkplug.host_session import HostSession, Message, NodePhase
from protocols.sparkplug.payload import Metric
from tests.fakes.sparkplug_messages import (
    T0,
    alive,
    dbirth,
    ddata,
    ddeath,
    dead,
    message,
    nbirth,
    ndeath,
    restored,
    texts,
)

STATES: dict[str, Callable[[], HostSession]] = {
    "unknown": HostSession,
    "restored": restored,
    "alive": alive,
    "dead": dead,
}
MESSAGES: dict[str, Message] = {
    "NBIRTH": nbirth(),
    "NBIRTH of a new session": nbirth(6),
    "NDEATH": ndeath(),
    "NDEATH of another session": ndeath(4),
    "DBIRTH": dbirth(seq=2),
    "DBIRTH of a silent device": dbirth(seq=2, online=False),
    "DDEATH": ddeath(),
    "DDEATH of an unborn device": ddeath("lift"),
    "NDATA": message("NDATA", Metric(name="bdSeq", value=0.5), seq=2),
    "DDATA": ddata(2),
    "DDATA without seq": ddata(None),
    "DDATA with seq 256": ddata(256),
    "DDATA of an unborn device": ddata(2, device="lift"),
    "DDATA early": ddata(4),
    "NCMD": message("NCMD", Metric(name="Node Control/Rebirth", value=True)),
    "DCMD": message("DCMD", Metric(name="x", value=True), device="pump"),
}
ASK = ["AskRebirth no_birth"]
UNBORN = {name: ASK for name in MESSAGES if name.startswith(("D", "NDATA")) and name != "DCMD"}
DECODED = {
    "NBIRTH": ["NodeBorn"],
    "NBIRTH of a new session": ["NodeBorn"],
    "NDEATH": ["NodeDied"],
    "DBIRTH": ["DeviceBorn pump"],
    "DBIRTH of a silent device": ["DeviceBorn pump"],
    "DDEATH": ["DeviceDied pump"],
    "DDEATH of an unborn device": ["DeviceDied lift"],
    "NDATA": ["Data - 0.5"],
    "DDATA": ["Data pump 2"],
    "DDATA without seq": ["Data pump 2"],
    "DDATA with seq 256": ["Data pump 2"],
    "DDATA of an unborn device": ASK,
}
BORN = {"NBIRTH": ["NodeBorn"], "NBIRTH of a new session": ["NodeBorn"]}
# What is not listed for a state has no effect; alive waits for seq 2, so seq 4 is kept back.
TABLE: dict[str, dict[str, list[str]]] = {
    "unknown": {**UNBORN, **BORN},
    "restored": {
        **DECODED,
        "DDATA early": ["Data pump 2"],
        "NDEATH of another session": ["AskRebirth bd_seq"],
    },
    "alive": DECODED,
    "dead": {**UNBORN, **BORN},
}


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("state", STATES)
def test_every_state_meets_every_message(state: str, name: str) -> None:
    session = STATES[state]()
    assert texts(session.receive(MESSAGES[name])) == TABLE[state].get(name, [])


def test_deaths_take_the_devices_along() -> None:
    session = alive()
    assert session.devices["pump"].online
    session.receive(ndeath())
    assert session.phase is NodePhase.DEAD
    assert not session.devices["pump"].online


def test_the_death_of_another_session_is_counted_and_ignored() -> None:
    session = alive()
    assert session.receive(ndeath(4)) == []
    assert session.phase is NodePhase.ALIVE
    assert session.counters.foreign_deaths == 1


def test_a_node_without_bd_seq_is_matched_by_a_death_without_one() -> None:
    session = HostSession()
    session.receive(message("NBIRTH", Metric(name="x", value=1.0), seq=0))
    assert session.bd_seq == NO_BD_SEQ
    assert texts(session.receive(message("NDEATH"))) == ["NodeDied"]


def test_the_sequence_runs_through_255_to_0_without_a_gap() -> None:
    session = alive()
    for seq in [*range(2, 256), *range(300)]:
        assert texts(session.receive(ddata(seq % 256))) == ["Data pump 2"]
    assert session.counters.gaps == 0
    assert session.next_due() == T0 + 10_000


def test_messages_out_of_order_are_put_in_order() -> None:
    session = alive()
    assert session.receive(ddata(4, 4.0)) == []
    assert session.receive(ddata(3, 3.0)) == []
    assert session.next_due() == T0 + 2_000
    in_order = ["Data pump 2", "Data pump 3", "Data pump 4"]
    assert texts(session.receive(ddata(2, 2.0))) == in_order
    assert session.tick(T0 + 5_000) == []
    assert session.counters.gaps == 1


def test_the_reorder_wait_crosses_the_wrap_of_the_sequence() -> None:
    session = alive()
    session.receive(nbirth(seq=252))
    session.receive(dbirth(seq=253))
    for seq in (1, 255, 0):
        assert session.receive(ddata(seq, float(seq))) == []
    assert texts(session.tick(T0 + 2_000)) == [
        "Data pump 255",
        "Data pump 0",
        "Data pump 1",
        "AskRebirth seq_gap",
    ]
    assert texts(session.receive(ddata(2))) == ["Data pump 2"]


def test_after_the_reorder_timeout_everything_is_delivered_and_a_rebirth_asked() -> None:
    session = alive()
    session.receive(ddata(5, 5.0, at=T0 + 100))
    session.receive(ddata(4, 4.0, at=T0 + 200))
    assert session.tick(T0 + 2_099) == []
    assert texts(session.tick(T0 + 2_100)) == [
        "Data pump 4",
        "Data pump 5",
        "AskRebirth seq_gap",
    ]
    assert texts(session.receive(ddata(6, 6.0))) == ["Data pump 6"]


def test_a_second_gap_behind_the_first_gets_its_own_wait() -> None:
    session = alive()
    session.receive(ddata(3))
    session.receive(ddata(6, 6.0))
    assert len(session.receive(ddata(2, at=T0 + 1_500))) == 2
    assert session.tick(T0 + 2_000) == []
    assert texts(session.tick(T0 + 3_500)) == ["Data pump 6", "AskRebirth seq_gap"]


def test_a_message_sent_twice_is_counted_and_its_values_are_harmless() -> None:
    session = alive()
    for seq in (2, 3):
        assert texts(session.receive(ddata(seq))) == ["Data pump 2"]
        assert texts(session.receive(ddata(seq))) == ["Data pump 2"]
    assert session.counters.duplicates == 2
    assert session.counters.gaps == 0


def test_a_death_that_comes_late_does_not_undo_a_birth() -> None:
    session = alive()
    session.receive(ddata(3))
    session.tick(T0 + 2_000)
    assert session.receive(ddeath(seq=2)) == []
    assert session.devices["pump"].online
    assert texts(session.receive(ddata(2))) == ["Data pump 2"]


def test_a_gap_of_most_of_the_circle_is_recognised_by_its_second_message() -> None:
    session = alive()
    assert texts(session.receive(ddata(250, 1.0))) == ["Data pump 1"]
    assert texts(session.receive(ddata(251, 2.0))) == ["Data pump 2", "AskRebirth seq_gap"]
    assert texts(session.receive(ddata(252, 3.0))) == ["Data pump 3"]
    assert session.counters.gaps == 1


def test_large_early_messages_end_the_wait_sooner() -> None:
    session = alive()
    large = "x" * 1_000_000
    early = [
        message("DDATA", Metric(alias=1, value=large), seq=seq, device="pump")
        for seq in range(5, 10)
    ]
    assert [len(session.receive(one)) for one in early] == [0, 0, 0, 5, 1]


def test_too_many_early_messages_end_the_wait() -> None:
    session = alive()
    for seq in range(3, 67):
        assert session.receive(ddata(seq)) == []
    events = texts(session.receive(ddata(67)))
    assert events == ["Data pump 2"] * 65 + ["AskRebirth seq_gap"]


def test_a_birth_ends_the_wait_for_missing_messages() -> None:
    session = alive()
    session.receive(ddata(7, 7.0))
    assert texts(session.receive(nbirth())) == ["Data pump 7", "NodeBorn"]
    assert texts(session.receive(dbirth(seq=1))) == ["DeviceBorn pump"]
    assert session.next_due() == T0 + 10_000


def test_a_death_ends_the_wait_for_missing_messages() -> None:
    session = alive()
    session.receive(ddata(7, 7.0))
    assert texts(session.receive(ndeath())) == ["Data pump 7", "NodeDied"]
    assert session.next_due() is None


def test_a_lost_birth_of_a_device_leaves_no_old_aliases_behind() -> None:
    """The node began anew under the same bdSeq, as those do that never count it."""
    session = alive()
    session.receive(nbirth())
    # Its DBIRTH, number 1, is lost; it may have numbered its metrics otherwise.
    assert session.receive(ddata(2, 5.0)) == []
    assert texts(session.tick(T0 + 2_000)) == ["AskRebirth no_birth"]
    session.receive(nbirth())
    session.receive(dbirth())
    assert texts(session.receive(ddata(2, 6.0))) == ["Data pump 6"]


def test_a_long_gap_after_a_birth_leaves_no_old_aliases_behind_either() -> None:
    session = alive()
    session.receive(nbirth())
    assert texts(session.receive(ddata(200, 5.0))) == ["AskRebirth no_birth"]


def test_a_reborn_device_keeps_its_aliases_over_a_gap() -> None:
    session = alive()
    session.receive(nbirth())
    session.receive(dbirth())
    session.receive(ddata(3, 5.0))
    assert texts(session.tick(T0 + 2_000)) == ["Data pump 5", "AskRebirth seq_gap"]


def test_messages_lost_where_the_sequence_wraps_are_a_gap_also_when_the_node_falls_silent() -> None:
    session = alive()
    for seq in range(2, 254):
        session.receive(ddata(seq))
    # 254, 255 and 0 are lost.
    assert session.receive(ddata(1, 1.0)) == []
    due = session.next_due()
    assert due is not None
    assert texts(session.tick(due)) == ["Data pump 1", "AskRebirth seq_gap"]
