"""What stands between the readings and the server is reported, once, with its probable cause."""

import pytest
from structlog.testing import capture_logs

from edge_agent.uplink.link_status import Link, LinkStatus
from protocols.sparkplug.journal_ack import encode_ack
from protocols.sparkplug.state import State, encode_state
from protocols.sparkplug.topics import state_topic
from tests.fakes.agent_clock import FakeClock
from tests.fakes.gateway import NOW
from tests.unit.test_uplink_drain import Bench

ACK_TOPIC = "spBv1.0/site/NCMD/gw"


def link_status(clock: FakeClock) -> LinkStatus:
    return LinkStatus(
        clock,
        client_id="plantroom-s-g",
        topics="spBv1.0/s/+/g",
        user="s.g",
        primary_host="scada",
        unanswered_s=30,
    )


def look(bench: Bench) -> list[str]:
    with capture_logs() as logs:
        bench.uplink._link_status.look(bench.book.unanswered_s(bench.clock.monotonic_s()))
    return [entry["event"] for entry in logs]


def test_waiting_for_the_primary_host_is_reported_after_seconds_and_once() -> None:
    clock = FakeClock(NOW)
    status = link_status(clock)
    status.become(Link.WAITS_FOR_HOST)
    with capture_logs() as logs:
        status.look(0)
        assert logs == []
        clock.advance(6)
        status.look(0)
        clock.advance(600)
        status.look(0)
    assert [(entry["event"], entry["host_id"]) for entry in logs] == [("waits_for_host", "scada")]
    assert status.problem == "waits for STATE of scada"
    status.become(Link.ONLINE)
    assert status.problem == ""
    status.become(Link.WAITS_FOR_HOST)
    clock.advance(6)
    with capture_logs() as logs:
        status.look(0)
    assert len(logs) == 1


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"ONLINE", "unreadable, not a STATE: b'ONLINE'"),
        (b'{"online":"true","timestamp":1}', "unreadable, not a STATE"),
        (b'{"online":true,"timestamp":"2026-11-28"}', "unreadable, not a STATE"),
        (b'{"online":false,"timestamp":1}', "it says that it is offline"),
        (b"", "nothing is kept there, it was deleted"),
    ],
)
def test_why_a_state_lets_a_gateway_wait_is_reported(payload: bytes, expected: str) -> None:
    bench = Bench(acknowledgement="state", primary_host="scada", connected=False)
    bench.connect()
    bench.uplink._link_status.become(Link.WAITS_FOR_HOST)
    bench.uplink._received(state_topic("scada"), payload, True)  # noqa: FBT003
    bench.clock.advance(6)
    assert look(bench) == ["waits_for_host"]
    assert look(bench) == []
    problem = bench.uplink.stats().problem
    assert problem.startswith("waits for STATE of scada: ")
    assert expected in problem
    # Of another host, and of this one what ends the wait.
    bench.uplink._received(state_topic("other"), b"ONLINE", True)  # noqa: FBT003
    assert bench.uplink.stats().problem == problem
    online = encode_state(State(online=True, timestamp=NOW))
    bench.uplink._received(state_topic("scada"), online, True)  # noqa: FBT003
    assert bench.uplink.stats().problem == ""


def test_a_gateway_whom_nobody_acknowledges_says_why_that_may_be() -> None:
    bench = Bench()
    bench.say(1.0)
    bench.clock.advance(29)
    assert (look(bench), bench.uplink.stats().problem) == ([], "")
    bench.clock.advance(2)
    assert look(bench) == ["nothing_acknowledged"]
    assert look(bench) == []
    assert "ACL" in bench.uplink.stats().problem

    ack = encode_ack(bench.journal.journal_id, [(0, 0)], NOW)
    bench.uplink._received(ACK_TOPIC, ack, False)  # noqa: FBT003
    assert (look(bench), bench.uplink.stats().problem) == ([], "")


def test_an_idle_gateway_and_one_whose_host_never_acknowledges_complain_of_nothing() -> None:
    idle, plain = Bench(), Bench(acknowledgement="state")
    plain.say(1.0)
    for bench in (idle, plain):
        bench.clock.advance(600)
        assert look(bench) == []


def test_rows_of_another_journal_acknowledged_for_a_minute_are_a_second_agent() -> None:
    bench = Bench()
    foreign = encode_ack("another", [(0, 0)], NOW)
    bench.uplink._received(ACK_TOPIC, foreign, False)  # noqa: FBT003
    assert look(bench) == []
    for _ in range(7):
        bench.clock.advance(10)
        bench.uplink._received(ACK_TOPIC, foreign, False)  # noqa: FBT003
    assert "identity_shared" in look(bench)
    assert "two agents" in bench.uplink.stats().problem
    bench.clock.advance(600)
    assert "two agents" not in bench.uplink.stats().problem


def test_a_client_id_that_is_taken_over_again_and_again_is_reported_with_the_pause() -> None:
    status = link_status(FakeClock(NOW))
    with capture_logs() as logs:
        for _ in range(3):
            status.lost(0.1)
    (entry,) = logs
    assert (entry["event"], entry["client_id"]) == ("mqtt_client_id_shared", "plantroom-s-g")
    assert "plantroom-s-g" in status.problem


@pytest.mark.parametrize("newer", [0, 1])
async def test_a_host_that_comes_anew_gets_again_what_it_may_have_missed(newer: int) -> None:
    bench = Bench(acknowledgement="state", primary_host="scada", connected=False)

    def state(at: int, *, retained: bool) -> None:
        state = encode_state(State(online=True, timestamp=at))
        bench.uplink._received(state_topic("scada"), state, retained)

    bench.connect()
    state(NOW, retained=True)
    await bench.drain_all()
    bench.say(1.0, 2.0)
    assert bench.connection.offsets() == [0, 1]
    state(NOW + newer, retained=False)
    await bench.drain_all()
    assert bench.connection.offsets() == [0, 1] + [0, 1] * newer
