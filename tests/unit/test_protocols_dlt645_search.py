"""Damaged and random bytes: a value, "more is needed" or a FrameError; the next frame is found."""

import contextlib
import random

import pytest

from protocols.dlt645.codes import Edition
from protocols.dlt645.frames import (
    ANY,
    LONGEST_FRAME,
    MOST_DATA,
    Frame,
    decode_frame,
    frame_stream,
)
from protocols.dlt645.identifiers import item, items
from protocols.dlt645.requests import read, read_next
from protocols.errors import FrameError

FRAMES_EACH = 1000
ITEMS = {edition: items(edition) for edition in Edition}


def any_frame(rng: random.Random) -> Frame:
    edition = rng.choice(list(Edition))
    one = rng.choice(ITEMS[edition])
    address = f"{rng.randrange(10**12):012d}"
    size = rng.choice([one.expected_size, rng.randrange(MOST_DATA - 4)])
    head = one.identifier.to_bytes(4 if edition is Edition.E2007 else 2, "little")
    data = head + rng.choice([rng.randbytes(size), bytes(size), b"\xff" * size])
    return Frame(
        address, rng.choice([0x91, 0xB1, 0xD1, 0x81, 0x92, 0x94, rng.randrange(256)]), data
    )


def damaged(raw: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(raw))
    match rng.randrange(6):
        case 0:
            return raw[:at] + bytes((rng.randrange(256),)) + raw[at + 1 :]
        case 1:
            return raw[:at] + rng.randbytes(rng.randrange(9)) + raw[at:]
        case 2:
            return raw[:at]
        case 3:
            return raw[:at] + raw[at + rng.randrange(1, 9) :]
        case 4:
            return rng.randbytes(rng.randrange(300))
        case _:
            return raw


def interpret(frame: Frame) -> None:
    """Do with a frame all that may be done with it."""
    assert decode_frame(frame.encode()) == frame
    for edition, size in ((Edition.E2007, 4), (Edition.E1997, 2)):
        identifier = int.from_bytes(frame.data[:size], "little")
        for request in (
            read(frame.address, identifier, edition=edition),
            read_next(ANY, identifier, 1, edition=edition),
        ):
            assert request.refusal(frame) or not frame.refused
            try:
                data = request.payload(frame)
            except FrameError:
                continue
            known = item(edition, identifier)
            if known is None:
                continue
            try:
                values = known.decode(data)
            except FrameError:
                continue
            assert known.decode(known.encode(values)) == values


@pytest.mark.seeds(1, 100)
def test_damaged_and_random_frames_are_values_or_refused(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (repeatable)
    stream = frame_stream()
    for _ in range(FRAMES_EACH):
        raw = damaged(any_frame(rng).encode(wake_up=rng.randrange(5)), rng)
        with contextlib.suppress(FrameError):
            interpret(decode_frame(raw))
        for frame in stream.feed(raw):
            interpret(frame)
        assert len(stream) <= LONGEST_FRAME


@pytest.mark.seeds(3, 300)
def test_a_stream_finds_every_whole_frame_between_cuts_and_garbage(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (repeatable)
    sent = [any_frame(rng) for _ in range(40)]
    line = bytearray()
    for frame in sent:
        match rng.randrange(4):
            case 0:
                line += bytes(rng.choices([0x68, 0x16, *rng.randbytes(9)], k=rng.randrange(40)))
            case 1:
                other = any_frame(rng).encode()
                line += other[: rng.randrange(len(other))]
            case 2:
                line += b"\xfe" * rng.randrange(6)
            case _:
                pass
        line += frame.encode()
    stream, found = frame_stream(), list[Frame]()
    while line:
        size = rng.choice([1, 2, 7, 16, 300])
        found += stream.feed(bytes(line[:size]))
        del line[:size]
        assert len(stream) <= LONGEST_FRAME
    assert found == sent


def test_a_stream_keeps_little_of_starts_that_never_end() -> None:
    stream = frame_stream()
    for _ in range(20):
        assert stream.feed(b"\x68" * 97) == []
        assert len(stream) <= LONGEST_FRAME
    frame = read("000000000161", 0x10000).frame()
    assert stream.feed(frame.encode()) == [frame]
    assert stream.rejected > 1000
