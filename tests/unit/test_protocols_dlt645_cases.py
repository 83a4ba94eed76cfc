"""Frames of documents and real meters, as data under tests/cases/dlt645."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from protocols.dlt645.codes import IDENTIFIER_BYTES, Edition
from protocols.dlt645.commands import Password, RelayCommand, relay
from protocols.dlt645.fields import Kind
from protocols.dlt645.frames import Frame, decode_frame, frame_stream
from protocols.dlt645.identifiers import Item, item, items
from protocols.dlt645.requests import Request, address_in, read, read_address
from protocols.errors import FrameError
from protocols.reading import Value

CASES = Path(__file__).parents[1] / "cases" / "dlt645"


def cases(name: str) -> list[Any]:
    listed = yaml.safe_load((CASES / f"{name}.yaml").read_text("utf-8"))
    return [
        pytest.param(case, id=case["frame"].replace(" ", "")[-24:] or "empty") for case in listed
    ]


def edition_of(case: dict[str, Any]) -> Edition:
    return Edition(case.get("edition", "2007"))


def item_of(case: dict[str, Any]) -> Item:
    found = item(edition_of(case), int(case["identifier"], 16))
    assert found is not None
    return found


@pytest.mark.parametrize("case", cases("answers"))
def test_an_answer_decodes_to_the_value_beside_it_and_encodes_back(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["frame"])
    edition, wanted = edition_of(case), item_of(case)
    frame = decode_frame(raw)
    assert frame.address == case["address"]
    request = read(case["address"], wanted.identifier, edition=edition)
    values = wanted.decode(request.payload(frame))
    assert dict(zip(wanted.labels, values, strict=False)) == case["values"]
    assert wanted.unit == case["unit"]
    head = wanted.identifier.to_bytes(IDENTIFIER_BYTES[edition], "little")
    again = Frame(frame.address, frame.control, head + wanted.encode(list(case["values"].values())))
    assert again.encode() == raw
    assert request.answer_bytes(wanted.expected_size) == len(raw)


def request_of(case: dict[str, Any]) -> Request:
    edition = edition_of(case)
    if "read" in case:
        return read(case["read"]["address"], int(case["read"]["identifier"], 16), edition=edition)
    if "read_address" in case:
        return read_address()
    given = case["relay"]
    return relay(
        given["address"],
        RelayCommand[given["command"]],
        password=Password(given["level"], given["password"]),
        operator=given["operator"],
        valid_until=datetime.fromisoformat(given["valid_until"]),
    )


@pytest.mark.parametrize("case", cases("requests"))
def test_a_request_is_built_as_documents_print_it(case: dict[str, Any]) -> None:
    request = request_of(case)
    raw = bytes.fromhex(case["frame"])
    assert request.frame().encode(wake_up=case.get("wake_up", 0)) == raw
    assert frame_stream().feed(raw) == [request.frame()]


@pytest.mark.parametrize("case", cases("refused"))
def test_bytes_that_are_no_frame_are_refused(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["frame"])
    with pytest.raises(FrameError, match=case["why"]):
        decode_frame(raw)
    stream = frame_stream()
    assert len(stream.feed(raw)) == (case["why"] == "bytes follow")
    assert stream.silence() == []
    assert bool(stream.rejected) == ("68" in case["frame"] and case["why"] != "bytes follow")


def test_the_address_of_the_meter_on_a_line() -> None:
    asked = read_address()
    frame = decode_frame(bytes.fromhex("681200000010206893064533333343531F16"))
    assert address_in(asked, frame) == "201000000012"


SAMPLES: dict[Kind, list[Value]] = {
    Kind.NUMBER: [0, 1, None],
    Kind.BITS: [0, 0x5A],
    Kind.DIGITS: ["201000000012", None],
    Kind.TEXT: ["", "220V", None],
    Kind.DATE: ["2026-11-29", None],
    Kind.TIME: ["06:40:05", "23:59:59", None],
    Kind.DATE_TIME: ["2026-11-29T06:40:00", None],
}


@pytest.mark.parametrize("edition", Edition)
def test_every_row_of_the_tables_decodes_what_it_encodes(edition: Edition) -> None:
    for one in items(edition):
        assert item(edition, one.identifier) is one
        assert one.source
        for number in range(3):
            samples = [SAMPLES[field.kind] for field in one.fields]
            values = tuple(known[number % len(known)] for known in samples)
            data = one.encode(values)
            assert len(data) == one.expected_size
            assert one.decode(data) == values, one
