"""Decodings side by side, likeness to known devices, the order of a search, tables of text."""

import struct

import pytest

from config.load import load_profiles
from edge_agent.commissioning.decodings import (
    DEFAULT_TYPES,
    likely_order,
    likely_whole_order,
    page,
    register_rows,
    wide_rows,
)
from edge_agent.commissioning.likeness import best, likeness, worth_trying
from edge_agent.commissioning.search import LIKELY, Setting, turns
from edge_agent.commissioning.table import clip, table, width
from protocols.modbus.identification import identification_size, parse_identification
from protocols.modbus.words import encode
from protocols.reading import Quality, Reading


def block(*values: float, order: str, kind: str = "float32") -> dict[int, int]:
    words = [word for value in values for word in encode(value, kind=kind, order=order)]
    return dict(enumerate(words, start=100))


def test_one_register_is_shown_as_everything_it_may_be() -> None:
    (row,) = register_rows({7: 0x4142})
    numbers = ("7", "0x4142", "16706", "16706", "16961", "16961", "4142")
    assert row == (*numbers, "0100 0001 0100 0010", "AB")
    (row,) = register_rows({7: 0xFF0A})
    # As it is, then with its bytes swapped: 0x0AFF.
    assert row[2:7] == ("65290", "-246", "2815", "2815", "-")
    assert row[8] == ".."


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA"])
def test_a_value_stands_in_the_column_of_its_order(order: str) -> None:
    column = 1 + ["ABCD", "CDAB", "BADC", "DCBA"].index(order)
    registers = block(-123456789, order=order, kind="int32")
    assert wide_rows(registers, "int32")[0][column] == "-123456789"
    registers = block(3.25, order=order, kind="float64")
    assert wide_rows(registers, "float64")[0][column] == "3.25"


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA"])
def test_the_order_of_everyday_numbers_is_found(order: str) -> None:
    assert likely_order(block(229.5, 50.02, 0.0, 12.25, order=order)) == (order, 3, 3)


def test_no_order_is_named_where_none_stands_out() -> None:
    assert likely_order({}) is None
    assert likely_order(dict.fromkeys(range(10), 0)) is None
    assert likely_order(block(1.0, order="ABCD")) is None


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA"])
def test_the_order_of_counters_is_found(order: str) -> None:
    registers = block(1234, 70_001, 0, 12, order=order, kind="int32")
    assert likely_whole_order(registers) == (order, 3, 3)
    assert f"order {order} makes the smallest number of 3 of 3" in page(registers, ("int32",))[-1]


def test_floats_are_not_taken_for_counters() -> None:
    lines = page(block(229.5, 50.02, 12.25, order="ABCD"), ("float32", "int32"))
    assert [line for line in lines if "order" in line] == [
        "float32: order ABCD makes everyday numbers of 3 of 3 pairs"
    ]


def test_everything_that_is_known_is_shown_and_what_is_no_value_anywhere_is_not() -> None:
    text = "\n".join(page({1: 0x0012, 2: 0x3456, 3: 0xFFFF, 4: 0xFFFF}, DEFAULT_TYPES))
    for kind in ("float32", "int32", "uint32", "bcd32", "float64", "int64", "uint64"):
        assert f"{kind} " in text
    assert "123456" in text
    assert "bcd32" not in "\n".join(page({3: 0xFFFF, 4: 0xFFFF}, DEFAULT_TYPES))


def test_a_pair_needs_both_registers_and_says_more_than_zero() -> None:
    assert [row[0] for row in wide_rows({1: 5, 2: 0, 4: 1, 6: 0, 7: 0}, "uint32")] == ["1..2"]
    assert "float64" not in "\n".join(page({1: 5, 2: 6}, ("float32", "float64")))


def readings(values: dict[str, float | None]) -> dict[str, Reading]:
    return {
        name: Reading(name, value, Quality.BAD if value is None else Quality.GOOD, 0, "")
        for name, value in values.items()
    }


