from dataclasses import replace
from itertools import pairwise

import pytest

from protocols.sparkplug.births import Table
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.host_session import HostSession, Message
from protocols.sparkplug.payload import Metric, encode_payload, parse
from protocols.sparkplug.rebirth import RebirthBudget
from tests.fakes.sparkplug_messages import (
    T0,
    alive,
    dbirth,
    ddata,
    ddeath,
    message,
    nbirth,
    ndeath,
    restored,
    texts,
)


def test_after_a_restart_the_first_seq_is_accepted_and_the_next_must_follow() -> None:
    session = restored()
    assert texts(session.receive(ddata(77))) == ["Data pump 2"]
    assert texts(session.receive(ddata(78))) == ["Data pump 2"]
    assert session.receive(ddata(80)) == []
    assert texts(session.tick(T0 + 2_000)) == ["Data pump 2", "AskRebirth seq_gap"]


def test_after_a_restart_nothing_is_asked_while_everything_agrees() -> None:
    session = restored()
    session.receive(ddata(0))
    assert session.tick(T0 + 3_600_000) == []
    assert session.next_due() is None


def test_a_stored_device_birth_of_another_session_is_worth_nothing() -> None:
    session = HostSession()
    session.restore(None, nbirth().payload, bd_seq=5)
    session.restore("pump", dbirth().payload, bd_seq=4)
    assert texts(session.receive(ddata(9))) == ["AskRebirth no_birth"]
    assert session.counters.undecodable == 1


def asked(*metrics: Metric, uuid: str | None = None) -> list[str]:
    """What follows from data after a restart of the host, of a node that can be asked."""
    session = HostSession()
    rebirth = Metric(name="Node Control/Rebirth", datatype=DataType.BOOLEAN, value=False)
    birth = message("NBIRTH", Metric(name="bdSeq", value=5), rebirth, seq=0)
    session.restore(None, birth.payload, bd_seq=5)
    session.restore("pump", dbirth().payload, bd_seq=5)
    data = encode_payload(metrics, timestamp=T0, seq=9, uuid=uuid)
    topic = ddata(9).topic
    return texts(session.receive(Message(topic, parse(data), data, T0)))


ALIAS = Metric(alias=1, value=2.0, timestamp=T0)
NAME = Metric(name="pressure", datatype=DataType.DOUBLE, value=2.0, timestamp=T0)


@pytest.mark.parametrize("uuid", [None, "of-other-software"])
def test_an_alias_alone_does_not_say_that_a_stored_birth_still_holds(uuid: str | None) -> None:
    assert asked(ALIAS, uuid=uuid) == ["AskRebirth stored_birth"]
    assert asked(NAME, ALIAS, uuid=uuid) == ["AskRebirth stored_birth"]


def test_what_is_journaled_or_says_its_names_needs_no_other_birth() -> None:
    assert asked(ALIAS, uuid="journal/7") == ["Data pump 2"]
    assert asked(NAME) == ["Data pump 2"]
    assert asked(replace(NAME, alias=1)) == ["Data pump 2"]
    assert asked(replace(NAME, alias=2)) == ["AskRebirth stored_birth"]


def test_data_is_delivered_again_after_the_birth_of_its_device() -> None:
    session = HostSession()
    rebirth = Metric(name="Node Control/Rebirth", datatype=DataType.BOOLEAN, value=False)
    birth = message("NBIRTH", Metric(name="bdSeq", value=5), rebirth, seq=0)
    session.restore(None, birth.payload, bd_seq=5)
    session.restore("pump", dbirth().payload, bd_seq=5)
    session.receive(birth)
    assert texts(session.receive(ddata(1))) == ["AskRebirth stored_birth"]
    session.receive(dbirth(seq=2))
    assert texts(session.receive(ddata(3))) == ["Data pump 2"]


def test_a_restored_node_that_was_dead_must_be_born() -> None:
    session = HostSession()
    session.restore(None, nbirth().payload, bd_seq=5, online=False)
    session.restore("pump", dbirth().payload, bd_seq=5, online=False)
    assert texts(session.receive(ddata(9))) == ["AskRebirth no_birth"]


def test_live_data_of_a_dead_device_is_delivered_and_its_birth_asked() -> None:
    session = alive()
    session.receive(ddeath(seq=2))
    events = session.receive(ddata(3))
    assert texts(events) == ["Data pump 2", "AskRebirth dead_device"]


def test_the_backlog_of_a_device_that_does_not_answer_is_plain_data() -> None:
    session = alive()
    session.receive(dbirth(seq=2, online=False))
    assert not session.devices["pump"].online
    assert texts(session.receive(ddata(3, historical=True))) == ["Data pump 2"]


def test_a_rebirth_keeps_devices_online_until_they_had_time_to_follow() -> None:
    session = alive()
    session.receive(dbirth("lift", seq=2))
    session.receive(nbirth(at=T0 + 1_000))
    session.receive(dbirth("lift", seq=1, at=T0 + 1_000))
    assert session.devices["pump"].online
    assert session.tick(T0 + 10_999) == []
    assert texts(session.tick(T0 + 11_000)) == ["DeviceDied pump"]
    assert not session.devices["pump"].online
    assert session.devices["lift"].online
    assert session.tick(T0 + 60_000) == []


def test_a_new_session_of_the_node_makes_old_aliases_worthless() -> None:
    session = alive()
    session.receive(nbirth(6))
    assert texts(session.receive(ddata(1))) == ["AskRebirth no_birth"]
    session.receive(dbirth(seq=2))
    assert texts(session.receive(ddata(3))) == ["Data pump 2"]


