"""Every frame of tests/cases/mbus decodes to the values beside it and encodes back."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.drivers.mbus.records import decode_records
from protocols.errors import FrameError, ValueRangeError
from protocols.mbus import encoding, telegram
from protocols.mbus.addresses import (
    SecondaryAddress,
    check_primary,
    decode_secondary,
    maker_code,
    maker_letters,
    parse_secondary,
)
from protocols.mbus.frames import (
    Acknowledgement,
    LongFrame,
    ShortFrame,
    decode_frame,
    frame_stream,
)
from protocols.mbus.master import Expected, Master
from protocols.mbus.record import Function

CASES = sorted((Path(__file__).parents[1] / "cases" / "mbus").glob("*.yaml"))
DEFAULTS = {"storage": 0, "tariff": 0, "subunit": 0, "function": "instantaneous", "unit": ""}


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    return yaml.safe_load(request.param.read_text("utf-8"))


def test_a_frame_decodes_and_encodes_back(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["frame"])
    if "refused" in case:
        with pytest.raises(FrameError) as refusal:
            decode_frame(data)
        assert str(refusal.value) == case["refused"]
        return
    frame = decode_frame(data)
    assert frame.encode() == data
    assert frame_stream().feed(data) == [frame]
    match frame:
        case Acknowledgement():
            assert case["acknowledgement"]
        case ShortFrame():
            assert frame == ShortFrame(**case["short"])
        case LongFrame():
            wanted = {"information": frame.information, **case["long"]}
            assert wanted == {
                "control": frame.control,
                "address": frame.address,
                "information": frame.information,
            }


def test_a_request_builds_its_frame(case: dict[str, Any]) -> None:
    if "request" not in case:
        return
    request = getattr(Master(), case["request"]["kind"])(case["request"]["address"])
    assert request.encode() == bytes.fromhex(case["frame"])
    assert request.answer_bytes == case["answer_bytes"]


def test_a_selection_builds_its_frame(case: dict[str, Any]) -> None:
    if "selection" not in case:
        return
    wanted = dict(case["selection"])
    text = wanted.pop("text")
    slave = SecondaryAddress(**wanted)
    frame = decode_frame(bytes.fromhex(case["frame"]))
    assert isinstance(frame, LongFrame)
    assert decode_secondary(frame.data) == slave == parse_secondary(text)
    assert str(slave) == text
    assert Master().select(slave).encode() == bytes.fromhex(case["frame"])


def test_an_answer_has_these_records(case: dict[str, Any]) -> None:
    if "long" not in case or "selection" in case:
        return
    frame = decode_frame(bytes.fromhex(case["frame"]))
    assert isinstance(frame, LongFrame)
    if "undecodable" in case:
        with pytest.raises(FrameError) as refusal:
            decode_records(frame)
        assert case["undecodable"] in str(refusal.value)
        assert str(refusal.value).endswith(frame.encode().hex(" ").upper())
        return
    found = decode_records(frame)
    assert found.more is case["more"]
    for wanted, record in zip(case["records"], found.records, strict=True):
        for key, value in (DEFAULTS | wanted).items():
            assert getattr(record, key) == value, (key, record)
        assert bool(record.problem) is (record.value is None)
    if "header" in case:
        wanted = dict(case["header"])
        assert found.header is not None
        assert found.header.slave == SecondaryAddress(
            wanted["identification"],
            maker_code(wanted["maker"]),
            wanted["version"],
            wanted["medium"],
        )
        assert (found.header.access, found.header.status) == (wanted["access"], wanted["status"])
        assert maker_letters(found.header.slave.maker) == wanted["maker"]


def test_the_telegram_of_a_simulated_slave_encodes_back() -> None:
    path = next(path for path in CASES if path.stem == "example_data_01")
    data = bytes.fromhex(yaml.safe_load(path.read_text("utf-8"))["frame"])
    header = telegram.Header(parse_secondary("03575845B4053404"), 158, 0, 0xB627)
    blocks = [
        encoding.encode_block(vib, value, coding=coding)
        for vib, (coding, value) in (
            (b"\x06", encoding.integer(1389817, 3)),
            (b"\x15", encoding.integer(5046470, 3)),
        )
    ]
    blocks += [
        encoding.encode_block(vib, value, coding=5)
        for vib, value in ((b"\x2e", bytes(4)), (b"\x3d", bytes(4)))
    ]
    for vib, value in ((b"\x5b", 41.737434), (b"\x5f", 35.463650)):
        coding, raw = encoding.real(value)
        blocks.append(encoding.encode_block(vib, raw, coding=coding))
    assert encoding.encode_telegram(1, header, b"".join(blocks)).encode() == data


@pytest.mark.parametrize("storage", [0, 1, 2, 31, 4095])
@pytest.mark.parametrize("tariff", [0, 1, 15])
@pytest.mark.parametrize("subunit", [0, 3])
def test_what_a_block_is_of_encodes_and_decodes(storage: int, tariff: int, subunit: int) -> None:
    coding, data = encoding.bcd(1234, 4)
    block = encoding.encode_block(
        b"\x06",
        data,
        coding=coding,
        storage=storage,
        tariff=tariff,
        subunit=subunit,
        function=Function.MINIMUM,
    )
    header = telegram.Header(parse_secondary("12345678"))
    found = decode_records(encoding.encode_telegram(1, header, block, more=True))
    (record,) = found.records
    assert found.more
    assert (record.storage, record.tariff, record.subunit) == (storage, tariff, subunit)
    assert (record.function, record.value) == (Function.MINIMUM, 1234.0)


def test_the_frame_count_bit_changes_when_a_telegram_was_taken() -> None:
    master = Master()
    answer = LongFrame(0x08, 5, 0x72, bytes(12))
    assert master.request_data(5).frame.control == 0x7B
    first = master.request_data(5)
    assert first.frame.control == 0x7B
    master.answered(first, answer)
    second = master.request_data(5)
    assert (second.frame.control, second.answer_bytes) == (0x5B, len(answer.encode()))
    master.answered(second, answer)
    assert master.request_data(5).frame.control == 0x7B
    assert master.request_data(6).frame.control == 0x7B
    master.answered(master.request_data(5), answer)
    sent = master.send_data(5, b"\x01\x02")
    assert (sent.frame.control, sent.expected) == (0x73, Expected.ACK)
    master.answered(sent, Acknowledgement())
    assert master.send_data(5, b"\x01\x02").frame.control == 0x53
    master.answered(master.reset(5), Acknowledgement())
    assert master.request_data(5).frame.control == 0x7B


def test_a_selection_starts_anew() -> None:
    master = Master()
    one, other = parse_secondary("11111111"), parse_secondary("22222222")
    for slave in (one, other):
        master.answered(master.select(slave), Acknowledgement())
        first = master.request_data(253)
        assert first.frame.control == 0x7B
        master.answered(first, LongFrame(0x08, 3, 0x72, bytes(20)))
    master.select(one)
    assert master.request_data(253).answer_bytes == 29
    master.select(parse_secondary("33333333"))
    assert master.request_data(253).answer_bytes == 261


def test_an_answer_is_told_by_its_address() -> None:
    master = Master()
    answer = LongFrame(0x08, 5, 0x72, bytes(12))
    assert master.request_data(5).answered_by(answer)
    assert master.request_data(5).answered_by(LongFrame(0x38, 5, 0x72, bytes(12)))
    assert not master.request_data(6).answered_by(answer)
    assert master.request_data(254).answered_by(answer)
    assert master.request_data(253).answered_by(answer)
    assert not master.request_data(5).answered_by(Acknowledgement())
    assert not master.request_data(5).answered_by(LongFrame(0x73, 5, 0x51))
    assert master.reset(5).answered_by(Acknowledgement())
    assert not master.reset(5).answered_by(answer)
    assert not master.reset(255).answered_by(Acknowledgement())


@pytest.mark.parametrize("address", [-1, 251, 252, 255, 256])
def test_an_address_that_nobody_has_is_refused(address: int) -> None:
    with pytest.raises(ValueRangeError, match=r"0\.\.250"):
        check_primary(address)


@pytest.mark.parametrize("text", ["1234567", "1234567G", "123456789", "1234567812345678F"])
def test_a_secondary_address_that_is_none_says_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueRangeError, match="8 digits"):
        parse_secondary(text)


def test_a_maker_is_three_letters() -> None:
    assert (maker_letters(0x05B4), maker_code("AMT")) == ("AMT", 0x05B4)
    assert maker_letters(0xFFFF) == "FFFF"
    with pytest.raises(ValueRangeError):
        maker_code("amt")


@pytest.mark.long
def test_pymeterbus_is_imported_when_it_is_used_and_changes_no_logging() -> None:
    code = (
        "import sys, logging\n"
        "import edge_agent.drivers.mbus.records as records\n"
        "assert 'meterbus' not in sys.modules\n"
        "records.load_library()\n"
        "assert 'meterbus' in sys.modules\n"
        "assert (logging.getLogger().handlers, logging.getLogger().level) == ([], 30)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "meterbus", None)
    before = logging.getLogger().handlers[:]
    with pytest.raises(FrameError, match=r"plantroom\[mbus\]"):
        decode_records(LongFrame(0x08, 1, 0x72, bytes(12)))
    assert logging.getLogger().handlers == before
