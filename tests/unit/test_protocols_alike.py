"""Frames of DL/T 645 and CJ/T 188 look alike: 68H, an address, a length, a sum, 16H.

On a line with both at one setting a late answer of a meter of the one is heard while one of the
other is asked. CJ/T 188 has a byte more in front of its length, so that a frame read as one of
the other protocol has its control code where the other has its length. The worst pair of meters
are those whose numbers are each other's, shifted by that byte.
"""

import random
from collections.abc import Iterator

import pytest

from protocols.cjt188 import frames as flow_frames
from protocols.cjt188 import requests as flow_requests
from protocols.cjt188.frames import ANSWER, ERROR
from protocols.cjt188.identifiers import READING, VALVE, ByteOrder, encode_identifier
from protocols.cjt188.layouts import LAYOUTS
from protocols.cjt188.requests import READ, WRITE
from protocols.dlt645 import frames, requests
from protocols.dlt645.codes import IDENTIFIER_BYTES, Edition
from protocols.dlt645.frames import MOST_DATA
from protocols.dlt645.identifiers import item, items
from protocols.errors import FrameError

NUMBER, TYPE = "2010000000", 0x10
METER = f"{NUMBER}{TYPE:02X}"
IN_ANSWERS = (0x81, 0x91, 0xB1, 0xD1)
"""Control codes of what a meter of DL/T 645 answers: 1997, 2007, with more to follow, refused."""
SERIALS = range(0, 256, 17)


def twin(control: int) -> str:
    """The CJ/T 188 meter as whose answer a frame with this control code would be read."""
    return f"{control:02X}68{NUMBER}"


def heard_as_flow_meter(data: bytes) -> list[flow_frames.Frame]:
    stream = flow_frames.frame_stream()
    return [*stream.feed(data), *stream.silence()]


def heard_as_meter(data: bytes) -> list[frames.Frame]:
    stream = frames.frame_stream()
    return [*stream.feed(data), *stream.silence()]


@pytest.mark.parametrize("control", IN_ANSWERS, ids=lambda one: f"{one:02X}H")
def test_no_answer_of_an_electricity_meter_answers_a_question_to_a_flow_meter(control: int) -> None:
    rng = random.Random(control)  # noqa: S311 (repeatable)
    asked = [
        flow_requests.read(TYPE, twin(control), READING),
        flow_requests.set_valve(TYPE, twin(control), b"\x55"),
    ]
    heard = 0
    for edition in Edition:
        size = IDENTIFIER_BYTES[edition]
        # Its lowest byte is where CJ/T 188 has the length.
        for identifier in {
            one.identifier & 0xFF: one.identifier for one in items(edition)
        }.values():
            head = identifier.to_bytes(size, "little")
            for length in range(MOST_DATA - size + 1):
                answer = frames.Frame(METER, control, head + rng.randbytes(length)).encode()
                for found in heard_as_flow_meter(answer):
                    heard += 1
                    for one in asked:
                        assert not one.answered_by(found)
                        assert not one.refused_by(found)
    # Some are frames of CJ/T 188 by length and sum, and none by what they say.
    assert heard


@pytest.mark.parametrize("control", [0x91, 0xB1, 0x81])
def test_no_answer_of_a_flow_meter_answers_a_question_to_an_electricity_meter(control: int) -> None:
    rng = random.Random(control)  # noqa: S311 (repeatable)
    asked = [
        requests.read(METER, one.identifier, edition=edition)
        for edition in Edition
        for one in items(edition)
    ]
    for size in sorted({layout.size for layout in LAYOUTS} | {0, 2}):
        for code in (READ | ANSWER, WRITE | ANSWER, READ | ANSWER | ERROR, WRITE | ANSWER | ERROR):
            for identifier in (READING, VALVE):
                for order in ByteOrder:
                    head = encode_identifier(identifier, order)
                    for serial in SERIALS:
                        data = head + bytes((serial,)) + rng.randbytes(size)
                        answer = flow_frames.Frame(TYPE, twin(control), code, data).encode()
                        for found in heard_as_meter(answer):
                            assert not any(one.concerns(found) for one in asked)


def answers(edition: Edition) -> Iterator[tuple[int, int]]:
    """Yield the identifiers of the tables, blocks too, with the most DATA of their answers."""
    head, digits = IDENTIFIER_BYTES[edition], 8 if edition is Edition.E2007 else 4
    for single in items(edition):
        places = range(0, 8 * head, digits)
        blocks = [item(edition, single.identifier | (1 << digits) - 1 << at) for at in places]
        for one in (single, *(block for block in blocks if block is not None)):
            longest = one.element_size * (len(one.labels) // len(one.fields))
            yield one.identifier, head + max(longest, one.expected_size)


def test_a_frame_of_both_protocols_needs_an_answer_that_no_table_has() -> None:
    """Read as CJ/T 188 its length is an answer's control code, and its first byte the length."""
    codes = {one | ANSWER | flag for one in (READ, WRITE) for flag in (0, ERROR)}
    known = [one for edition in Edition for one in answers(edition)]
    assert len(known) > 100
    for identifier, most in known:
        for code in codes:
            if identifier & 0xFF == (code - 1 - 0x33) & 0xFF:
                assert most < code, f"{identifier:X}"
    # With such a one it is both, so that it is the length that keeps them apart.
    code = READ | ANSWER
    data = bytes(((code - 1 - 0x33) & 0xFF,)).ljust(code, b"\x00")
    both = frames.Frame(METER, 0x91, data).encode()
    (found,) = heard_as_flow_meter(both)
    assert (found.meter_type, found.address, found.control) == (TYPE, twin(0x91), code)


def test_a_late_answer_before_the_own_one_does_not_hide_it() -> None:
    late = frames.Frame(METER, 0x91, bytes.fromhex("00000100") + bytes(4)).encode(wake_up=4)
    data = encode_identifier(READING, ByteOrder.HIGH_FIRST) + bytes(23)
    own = flow_frames.Frame(TYPE, "78330011223344", READ | ANSWER, data).encode(wake_up=4)
    found = heard_as_flow_meter(late + own)
    assert [one.address for one in found] == ["78330011223344"]
    (meter,) = [one for one in heard_as_meter(own + late) if one.address == METER]
    assert meter.control == 0x91
    with pytest.raises(FrameError):
        frames.decode_frame(own)
