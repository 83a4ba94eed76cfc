"""What is told of a reader between two looks, and when one that was given up is tried again."""

import pytest

from edge_agent.drivers.osdp.heard import HeardAddresses
from edge_agent.drivers.osdp.known import KnownReader
from edge_agent.drivers.osdp.watchdog import Act, Watchdog
from protocols.errors import FrameError
from protocols.osdp.cards import CardMask
from protocols.osdp.notes import (
    Alive,
    CardRead,
    Failed,
    Kind,
    Line,
    LineReader,
    Note,
    Opened,
    Outcome,
    Presence,
    Status,
    Tell,
    Told,
    decode_line,
    decode_note,
    decode_tell,
    encode_line,
    encode_note,
    encode_tell,
)

CONTACT = "input 0"


def inputs(*values: int) -> Status:
    return Status(1, Kind.INPUTS, values)


def test_a_press_between_two_looks_is_seen_and_its_end_by_the_next_look() -> None:
    reader = KnownReader()
    reader.said(inputs(0))
    assert reader.look([CONTACT])[CONTACT] is False
    reader.said(inputs(1))
    reader.said(inputs(0))
    assert reader.now([CONTACT])[CONTACT] is False
    assert [reader.look([CONTACT])[CONTACT] for _ in range(3)] == [True, False, False]


def test_a_state_that_ended_and_began_again_is_told_as_ended_once() -> None:
    reader = KnownReader()
    reader.said(inputs(1))
    assert reader.look([CONTACT])[CONTACT] is True
    for value in (0, 1, 0, 1):
        reader.said(inputs(value))
    assert [reader.look([CONTACT])[CONTACT] for _ in range(3)] == [False, True, True]


def test_what_was_on_before_the_first_look_is_not_made_up() -> None:
    reader = KnownReader()
    reader.said(inputs(1))
    reader.said(inputs(0))
    assert reader.look([CONTACT])[CONTACT] is False


def test_each_report_has_its_places() -> None:
    reader = KnownReader()
    reader.said(Status(1, Kind.LOCAL, (1, 0)))
    reader.said(Status(1, Kind.OUTPUTS, (0, 1)))
    reader.said(Status(1, Kind.READERS, (0, 1, 2)))
    reader.said(Status(1, Kind.INPUTS, None))
    wanted = ["tamper", "power_failure", "output 1", "input 0", "reader_missing 1"]
    assert reader.now([*wanted, "reader_tamper 2"]) == {
        "tamper": True,
        "power_failure": False,
        "output 1": True,
        "reader_missing 1": True,
        "reader_tamper 2": True,
        "card": [],
        "card_count": 0,
    }


def test_cards_are_told_once_each_with_their_times() -> None:
    reader = KnownReader()
    reader.read(CardRead(1, "****2136"), 1000)
    reader.read(CardRead(1, "****2136"), 1400)
    # A look at a contact takes no card away.
    assert "card" not in reader.look([CONTACT])
    assert reader.now(["card"])["card"] == [("****2136", 1400)]
    shown = reader.look(["card"])
    assert (shown["card"], shown["card_count"]) == ([("****2136", 1000), ("****2136", 1400)], 2)
    assert reader.look(["card"])["card"] == []


def test_what_a_reader_said_before_it_went_is_not_what_it_says_now() -> None:
    reader = KnownReader()
    reader.came_or_went(Presence(1, online=True))
    reader.said(inputs(1))
    reader.read(CardRead(1, "****1"), 5)
    reader.came_or_went(Presence(1, online=False, why="it does not answer"))
    assert (reader.online, reader.why) == (False, "it does not answer")
    assert CONTACT not in reader.now([CONTACT])
    assert len(reader.look(["card"])["card"]) == 1
    reader.begin_anew()
    assert reader.online is None


