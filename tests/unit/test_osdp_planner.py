"""What a look at a reader becomes, and what a command to it is."""

import pytest

from config.load import load_profiles
from config.point_kinds import parts_of
from config.ports import OsdpPort
from edge_agent.drivers.osdp.known import KnownReader, encode_answer
from edge_agent.drivers.osdp.planner import OutputTarget, ReaderPlanner
from edge_agent.drivers.question import ALL_AVAILABLE, Unavailable
from edge_agent.errors import CommandError
from edge_agent.polling.changes import ChangeFilter
from protocols.osdp.notes import CardRead, Kind, Status
from protocols.reading import Quality, Reading

POINTS = parts_of(load_profiles()["osdp-door"].points)
PORT = OsdpPort.model_validate(
    {"kind": "osdp", "device": "/dev/none", "key_file": "/dev/none", "readers": {1: {}}}
)
PLANNER = ReaderPlanner(POINTS, PORT)
[QUESTION] = PLANNER.plan(0.5, ALL_AVAILABLE)


def known() -> KnownReader:
    reader = KnownReader()
    reader.said(Status(1, Kind.INPUTS, (1, 0)))
    reader.said(Status(1, Kind.LOCAL, (0, 1)))
    return reader


def readings(reader: KnownReader) -> list[Reading]:
    return PLANNER.reader(QUESTION)(encode_answer(reader.look(QUESTION.places)), 2000)


def test_a_reader_is_looked_at_once_for_all_its_points() -> None:
    assert set(QUESTION.points) == set(POINTS)
    assert PLANNER.plan(5.0, ALL_AVAILABLE) == []
    [rest] = PLANNER.plan(0.5, Unavailable(points={"tamper": "refused"}))
    assert set(rest.points) == set(POINTS) - {"tamper"}


def test_states_are_told_with_what_they_mean_and_cards_with_their_times() -> None:
    reader = known()
    reader.read(CardRead(1, "****2136"), 1000)
    reader.read(CardRead(1, "****2136"), 1500)
    found = readings(reader)
    told = {(one.point, one.value, one.quality, one.taken_at) for one in found}
    assert told == {
        ("door_open", True, Quality.GOOD, 2000),
        ("exit_request", False, Quality.GOOD, 2000),
        ("tamper", False, Quality.GOOD, 2000),
        ("mains", False, Quality.GOOD, 2000),
        ("unlock", None, Quality.BAD, 2000),
        ("card_events", 2, Quality.GOOD, 2000),
        ("last_card", "****2136", Quality.GOOD, 1000),
        ("last_card", "****2136", Quality.GOOD, 1500),
    }
    assert next(one.reason for one in found if one.point == "unlock") == "not_available"


def test_the_same_card_twice_is_two_readings() -> None:
    reader = known()
    reports = ChangeFilter(POINTS)
    cards = 0
    for at_ms in (1000, 1500, 2000):
        reader.read(CardRead(1, "****2136"), at_ms)
        cards += sum(one.point == "last_card" for one in reports.pick(readings(reader)))
    assert cards == 3


def test_a_look_at_one_point_shows_it_as_it_is_now() -> None:
    reader = known()
    readings(reader)
    reader.said(Status(1, Kind.INPUTS, (0, 0)))
    reader.said(Status(1, Kind.INPUTS, (1, 0)))
    for name, value in {"door_open": True, "last_card": None, "card_events": 0}.items():
        question = PLANNER.alone(name)
        [shown] = PLANNER.reader(question)(encode_answer(reader.now(question.places)), 5)
        assert (shown.point, shown.value) == (name, value)
    # What was in between is left for the next look of the cycle.
    assert next(one.value for one in readings(reader) if one.point == "door_open") is False


def test_a_command_is_a_pulse_and_reads_back_from_its_output() -> None:
    assert PLANNER.target("unlock") == OutputTarget(0, 50)
    assert PLANNER.encoded("unlock", value=True) == (1,)
    with pytest.raises(CommandError, match="expected true or false"):
        PLANNER.encoded("unlock", value=3)
    reader = known()
    question = PLANNER.alone("unlock")
    assert not PLANNER.reads_back("unlock", (1,), encode_answer(reader.now(question.places)))
    reader.said(Status(1, Kind.OUTPUTS, (1,)))
    assert PLANNER.reads_back("unlock", (1,), encode_answer(reader.now(question.places)))
    assert not PLANNER.reads_back("unlock", (0,), encode_answer(reader.now(question.places)))


def test_a_probe_tells_no_card_a_second_time() -> None:
    reader = known()
    reader.read(CardRead(1, "****2136"), 1000)
    readings(reader)
    for question in PLANNER.singles(0.5):
        look = reader.now if question.at_once else reader.look
        shown = PLANNER.reader(question)(encode_answer(look(question.places)), 5)
        assert [one.value for one in shown if one.point == "last_card"] == []
