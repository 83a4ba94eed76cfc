"""Whatever arrives: a value, "need more" or a counted rejection, within the declared memory."""

import random
from pathlib import Path

import pytest
import yaml

from protocols.errors import FrameError
from protocols.gb26875.events import events_of
from protocols.gb26875.frame import MAX_FRAME_BYTES, Frame, FrameParser, decode_frame
from protocols.gb26875.times import DeviceTime
from protocols.gb26875.units import InfoObject, Unit, decode_unit, encode_unit

CASES = Path(__file__).parents[1] / "cases" / "gb26875" / "frames.yaml"
WHOLE = [bytes.fromhex(case["hex"]) for case in yaml.safe_load(CASES.read_text("utf-8"))]
TIME = DeviceTime(2, 58, 9, 26, 9, 12)
LONGEST = Frame(
    9,
    2,
    TIME,
    unit=encode_unit(
        Unit(1, [InfoObject({"system": 1, "address": 1, "status": 1}, TIME) for _ in range(102)])
    ),
).encode()


def mutated(rng: random.Random) -> bytes:
    """Return frames that were cut, doubled, changed, shuffled or filled with noise."""
    data = bytearray(b"".join(rng.choices([*WHOLE, LONGEST], k=rng.choice((1, 1, 1, 2)))))
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                data[at : at + 1] = rng.randbytes(1)
            case 1:
                del data[at : at + rng.randrange(40)]
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(20))
            case 3:
                data[at:at] = rng.choice((b"@", b"@@", b"@@@", b"##", b"@@##"))
            case 4:
                data[24:26] = rng.randbytes(2)
            case _:
                data = data[at:] + data[:at]
    return bytes(data)


def take_apart(frame: Frame) -> None:
    """Do everything that a receiver does; only FrameError may come out."""
    try:
        unit = decode_unit(frame.unit)
    except FrameError:
        return
    assert encode_unit(unit) == frame.unit
    for event in events_of(unit):
        assert event.place.key


@pytest.mark.seeds(10, 1000)
def test_a_stream_of_garbage_gives_frames_rejections_or_nothing(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (a search)
    parser = FrameParser()
    for _ in range(100):
        data = mutated(rng) if rng.random() < 0.9 else rng.randbytes(rng.randrange(100))
        cut = rng.randrange(len(data) + 1)
        for part in (data[:cut], data[cut:]):
            for found in parser.feed(part):
                if isinstance(found, Frame):
                    take_apart(found)
            assert parser.pending_bytes <= MAX_FRAME_BYTES
        try:
            take_apart(decode_frame(data))
        except FrameError:
            continue


@pytest.mark.seeds(3, 200)
def test_units_of_garbage_are_refused_or_read(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (a search)
    for _ in range(500):
        data = bytearray(decode_frame(rng.choice(WHOLE)).unit or b"\x01\x01")
        for _ in range(rng.randrange(3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        take_apart(Frame(0, 2, TIME, unit=bytes(data[: rng.randrange(len(data) + 9)])))
        take_apart(Frame(0, 2, TIME, unit=rng.randbytes(rng.randrange(60))))


@pytest.mark.parametrize("cut", range(len(WHOLE[0])))
def test_after_a_frame_that_is_cut_the_next_one_counts_at_once(cut: int) -> None:
    parser = FrameParser()
    found = [one for one in parser.feed(WHOLE[0][:cut] + WHOLE[1]) if isinstance(one, Frame)]
    assert found == [decode_frame(WHOLE[1])]


@pytest.mark.parametrize("cut", range(1, len(WHOLE[0]), 7))
def test_a_frame_without_its_beginning_is_passed_over(cut: int) -> None:
    parser = FrameParser()
    found = list(parser.feed(WHOLE[0][cut:] + WHOLE[1]))
    assert found == [decode_frame(WHOLE[1])]
    assert parser.skipped_bytes == len(WHOLE[0]) - cut


def test_frames_come_in_whatever_pieces_with_noise_between() -> None:
    noise = (b"", b"@", b"#", b"\x00\xff", b"@#@#", b"AT+OK\r\n")
    stream = b"".join(frame + noise[at % len(noise)] for at, frame in enumerate(WHOLE))
    for size in (1, 2, 7, 29, 1000, len(stream)):
        parser = FrameParser()
        found = [
            one for at in range(0, len(stream), size) for one in parser.feed(stream[at : at + size])
        ]
        assert found == [decode_frame(frame) for frame in WHOLE], size


def test_a_false_length_holds_nothing_up() -> None:
    claims_much = bytearray(WHOLE[0])
    claims_much[24:26] = (1024).to_bytes(2, "little")
    parser = FrameParser()
    assert list(parser.feed(bytes(claims_much))) == []
    assert list(parser.feed(WHOLE[4])) == [decode_frame(WHOLE[4])]


@pytest.mark.parametrize("letters", [b"@", b"@@\x01", b"@#", b"#", b"\x00", b"@@" + bytes(24)])
def test_much_of_nothing_leaves_room_for_a_frame(letters: bytes) -> None:
    parser = FrameParser()
    for _ in range(10):
        assert not [
            f
            for f in parser.feed(letters * 5_000 if len(letters) < 3 else letters * 2000)
            if isinstance(f, Frame)
        ]
        assert parser.pending_bytes <= MAX_FRAME_BYTES
    assert list(parser.feed(LONGEST))[-1] == decode_frame(LONGEST)


def test_a_frame_in_the_text_of_another_is_text() -> None:
    inner = WHOLE[1]
    config = Unit(26, [InfoObject({"description": inner})])
    outer = Frame(3, 2, TIME, unit=encode_unit(config))
    assert list(FrameParser().feed(outer.encode())) == [outer]