def test_a_device_file_fits_where_values_are_such_as_its_units_lead_to_expect() -> None:
    room = load_profiles()["xy-md02"]
    good = likeness(room, readings({"temperature": 21.5, "humidity": 40.0}))
    assert (good.sensible, good.wrong, good.score) == (2, 0, 1.0)
    assert likeness(room, readings({"temperature": 6000.0, "humidity": None})).score == -1
    boot_offsets = likeness(room, readings({"temperature": 0, "humidity": 0}))
    assert boot_offsets.score == 0
    assert best([boot_offsets]) is None
    assert best([good, boot_offsets]) == good
    assert best([good, good._replace(profile="twin")]) is None
    assert best([]) is None


def test_the_maker_that_a_unit_names_is_tried_first_then_what_was_met_before() -> None:
    profiles = load_profiles()
    first = [one.profile for one in worth_trying(profiles, "EASTRON meters", ["xy-md02"])]
    assert {*first[:2]} == {"eastron-sdm120", "eastron-sdm630"}
    assert first[2] == "xy-md02"
    assert len(first) == len(profiles)


def test_a_search_asks_low_units_at_all_settings_before_high_ones_at_any() -> None:
    assert LIKELY[:3] == (Setting(9600, "N"), Setting(9600, "E"), Setting(19200, "N"))
    assert len(set(LIKELY)) == 24
    order = list(turns(LIKELY[:3]))
    assert [(str(setting), units[0], units[-1]) for setting, units in order] == [
        ("9600 8N1", 1, 5),
        ("9600 8E1", 1, 5),
        ("19200 8N1", 1, 5),
        ("9600 8N1", 6, 32),
        ("9600 8E1", 6, 32),
        ("9600 8N1", 33, 100),
        ("9600 8E1", 33, 100),
        ("9600 8N1", 101, 247),
        ("9600 8E1", 101, 247),
        ("19200 8N1", 6, 32),
        ("19200 8N1", 33, 100),
        ("19200 8N1", 101, 247),
    ]
    asked = [(one, unit) for one, units in turns(LIKELY) for unit in units]
    assert len(asked) == len(set(asked)) == 24 * 247
    assert list(turns(LIKELY[:1], [7])) == [(LIKELY[0], (7,))]


def test_an_identification_reply_is_read_object_by_object() -> None:
    texts = [b"Maker", b"M-1", b"2.0"]
    objects = b"".join(struct.pack("BB", at, len(text)) + text for at, text in enumerate(texts))
    pdu = bytes.fromhex("2b0e0183000003") + objects
    assert parse_identification(pdu) == ({0: "Maker", 1: "M-1", 2: "2.0"}, None)
    assert identification_size(pdu + b"crc") == len(pdu)
    assert [identification_size(pdu[:size]) for size in (0, 6, 7, 8)] == [None] * 4


def test_columns_are_aligned_with_chinese_in_them() -> None:
    lines = table(("name", "value"), [("温度", "1"), ("ab", "22")], right={"value"})
    assert [width(line) for line in lines] == [11, 11, 11]
    assert lines[1] == "温度      1"
    assert clip("二次供水压力", 7) == "二次供…"
    assert clip("abc", 7) == "abc"


@pytest.mark.parametrize(
    ("kind", "registers", "place", "cells"),
    [
        ("float16", {5: 0x3C00}, "5", ("1", "1", "3.576279e-06", "3.576279e-06")),
        ("uint24", {5: 0x0001, 6: 0x0002}, "5..6", ("65538", "131073", "512", "256")),
        ("bcd64", {5: 0, 6: 0, 7: 0x1234, 8: 0x5678}, "5..8", ("12345678",)),
        ("int48", {5: 0xFFFF, 6: 0xFFFF, 7: 0xFFFE}, "5..7", ("-2",)),
    ],
)
def test_types_that_are_asked_for_are_shown_in_each_order(
    kind: str, registers: dict[int, int], place: str, cells: tuple[str, ...]
) -> None:
    (row,) = wide_rows(registers, kind)
    assert row[0] == place
    assert row[1 : 1 + len(cells)] == cells
