import contextlib
import math
import struct
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FrameError, ValueRangeError
from protocols.modbus.date_time import Layout, layout_of
from protocols.modbus.field import BCD_DIGITS, BYTES
from protocols.modbus.limits import exception_name
from protocols.modbus.numbers import DIGIT_SIGNS, SIGNS, bcd_bounds, bounds
from protocols.modbus.text import ENCODINGS
from protocols.modbus.words import (
    Field,
    block_decoder,
    decode,
    decode_field,
    encode,
    encode_field,
)

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")


def whole(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int16": whole(-(2**15), 2**15 - 1),
    "uint16": whole(0, 2**16 - 1),
    "enum": whole(0, 2**16 - 1),
    "int32": whole(-(2**31), 2**31 - 1),
    "uint32": whole(0, 2**32 - 1),
    "int64": whole(-(2**63), 2**63 - 1),
    "uint64": whole(0, 2**64 - 1),
    "bcd16": whole(0, 9_999),
    "bcd32": whole(0, 99_999_999),
    "int24": whole(-(2**23), 2**23 - 1),
    "uint24": whole(0, 2**24 - 1),
    "int48": whole(-(2**47), 2**47 - 1),
    "uint48": whole(0, 2**48 - 1),
    "bcd48": whole(0, 10**12 - 1),
    "bcd64": whole(0, 10**16 - 1),
    "float16": st.floats(width=16, allow_nan=False, allow_infinity=False),
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", VALUES)
def test_what_is_encoded_decodes_to_itself(kind: str, order: str) -> None:
    @given(VALUES[kind])
    def round_trip(value: Any) -> None:
        registers = encode(value, kind=kind, order=order)
        assert decode(registers, kind=kind, order=order) == value
        field = Field(3, kind, order)
        block = [0xBEEF] * 3 + registers + [0xDEAD]
        assert block_decoder([field], len(block))(block) == [value]

    round_trip()


@pytest.mark.parametrize("order", ORDERS)
@given(text=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8))
def test_text_survives_any_order(order: str, text: str) -> None:
    registers = encode(text, kind="string", order=order, length=4)
    assert len(registers) == 4
    assert decode(registers, kind="string", order=order) == text


@given(st.integers(0, 15), st.integers(1, 16), st.integers(0, 0xFFFF), st.data())
def test_a_bitfield_leaves_its_neighbours_alone(
    bit: int, width: int, into: int, data: st.DataObject
) -> None:
    width = min(width, 16 - bit)
    value = data.draw(st.integers(0, 2**width - 1))
    registers = encode(value, kind="bitfield", bit=bit, width=width, into=into)
    assert decode(registers, kind="bitfield", bit=bit, width=width) == value
    mask = (2**width - 1) << bit
    assert registers[0] & ~mask == into & ~mask


@pytest.mark.parametrize(("bit", "expected"), [(0, True), (1, False), (15, True)])
def test_a_bit_is_one_bit(bit: int, expected: bool) -> None:  # noqa: FBT001
    assert decode([0x8001], kind="bit", bit=bit) is expected
    assert encode(not expected, kind="bit", bit=bit, into=0x8001)[0] == 0x8001 ^ (1 << bit)


def test_a_swapped_register_swaps_its_bits() -> None:
    assert decode([0x0100], kind="bit", bit=0, order="BADC") is True
    assert decode([0x3412], kind="bitfield", bit=8, width=8, order="DCBA") == 0x12


def test_a_coil_is_a_bool() -> None:
    assert decode([True], kind="bool") is True
    assert block_decoder([Field(0, "bool"), Field(2, "bool")], 3)([True, True, False]) == [
        True,
        False,
    ]


def test_text_ends_at_the_first_nul_and_loses_trailing_blanks() -> None:
    assert decode([0x4142, 0x2000, 0x5A5A], kind="string") == "AB"