def test_a_rebirth_of_the_same_session_keeps_the_aliases() -> None:
    session = alive()
    session.receive(nbirth(5))
    assert texts(session.receive(ddata(1))) == ["Data pump 2"]


def test_rebirths_are_asked_ever_more_seldom_until_one_comes() -> None:
    session = HostSession(rebirth_interval_ms=10_000)
    asked: list[int] = []
    for second in range(2_000):
        now = T0 + second * 1_000
        events = session.receive(ddata(second % 256, at=now)) + session.tick(now)
        asked += [second] * len(events)
    assert asked == [0, 10, 30, 70, 150, 310, 630, 1230, 1830]
    session.receive(nbirth(at=T0 + 2_000_000))
    assert session.tick(T0 + 9_999_999) == []


def test_an_open_wish_is_repeated_by_the_passing_of_time_alone() -> None:
    session = HostSession()
    session.receive(ddata(1))
    assert session.next_due() == T0 + 10_000
    assert session.tick(T0 + 9_999) == []
    assert texts(session.tick(T0 + 10_000)) == ["AskRebirth no_birth"]


def test_a_node_that_behaved_for_long_is_asked_at_once_again() -> None:
    session = alive()
    assert session.ask_rebirth("unknown_alias", T0)
    assert session.ask_rebirth("unknown_alias", T0 + 5_000) == []
    session.receive(nbirth(at=T0 + 6_000))
    assert session.ask_rebirth("unknown_alias", T0 + 700_000)
    session.receive(nbirth(at=T0 + 700_001))
    assert session.ask_rebirth("unknown_alias", T0 + 710_000)


def test_all_nodes_share_one_budget() -> None:
    budget = RebirthBudget(per_s=2.0, burst=3)
    sessions = [HostSession(budget=budget) for _ in range(5)]
    assert [len(session.receive(ddata(1))) for session in sessions] == [1, 1, 1, 0, 0]
    assert [len(session.tick(T0 + 1_000)) for session in sessions] == [0, 0, 0, 1, 1]


def test_a_budget_survives_a_clock_that_steps_back() -> None:
    budget = RebirthBudget(per_s=1.0, burst=1)
    assert budget.take(T0)
    assert not budget.take(T0 - 3_600_000)
    assert not budget.take(T0 + 999)
    assert budget.take(T0 + 1_000)


def test_metrics_are_found_by_alias_or_name_and_alias_0_is_lawful() -> None:
    births = [
        Metric(name="a", alias=0, datatype=DataType.INT16, value=-5),
        Metric(name="b", datatype=DataType.DOUBLE),
        Metric(name="c", alias=9, datatype=DataType.UINT64_ARRAY, value=[1]),
    ]
    table = Table(message("DBIRTH", *births, device="pump", seq=1).payload.metrics)
    wanted = [Metric(alias=0), Metric(name="b"), Metric(alias=9), Metric(alias=7), Metric()]
    found = [table.find(m) for m in message("NDATA", *wanted, seq=1).payload.metrics]
    assert [known and known.name for known in found] == ["a", "b", "c", None, None]
    assert found[2] is not None
    assert found[2].read is None


def test_a_birth_without_datatype_is_read_by_its_field() -> None:
    birth = parse(encode_payload([Metric(name="a", alias=1, value=1.5)], timestamp=1))
    birth.metrics[0].ClearField("datatype")
    assert Table(birth.metrics).names["a"].datatype == DataType.DOUBLE
    birth.metrics[0].ClearField("double_value")
    assert Table(birth.metrics).names == {}


def test_a_birth_that_answers_ends_the_growth_of_the_pause() -> None:
    session = HostSession(rebirth_interval_ms=10_000)
    at, asked = T0, list[int]()
    for _ in range(8):
        events = session.receive(ddata(9, at=at))
        while "AskRebirth no_birth" not in texts(events):
            due = session.next_due()
            assert due is not None
            at = due
            events = session.tick(at)
        asked.append(at)
        session.receive(nbirth(at=at + 50))
        session.receive(ndeath(at=at + 60))
        at += 100
    assert [later - earlier for earlier, later in pairwise(asked)] == [10_000] * 7


def test_without_an_answer_the_pause_grows() -> None:
    session = HostSession(rebirth_interval_ms=10_000)
    session.receive(ddata(9))
    asked: list[int] = []
    for _ in range(4):
        due = session.next_due()
        assert due is not None
        session.tick(due)
        asked.append(due - T0)
    assert asked == [10_000, 30_000, 70_000, 150_000]


@pytest.mark.parametrize("lost", [128, 200, 255])
def test_after_a_very_long_gap_a_node_that_falls_silent_is_asked(lost: int) -> None:
    session = alive()
    session.receive(ddata(2))
    assert texts(session.receive(ddata((3 + lost) % 256, at=T0 + 5))) == ["Data pump 2"]
    assert session.next_due() == T0 + 2_005
    assert session.tick(T0 + 2_004) == []
    assert texts(session.tick(T0 + 2_005)) == ["AskRebirth seq_gap"]
    due = session.next_due()
    assert due is None or due > T0 + 2_005


def test_a_message_sent_twice_costs_nothing_when_the_node_goes_on() -> None:
    session = alive()
    session.receive(ddata(2))
    session.receive(ddata(2, at=T0 + 5))
    session.receive(ddata(3, at=T0 + 900))
    assert session.tick(T0 + 60_000) == []
    assert session.counters.duplicates == 1
