"""Random and mutated telegrams, cut streams, and the wildcard search over random lines."""

import random
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from edge_agent.drivers.mbus.records import decode_records
from protocols.errors import FrameError
from protocols.mbus.addresses import SecondaryAddress
from protocols.mbus.frames import LONGEST_FRAME, Frame, LongFrame, decode_frame, frame_stream
from protocols.mbus.search import slave_search
from protocols.reading import Value
from protocols.wildcard_search import Answer, Collision, Nothing

CASES = Path(__file__).parents[1] / "cases" / "mbus"
KNOWN = [
    bytes.fromhex(case["frame"])
    for path in sorted(CASES.glob("*.yaml"))
    if "refused" not in (case := yaml.safe_load(path.read_text("utf-8")))
]
LONG = [data for data in KNOWN if data[0] == 0x68]
EACH = 100
STARTS = (0x72, 0x72, 0x72, 0x76, 0x78, 0x73, 0x70)


def mutated(rng: random.Random) -> bytes:
    data = bytearray(rng.choice(KNOWN))
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(3):
            case 0:
                data[at:at] = rng.choice([b"\x68", b"\xe5", b"\x10", rng.randbytes(3)])
            case 1:
                del data[at : at + rng.randrange(1, 5)]
            case _:
                data[at : at + 1] = rng.randbytes(1)
    return bytes(data)


def random_telegram(rng: random.Random) -> LongFrame:
    """Return an answer whose sum is right and whose blocks are not."""
    body = bytearray(rng.choice(LONG)[7:-2])
    for _ in range(rng.randrange(6)):
        at = rng.randrange(len(body) + 1)
        match rng.randrange(3):
            case 0:
                body[at:at] = rng.randbytes(rng.randrange(4))
            case 1:
                del body[at : at + rng.randrange(3)]
            case _:
                body[at : at + 1] = rng.randbytes(1)
    if rng.random() < 0.2:
        body = bytearray(bytes(12) + rng.randbytes(rng.randrange(240)))
    return LongFrame(0x08, rng.randrange(256), rng.choice(STARTS), bytes(body[:252]))


def look(frame: Frame) -> None:
    if not isinstance(frame, LongFrame):
        return
    with suppress(FrameError):
        for record in decode_records(frame).records:
            assert isinstance(record.value, Value)
            assert record.value is not None or record.problem


@pytest.mark.seeds(4, 1000)
def test_anything_is_a_value_or_a_frame_error(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (repeatable)
    stream = frame_stream()
    for _ in range(EACH):
        data = mutated(rng)
        with suppress(FrameError):
            look(decode_frame(data))
        for frame in stream.feed(data):
            look(frame)
        assert len(stream) <= LONGEST_FRAME
        look(random_telegram(rng))


@pytest.mark.seeds(20, 2000)
def test_a_stream_is_in_step_again_at_the_next_telegram(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (repeatable)
    stream, sent = frame_stream(), bytearray()
    for _ in range(5):
        cut = rng.choice(KNOWN)
        sent += rng.choice((b"", b"\xfe\xff", cut[: rng.randrange(len(cut))], b"\x68" * 3))
        frame = decode_frame(rng.choice(LONG))
        sent += frame.encode()
        found: list[Frame] = []
        while sent:
            size = rng.randrange(1, 40)
            found += stream.feed(bytes(sent[:size]))
            del sent[:size]
        assert frame in found


def test_a_byte_of_a_telegram_is_no_acknowledgement() -> None:
    frame = LongFrame(0x08, 1, 0x72, bytes((0xE5,)) * 12 + b"\x10\x40\x01\x41\x16")
    stream = frame_stream()
    found = [one for byte in frame.encode() for one in stream.feed(bytes((byte,)))]
    assert found == [frame]


def test_what_is_behind_a_cut_telegram_is_found_when_the_line_falls_silent() -> None:
    stream = frame_stream()
    assert stream.feed(LONG[0][:6]) == []
    assert stream.feed(b"\xe5") == []
    assert [one.encode() for one in stream.silence()] == [b"\xe5"]


def answers(line: list[SecondaryAddress], selection: SecondaryAddress) -> list[SecondaryAddress]:
    return [slave for slave in line if selection.selects(slave)]


@pytest.mark.seeds(10, 500)
def test_a_search_finds_every_slave_of_a_line(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (repeatable)
    near = rng.random() < 0.5
    numbers = {f"{rng.randrange(200 if near else 10**8):08}" for _ in range(rng.randrange(30))}
    line = [SecondaryAddress(number, rng.randrange(9999), 1, 4) for number in sorted(numbers)]
    noisy = rng.random() < 0.3
    search = slave_search()
    while (selection := search.wanted) is not None:
        there = answers(line, selection)
        if not there:
            search.came(Nothing())
        elif len(there) > 1 or (noisy and selection.is_wild and rng.random() < 0.3):
            search.came(Collision())
        else:
            search.came(Answer(there[0]))
    assert sorted(map(str, search.found)) == sorted(map(str, line))
    assert search.unresolved == []
    assert search.asked <= 1 + 80 * max(len(line), 1) * (2 if noisy else 1)


def test_two_slaves_of_one_number_are_named() -> None:
    line = [SecondaryAddress("12345678", maker, 1, 4) for maker in (1, 2)]
    search = slave_search(SecondaryAddress("1234567F"))
    while (selection := search.wanted) is not None:
        search.came(Collision() if answers(line, selection) else Nothing())
    assert (search.found, search.unresolved) == ([], [SecondaryAddress("12345678")])
    assert search.asked == 11


def test_an_answer_of_somebody_else_is_looked_into() -> None:
    search = slave_search(SecondaryAddress("1FFFFFFF"))
    search.came(Answer(SecondaryAddress("22222222", 1, 1, 4)))
    assert search.wanted == SecondaryAddress("10FFFFFF")
    assert search.found == []