@pytest.mark.parametrize(
    ("value", "kind", "registers"),
    [(21.4, "int16", [21]), (21.6, "uint16", [22]), (-0.4, "uint16", [0]), (True, "uint16", [1])],
)
def test_whole_numbers_are_rounded(value: float, kind: str, registers: list[int]) -> None:
    assert encode(value, kind=kind) == registers


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (-1, "uint16"),
        (65_536, "uint16"),
        (32_768, "int16"),
        (2**63, "int64"),
        (2**64, "uint64"),
        (1e39, "float32"),
        (math.nan, "float32"),
        (math.inf, "float64"),
        (math.nan, "int32"),
        (10_000, "bcd16"),
        (-1, "bcd32"),
        (2, "bool"),
        ("on", "bool"),
        ("1.5", "float32"),
    ],
)
def test_what_does_not_fit_is_refused(value: Any, kind: str) -> None:
    with pytest.raises(ValueRangeError):
        encode(value, kind=kind)


@pytest.mark.parametrize(
    "arguments",
    [
        {"value": 2, "kind": "bit", "bit": 3},
        {"value": 1, "kind": "bit"},
        {"value": 8, "kind": "bitfield", "bit": 0, "width": 3},
        {"value": 1, "kind": "bitfield", "bit": 15, "width": 2},
        {"value": "ABC", "kind": "string", "length": 1},
        {"value": "\u00e4", "kind": "string", "length": 1},
        {"value": 5, "kind": "string", "length": 1},
        {"value": 5, "kind": "float8"},
        {"value": 5, "kind": "int32", "order": "ACBD"},
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any]) -> None:
    value = arguments.pop("value")
    with pytest.raises(ValueRangeError):
        encode(value, **arguments)


@pytest.mark.parametrize(
    ("registers", "kind"),
    [
        ([0x123A], "bcd16"),
        ([0x1234, 0xF000], "bcd32"),
        ([0xC3A4], "string"),
        ([1], "int32"),
        ([1, 2, 3], "float32"),
        ([1, 2], "uint16"),
        ([], "string"),
        ([65_536], "uint16"),
        ([-1], "int16"),
    ],
)
def test_registers_that_are_no_value_are_a_frame_error(registers: list[int], kind: str) -> None:
    with pytest.raises(FrameError):
        decode(registers, kind=kind)


def test_nan_is_returned_as_it_is() -> None:
    value = decode([0x7FC0, 0x0000], kind="float32")
    assert isinstance(value, float)
    assert math.isnan(value)


def test_one_torn_field_leaves_the_others_good() -> None:
    fields = [Field(0, "bcd16"), Field(1, "uint16"), Field(2, "string", length=1)]
    assert block_decoder(fields, 3)([0xFFFF, 7, 0xFFFF]) == [None, 7, None]


def test_fields_may_overlap_and_come_in_any_sequence() -> None:
    fields = [
        Field(2, "float32", "CDAB"),
        Field(0, "uint32", "DCBA"),
        Field(0, "bit", bit=3),
        Field(1, "uint16"),
        Field(0, "uint16", "BADC"),
    ]
    expected = [123.45600128173828, 0x11223344, False, 0x2211, 0x3344]
    assert block_decoder(fields, 4)([0x4433, 0x2211, 0xE979, 0x42F6]) == expected


def test_a_block_without_fields_decodes_to_nothing() -> None:
    assert block_decoder([], 2)([1, 2]) == []


@pytest.mark.parametrize("registers", [[1, 2], [1, 2, 3, 4], []])
def test_a_reply_of_another_length_is_a_frame_error(registers: list[int]) -> None:
    with pytest.raises(FrameError, match="asked 3"):
        block_decoder([Field(0, "uint16")], 3)(registers)


def test_a_reply_with_an_impossible_register_is_a_frame_error() -> None:
    with pytest.raises(FrameError):
        block_decoder([Field(0, "uint16")], 1)([70_000])


@pytest.mark.parametrize("field", [Field(3, "uint16"), Field(2, "int32"), Field(-1, "uint16")])
def test_a_field_outside_the_block_is_refused_when_compiled(field: Field) -> None:
    with pytest.raises(ValueRangeError):
        block_decoder([field], 3)


@given(st.lists(st.integers(0, 0xFFFF), min_size=12, max_size=12), st.data())
def test_a_block_decodes_like_its_fields_one_by_one(
    registers: list[int], data: st.DataObject
) -> None:
    kinds = st.sampled_from([*VALUES])
    fields = [
        Field(data.draw(st.integers(0, 8)), data.draw(kinds), data.draw(st.sampled_from(ORDERS)))
        for _ in range(data.draw(st.integers(0, 6)))
    ]
    together = block_decoder(fields, 12)(registers)
    assert len(together) == len(fields)
    for field, value in zip(fields, together, strict=True):
        part = registers[field.offset : field.offset + field.words]
        try:
            alone = decode(part, kind=field.kind, order=field.order)
        except FrameError:
            assert value is None
        else:
            assert struct.pack(">d", alone) == struct.pack(">d", value)


