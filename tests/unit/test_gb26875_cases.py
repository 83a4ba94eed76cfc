"""Frames and units of GB/T 26875.3 decode to what the cases say, and encode back."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from protocols.errors import FrameError, ValueRangeError
from protocols.fire.model import State, StateEvent
from protocols.gb26875.events import EventOptions, events_of
from protocols.gb26875.frame import Frame, FrameParser, Rejection, decode_frame
from protocols.gb26875.tables import COMPONENT_TYPES, SYSTEM_TYPES, UnitType
from protocols.gb26875.times import DeviceTime
from protocols.gb26875.units import (
    LAYOUTS,
    InfoObject,
    Unit,
    decode_text,
    decode_unit,
    encode_text,
    encode_unit,
)
from tests.fire_events import told

CASES = Path(__file__).parents[1] / "cases" / "gb26875"


def cases(name: str) -> Any:
    return yaml.load((CASES / name).read_text("utf-8"), yaml.CSafeLoader)


FRAMES, UNITS, REFUSED = cases("frames.yaml"), cases("units.yaml"), cases("refused.yaml")


def said(one: InfoObject) -> dict[str, Any]:
    """Return an object as the cases write it."""
    found: dict[str, Any] = {}
    for name, value in one.fields.items():
        if isinstance(value, bytes):
            found["text"] = one.description
        elif isinstance(value, DeviceTime):
            found[name] = str(value.moment.isoformat()) if value.moment else None
        else:
            found[name] = value
    if one.time is not None:
        found["time"] = one.time.moment.isoformat() if one.time.moment else None
    return found


def check_unit(data: bytes, case: dict[str, Any]) -> None:
    unit = decode_unit(data)
    assert unit.type == case["type"]
    assert [said(one) for one in unit.objects] == case.get("objects", [])
    assert [told(event) for event in events_of(unit)] == case["events"]
    assert encode_unit(unit) == data


@pytest.mark.parametrize("case", FRAMES, ids=lambda case: case["name"])
def test_a_frame_says_what_stands_beside_it_and_encodes_back(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    frame = decode_frame(data)
    moment = frame.time.moment
    assert moment is not None
    head = (frame.sequence, frame.command, frame.source, frame.destination, moment)
    assert head == tuple(case[k] for k in ("sequence", "command", "source", "destination", "sent"))
    assert frame.encode() == data
    assert list(FrameParser().feed(data)) == [frame]
    if "type" in case:
        check_unit(frame.unit, case)
    else:
        assert frame.unit == b""


@pytest.mark.parametrize("case", UNITS, ids=lambda case: case["name"])
def test_a_unit_says_what_stands_beside_it_and_encodes_back(case: dict[str, Any]) -> None:
    check_unit(bytes.fromhex(case["hex"]), case)


def test_each_type_of_the_standard_has_a_case() -> None:
    assert set(LAYOUTS) == set(UnitType)
    assert {case["type"] for case in [*FRAMES, *UNITS] if "type" in case} >= set(UnitType)


@pytest.mark.parametrize("case", REFUSED["frames"], ids=lambda case: case["name"])
def test_a_wrong_frame_is_refused_and_counted(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    with pytest.raises(FrameError) as refused:
        decode_frame(data)
    assert case["message"] in str(refused.value)
    parser = FrameParser()
    (rejection,) = parser.feed(data)
    assert isinstance(rejection, Rejection)
    assert rejection.fault == case["fault"]
    assert rejection.head.sequence == 1
    assert parser.rejected == {case["fault"]: 1}


@pytest.mark.parametrize("case", REFUSED["units"], ids=lambda case: case["hex"])
def test_a_wrong_unit_is_refused_with_a_reason(case: dict[str, Any]) -> None:
    with pytest.raises(FrameError) as refused:
        decode_unit(bytes.fromhex(case["hex"]))
    assert case["message"] in str(refused.value)


@pytest.mark.parametrize("cut", range(31))
def test_less_than_a_frame_is_refused(cut: int) -> None:
    with pytest.raises(FrameError):
        decode_frame(bytes.fromhex(FRAMES[0]["hex"])[:cut])


def test_what_does_not_fit_is_not_encoded() -> None:
    time = DeviceTime(0, 0, 0, 1, 1, 26)
    for frame in (
        Frame(65536, 2, time),
        Frame(0, 256, time),
        Frame(0, 2, time, source=2**48),
        Frame(0, 2, time, destination=-1),
        Frame(0, 2, time, unit=bytes(1025)),
    ):
        with pytest.raises(ValueRangeError):
            frame.encode()
    for unit in (
        Unit(9, [InfoObject({})]),
        Unit(UnitType.SYSTEM_STATUS, []),
        Unit(UnitType.SYSTEM_STATUS, [InfoObject({"system": 1, "address": 1})]),
        Unit(UnitType.SYSTEM_STATUS, [InfoObject({"system": 256, "address": 1, "status": 1})]),
        Unit(UnitType.INSPECT_SENTRY, [InfoObject({"minutes": 300})]),
        Unit(UnitType.TRANSMITTER_CONFIG, [InfoObject({"description": bytes(256)})]),
        Unit(UnitType.INSPECT_SENTRY, [InfoObject({"minutes": 1})] * 2),
    ):
        with pytest.raises(ValueRangeError):
            encode_unit(unit)


def test_text_is_cut_between_letters_and_read_whatever_it_is() -> None:
    assert encode_text("消" * 20) == "消".encode("gb18030") * 15 + b"\0"
    assert len(encode_text("\U00020000" * 9)) == 31
    assert decode_text(encode_text("１层走廊 3#")) == "１层走廊 3#"
    assert decode_text(b"\xff\xfe\x81") != ""
    assert decode_text(b"  A\x01B\r\n  \0rest") == "A B"


def test_the_tables_name_types_in_both_languages() -> None:
    assert COMPONENT_TYPES[23] == ("手动火灾报警按钮", "manual call point")
    assert SYSTEM_TYPES[1].zh == "火灾报警系统"
    for table in (COMPONENT_TYPES, SYSTEM_TYPES):
        assert all(term.zh and term.en for term in table.values())


@pytest.mark.parametrize(
    ("options", "word", "on", "off"),
    [
        (EventOptions(), 0b10, State.FIRE, State.TEST | State.FAULT),
        (EventOptions(test_from_bit_0=True), 0b10, State.FIRE | State.TEST, State.FAULT),
        (EventOptions(words_are_events=True), 0b1000001, State.FEEDBACK, State.TEST),
        (EventOptions(words_are_events=True), 0b1, State(0), State.FIRE | State.FEEDBACK),
    ],
)
def test_doubts_about_status_words_are_options(
    options: EventOptions, word: int, on: State, off: State
) -> None:
    fields = {"system": 1, "address": 1, "status": word}
    (event,) = events_of(Unit(UnitType.SYSTEM_STATUS, [InfoObject(fields)]), options)
    assert isinstance(event, StateEvent)
    assert event.on == on
    assert event.off & off == off
    assert not (options.words_are_events and on and State.FIRE in event.off)
