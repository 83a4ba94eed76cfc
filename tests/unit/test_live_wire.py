"""Last values on their way to another process, and what is made of a frame that is none."""

import json

import pytest

from protocols.reading import Quality
from server.live.values import LastValue, MirroredValues
from server.live.wire import frames, parse_frame

VALUES = [
    LastValue(1, 20.5, Quality.GOOD, "", 1_000, 1_001),
    LastValue(2, 2**63 + 1, Quality.BAD, "timeout", 2_000, 2_001),
    LastValue(3, "auto", Quality.STALE, "silent", 3_000, 3_001),
    LastValue(4, None, Quality.BAD, "no_answer", 4_000, 4_001),
    LastValue(5, value=True, quality=Quality.GOOD, reason="", taken_at=5_000, seen_at=5_001),
]
SILENCES = [60_000, None, 1_000, None, 500]


def mirrored() -> MirroredValues:
    values = MirroredValues()
    values.take(VALUES, SILENCES)
    return values


def test_what_is_sent_is_what_is_taken() -> None:
    (frame,) = frames(mirrored(), mirrored().ids())
    assert parse_frame(frame) == (VALUES, SILENCES)


def test_many_values_go_in_several_frames_and_each_once() -> None:
    values = MirroredValues()
    many = [LastValue(number, 1.0, Quality.GOOD, "", 1, 1) for number in range(4500)]
    values.take(many, [None] * len(many))
    found = [parse_frame(frame)[0] for frame in frames(values, values.ids())]
    assert [len(some) for some in found] == [2000, 2000, 500]
    assert [one for some in found for one in some] == many


def test_a_point_that_nobody_knows_is_left_out() -> None:
    (frame,) = frames(mirrored(), [1, 99])
    assert parse_frame(frame) == (VALUES[:1], SILENCES[:1])


@pytest.mark.parametrize(
    "frame", [b"", b"\xff", b"{}", b"[[1], [2]]", b"1", b'[[[1, 2, 3, "", 1, 1]], []]']
)
def test_whatever_else_arrives_is_refused(frame: bytes) -> None:
    with pytest.raises((ValueError, TypeError)):
        parse_frame(frame)


def test_a_quality_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="99"):
        parse_frame(json.dumps([[[1, 2, 99, "", 1, 1]], [None]]).encode())