def test_exception_codes_have_words() -> None:
    assert exception_name(2) == "illegal data address"
    assert exception_name(0x55) == "unknown exception"


SIGNED = [
    *(
        (kind, sign)
        for kind in ("int8", "int16", "int24", "int32", "int48", "int64")
        for sign in SIGNS
    ),
    *((kind, sign) for kind in ("bcd8", "bcd16", "bcd48", "bcd64") for sign in DIGIT_SIGNS),
]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("kind", "sign"), SIGNED)
@given(st.data(), st.sampled_from(ORDERS))
def test_every_way_to_code_a_sign_is_turned_round(
    kind: str, sign: str, data: st.DataObject, order: str
) -> None:
    high = data.draw(st.booleans())
    field = Field(0, kind, order, sign=sign, high_byte=high and kind in BYTES)
    digits = BCD_DIGITS.get(kind)
    low, high_end = bcd_bounds(digits, sign) if digits else bounds(field.bits, sign)
    value = data.draw(whole(low, high_end))
    held = data.draw(st.lists(whole(0, 0xFFFF), min_size=field.words, max_size=field.words))
    registers = encode_field(value, field, into=held)
    assert decode_field(registers, field) == value
    for beyond in (low - 1, high_end + 1):
        with pytest.raises(ValueRangeError):
            encode_field(beyond, field, into=held)


@given(st.data(), whole(1, 4), st.sampled_from(ORDERS))
def test_bits_of_several_registers_leave_the_others_alone(
    data: st.DataObject, length: int, order: str
) -> None:
    inverted = data.draw(st.booleans())
    bit = data.draw(whole(0, 16 * length - 1))
    width = data.draw(whole(1, 16 * length - bit))
    held = data.draw(st.lists(whole(0, 0xFFFF), min_size=length, max_size=length))
    field = Field(0, "bitfield", order, bit, width, length, inverted=inverted)
    all_bits = Field(0, "bitfield", order, 0, 16 * length, length)
    value = data.draw(whole(0, 2**width - 1))
    registers = encode_field(value, field, into=held)
    assert decode_field(registers, field) == value
    others = ~(((1 << width) - 1) << bit)
    assert int(decode_field(registers, all_bits)) & others == (
        int(decode_field(held, all_bits)) & others
    )


@given(st.binary(min_size=2, max_size=16).filter(lambda raw: len(raw) % 2 == 0), st.data())
def test_no_registers_end_in_anything_but_a_value_or_a_frame_error(
    raw: bytes, data: st.DataObject
) -> None:
    registers = list(struct.unpack(f">{len(raw) // 2}H", raw))
    layout = layout_of(
        data.draw(st.sampled_from(["YY MM DD hh mm ss", "YYYY MM DD", "hh mm ss ms"]))
    )
    for field in (
        Field(0, "string", length=len(registers), encoding=data.draw(st.sampled_from(ENCODINGS))),
        Field(0, "datetime", layout=layout),
        Field(0, "datetime", layout=Layout(counter="int64")),
        Field(0, "datetime", layout=Layout(counter="uint48", per_second=1000)),
    ):
        cut = (registers * 8)[: field.words]
        with contextlib.suppress(FrameError):
            assert isinstance(decode_field(cut, field), str)


def test_a_time_of_day_has_as_many_digits_as_one_with_a_date() -> None:
    of_day = Field(0, "datetime", layout=layout_of("hh mm ss -- ms"))
    whole = Field(0, "datetime", layout=replace(layout_of("YY MM DD hh mm ss ms"), zone=UTC))
    assert decode_field([0x0628, 0x0500, 120], of_day) == "06:40:05.120"
    assert decode_field([0x0628, 0x0500, 0], of_day) == "06:40:05"
    assert decode_field([0x1A0B, 0x1C06, 0x2805, 120], whole) == "2026-11-28T06:40:05.120Z"
