"""Every frame of tests/cases/cjt188 decodes to the values beside it and encodes back."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from protocols.cjt188 import requests
from protocols.cjt188.addresses import WILDCARD, Family, family_of
from protocols.cjt188.dialect import Dialect, StatusBits, TimeOrder
from protocols.cjt188.frames import Frame, decode_frame, frame_stream
from protocols.cjt188.identifiers import ByteOrder
from protocols.cjt188.layouts import LAYOUTS, Field, Kind, layout_of
from protocols.cjt188.readings import (
    decode_reading,
    encode_number,
    encode_reading,
    encode_time,
    error_status,
)
from protocols.errors import FrameError, ValueRangeError

CASES = sorted((Path(__file__).parents[1] / "cases" / "cjt188").glob("*.yaml"))
ENUMS = {"byte_order": ByteOrder, "time_order": TimeOrder, "status_bits": StatusBits}


def dialect_of(given: dict[str, Any]) -> Dialect:
    return Dialect(**{key: ENUMS.get(key, lambda it: it)(value) for key, value in given.items()})


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    return yaml.safe_load(request.param.read_text("utf-8"))


def whole(case: dict[str, Any]) -> Frame:
    return Frame(
        case["meter_type"],
        case["address"],
        case["control"],
        decode_frame(bytes.fromhex(case["frame"])).data,
    )


def test_a_frame_decodes_and_encodes_back(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["frame"])
    if "refused" in case:
        with pytest.raises(FrameError) as refusal:
            decode_frame(data)
        assert str(refusal.value) == case["refused"]
        return
    frame = decode_frame(data)
    assert frame == whole(case)
    assert frame.encode(wake_up=case.get("wake_up", 0)) == data
    assert frame_stream().feed(data) == [frame]


def test_an_answer_has_these_values_and_encodes_back(case: dict[str, Any]) -> None:
    if "refused" in case:
        return
    frame = whole(case)
    if "undecodable" in case:
        with pytest.raises(FrameError) as refusal:
            decode_reading(frame)
        assert str(refusal.value) == case["undecodable"]
        assert frame.is_error is ("error_status" in case)
        return
    if "reading" not in case:
        return
    wanted = case["reading"]
    dialect = dialect_of(wanted.get("dialect", {}))
    reading = decode_reading(frame, dialect=dialect)
    assert (reading.identifier, reading.byte_order) == (wanted["identifier"], wanted["byte_order"])
    assert (reading.layout, reading.address) == (wanted["layout"], case["address"])
    for name, value in wanted["values"].items():
        found = reading.value(name)
        assert (value if isinstance(value, list) else [value, ""])[0] == found.value
        assert not isinstance(value, list) or value[1] == found.unit
        assert bool(found.problem) is (found.value is None)
    assert encode_reading(reading, dialect=dialect) == frame.data


def test_a_request_builds_its_frame(case: dict[str, Any]) -> None:
    if "request" not in case:
        return
    wanted = dict(case["request"])
    kind, serial = wanted.pop("kind"), wanted.pop("serial", 0)
    dialect = replace(dialect_of(wanted.pop("dialect", {})), wake_up=0)
    if "code" in wanted:
        wanted["code"] = bytes.fromhex(wanted["code"])
    place = {"meter_type": case["meter_type"]}
    if case["address"] != WILDCARD:
        place["address"] = case["address"]
    request = getattr(requests, kind)(**place, **wanted, dialect=dialect).numbered(serial)
    assert request.encode() == bytes.fromhex(case["frame"])
    assert request.answer_bytes == case["answer_bytes"]


def test_an_error_reply_carries_the_status(case: dict[str, Any]) -> None:
    if "error_status" in case:
        assert error_status(whole(case)) == case["error_status"]


READ = requests.read(0x10, "78330011223344", 0x901F).numbered(7)
BODY = bytes.fromhex("1F 90 07" + "00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84")
ANSWER = Frame(0x10, "78330011223344", 0x81, BODY)


def test_an_answer_is_told_by_meter_control_identifier_and_serial() -> None:
    assert READ.answered_by(ANSWER)
    assert not READ.answered_by(replace(ANSWER, address="78330011223345"))
    assert not READ.answered_by(replace(ANSWER, meter_type=0x20))
    assert not READ.answered_by(replace(ANSWER, control=0x84))
    assert not READ.answered_by(replace(ANSWER, data=b"\xd1\x20\x07" + BODY[3:]))
    assert not READ.answered_by(replace(ANSWER, data=b"\x1f\x90\x06" + BODY[3:]))
    assert not READ.answered_by(READ.frame)
    silent = replace(READ, dialect=Dialect(echoes_serial=False))
    assert silent.answered_by(replace(ANSWER, data=b"\x1f\x90\x06" + BODY[3:]))


def test_a_refusal_is_told_by_meter_control_and_serial() -> None:
    refusal = Frame(0x10, "78330011223344", 0xC1, b"\x07\x02\x00")
    assert READ.refused_by(refusal, exactly=True)
    for other in (b"\x06\x02\x00", b"\x02\x00", b""):
        assert READ.refused_by(replace(refusal, data=other))
        assert not READ.refused_by(replace(refusal, data=other), exactly=True)
    assert not READ.refused_by(replace(refusal, control=0xC4))
    assert not READ.refused_by(replace(refusal, address="78330011223345"))
    assert not READ.answered_by(refusal)


def test_whoever_is_alone_answers_the_wildcard() -> None:
    asked = requests.read_address()
    assert asked.answered_by(Frame(0x20, "11112233445566", 0x83, bytes.fromhex("0A 81 00")))


@pytest.mark.parametrize("address", ["1234567890", "7833001122334", "7833001122334G", "表"])
def test_an_address_that_is_none_says_what_is_allowed(address: str) -> None:
    with pytest.raises(ValueRangeError, match="14 digits"):
        Frame(0x10, address, 0x01).encode()


def test_layouts_that_nothing_but_their_length_tells_apart_have_different_lengths() -> None:
    for layout in LAYOUTS:
        if layout.chosen_only or layout.makers:
            continue
        for family in layout.families or set(Family):
            assert layout_of(layout.identifiers[0], family, layout.size) is layout
            assert layout_of(layout.identifiers[-1], family, layout.size + 1) is None


def test_types_belong_to_families() -> None:
    assert [family_of(kind) for kind in (0x10, 0x19, 0x22, 0x30, 0x40, 0x55, 0xAA)] == [
        Family.WATER,
        Family.WATER,
        Family.HEAT,
        Family.GAS,
        Family.CUSTOM,
        None,
        None,
    ]


def test_a_number_that_does_not_fit_is_refused() -> None:
    field = Field("volume", Kind.WITH_UNIT, 4, 2)
    for value, unit in ((1e6, 0x2C), (-0.01, 0x2C), (1, 0x00)):
        with pytest.raises(ValueRangeError):
            encode_number(field, value, unit)
    assert encode_number(field, 999_999.99, 0x2C) == bytes.fromhex("99 99 99 99 2C")
    with pytest.raises(ValueRangeError):
        encode_time("2015-05-11")


@pytest.mark.parametrize(
    ("wrong", "allowed"),
    [
        ({"layout": "heta"}, "volume, heat, heat_current_first"),
        ({"wake_up": 5}, r"0\.\.4"),
    ],
)
def test_a_dialect_that_is_none_says_what_is_allowed(wrong: Any, allowed: str) -> None:
    with pytest.raises(ValueRangeError, match=allowed):
        Dialect(**wrong)


def test_a_wrong_name_says_what_there_is() -> None:
    with pytest.raises(FrameError, match="there are volume, settlement_volume"):
        decode_reading(ANSWER).value("heat")