def acts(watchdog: Watchdog, from_s: int, to_s: int) -> list[int]:
    """Return when the reader is tried again; each try fails at once."""
    tries: list[int] = []
    enabled = True
    for now_s in range(from_s, to_s):
        act = watchdog.next(now_s, enabled=enabled)
        enabled = act is not Act.DISABLE
        if act is Act.DISABLE:
            tries.append(now_s)
        elif act is Act.ENABLE:
            watchdog.given_up(now_s)
    return tries


def test_a_reader_that_was_given_up_is_tried_again_ever_more_rarely() -> None:
    watchdog = Watchdog()
    assert watchdog.next(0, enabled=True) is Act.NOTHING
    watchdog.given_up(0)
    assert acts(watchdog, 0, 130) == [1, 4, 9, 18, 35, 66, 97, 128]


def test_a_reader_that_stayed_for_a_minute_is_tried_at_once_again() -> None:
    watchdog = Watchdog()
    watchdog.given_up(0)
    acts(watchdog, 0, 70)
    watchdog.online(100)
    watchdog.given_up(170)
    assert watchdog.next(171, enabled=True) is Act.DISABLE


def test_a_reader_that_flaps_keeps_its_pause() -> None:
    watchdog = Watchdog()
    watchdog.given_up(0)
    acts(watchdog, 0, 20)
    watchdog.online(21)
    watchdog.given_up(25)
    assert watchdog.next(27, enabled=True) is Act.NOTHING


def test_a_reader_that_stays_in_the_clear_is_tried_again() -> None:
    watchdog = Watchdog()
    for now_s in range(10):
        watchdog.in_clear(now_s)
    assert watchdog.next(4.5, enabled=True) is Act.DISABLE


def test_readers_are_heard_in_whatever_pieces_their_answers_come() -> None:
    heard = HeardAddresses()
    heard.take(b"\xff\x53\x01\x0e\x00", 10.0)  # the panel itself
    assert not heard.lately(1, 10.0)
    heard.take(b"\x53", 10.0)
    heard.take(b"\x81\x0e", 10.0)
    assert heard.lately(1, 12.9)
    assert not heard.lately(1, 13.1)
    assert not heard.lately(2, 10.0)


@pytest.mark.parametrize(
    "note",
    [
        Opened(),
        Failed("/dev/ttyUSB0: in use"),
        Alive(),
        Presence(3, online=False, why="it does not answer"),
        Status(3, Kind.OUTPUTS, (0, 1)),
        Status(3, Kind.READERS, None),
        CardRead(3, "****2136"),
        Told(7, Outcome.REFUSED),
    ],
)
def test_a_note_is_read_as_it_was_written(note: Note) -> None:
    line = encode_note(note)
    assert line.endswith(b"\n")
    assert decode_note(line) == note


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"note": "card"}',
        b'{"note": "told", "number": 1, "outcome": "perhaps"}',
        b'{"note": "status", "address": 1, "kind": "inputs", "values": ["x"]}',
        b'{"note": "alive", "more": 1}',
        b"\xff",
    ],
)
def test_what_is_no_note_is_refused(line: bytes) -> None:
    with pytest.raises(FrameError):
        decode_note(line)


def test_a_line_and_a_command_are_read_as_they_were_written() -> None:
    readers = (
        LineReader(1, bytes(range(16))),
        LineReader(2, None),
        LineReader(3, b"k" * 16, install=True),
    )
    line = Line("/dev/ttyUSB0", 9600, "N", 1, readers, CardMask.HASH, b"salt")
    assert decode_line(encode_line(line)) == line
    tell = Tell(7, 1, 0, on=True, tenths=50)
    assert decode_tell(encode_tell(tell)) == tell
    with pytest.raises(FrameError):
        decode_tell(b'{"number": 1}')


def test_a_broken_first_line_is_refused_without_its_keys() -> None:
    broken = encode_line(Line("/dev/x", 9600, "N", 1, (), CardMask.NONE)).replace(b"none", b"half")
    with pytest.raises(FrameError) as refused:
        decode_line(broken)
    assert "half" not in str(refused.value)
