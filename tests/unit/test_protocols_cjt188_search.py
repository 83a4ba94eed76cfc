"""Random and mutated frames: a value, "more bytes" or FrameError; memory is bounded."""

import random
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from protocols.cjt188.dialect import Dialect, StatusBits, TimeOrder
from protocols.cjt188.frames import LONGEST_FRAME, Frame, decode_frame, frame_stream
from protocols.cjt188.readings import decode_reading
from protocols.errors import FrameError
from protocols.reading import Value

CASES = Path(__file__).parents[1] / "cases" / "cjt188"
KNOWN = [
    bytes.fromhex(case["frame"])
    for path in sorted(CASES.glob("*.yaml"))
    if "refused" not in (case := yaml.safe_load(path.read_text("utf-8")))
]
DIALECTS = (
    Dialect(),
    Dialect(layout="heat_current_first", time_order=TimeOrder.YEAR_FIRST),
    Dialect(layout="heat_short", status_bits=StatusBits.HIGH),
)
EACH = 1000


def mutated(rng: random.Random) -> bytes:
    data = bytearray(rng.choice(KNOWN) if rng.random() < 0.8 else rng.randbytes(rng.randrange(80)))
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data[at:at] = rng.choice([b"\x68", b"\xfe", b"\x16", rng.randbytes(1)])
            case 1:
                del data[at : at + rng.randrange(1, 5)]
            case 2:
                data[at : at + 1] = rng.randbytes(1)
            case _:
                data[at:at] = rng.choice(KNOWN)[: rng.randrange(30)]
    if rng.random() < 0.5 and len(data) > 2:
        # A sum that is right leads further in.
        start = data.find(0x68)
        data[-2:] = bytes((sum(data[max(start, 0) : -2]) & 0xFF, 0x16))
    return bytes(data)


def random_answer(rng: random.Random) -> Frame:
    body = rng.randbytes(rng.choice((0, 1, 2, 3, 5, 8, 19, 22, 43, 46, 57, rng.randrange(256))))
    head = rng.choice((b"\x90\x1f", b"\x1f\x90", b"\x91\x1f", b"\xa0\x17", b"\xd1\x20", b""))
    kind = rng.choice((0x10, 0x20, 0x22, 0x30, 0x40, rng.randrange(256)))
    control = rng.choice((0x81, 0x83, 0x84, 0xC1, rng.randrange(256)))
    return Frame(kind, "11112233445566", control, (head + body)[:255])


def look(frame: Frame, rng: random.Random) -> None:
    try:
        reading = decode_reading(frame, dialect=rng.choice(DIALECTS))
    except FrameError:
        return
    for value in reading.values:
        assert value.value is None or isinstance(value.value, Value)


@pytest.mark.seeds(2, 100)
def test_anything_is_a_value_or_a_frame_error(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    stream = frame_stream()
    for _ in range(EACH):
        data = mutated(rng)
        with suppress(FrameError):
            look(decode_frame(data), rng)
        for frame in stream.feed(data):
            look(frame, rng)
        assert len(stream) <= LONGEST_FRAME
        look(random_answer(rng), rng)


@pytest.mark.seeds(20, 2000)
def test_a_stream_is_in_step_again_at_the_next_frame(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    stream, sent = frame_stream(), bytearray()
    for _ in range(5):
        cut = rng.choice(KNOWN)
        sent += rng.choice((b"", b"\xfe\xfe", cut[: rng.randrange(len(cut))], b"\x68" * 3))
        frame = random_answer(rng)
        sent += frame.encode()
        found: list[Frame] = []
        while sent:
            size = rng.randrange(1, 40)
            found += stream.feed(bytes(sent[:size]))
            del sent[:size]
        assert frame in found


@pytest.mark.seeds(5, 200)
def test_it_does_not_matter_how_bytes_come(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    data = b"".join(mutated(rng) for _ in range(20)) + KNOWN[0]
    at_once, one_by_one = frame_stream(), frame_stream()
    frames = at_once.feed(data)
    singly = [frame for byte in data for frame in one_by_one.feed(bytes((byte,)))]
    assert frames[-1] == singly[-1] == decode_frame(KNOWN[0])
    assert one_by_one.discarded + sum(len(frame.encode()) for frame in singly) <= len(data)


def test_a_whole_frame_in_a_cut_one_is_found_when_the_line_falls_silent() -> None:
    stream = frame_stream()
    assert stream.feed(KNOWN[0][:-1]) == []
    assert stream.silence() == []
    assert (stream.rejected, len(stream)) == (1, 0)
    stream.feed(KNOWN[0][:8])
    stream.reset()
    assert stream.feed(KNOWN[0]) == [decode_frame(KNOWN[0])]


def test_nothing_but_starts_takes_no_memory() -> None:
    stream = frame_stream()
    for _ in range(20):
        stream.feed(b"\x68" * 4096)
        assert len(stream) <= LONGEST_FRAME
