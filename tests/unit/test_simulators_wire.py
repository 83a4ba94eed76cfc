"""Simulator and agent code registers independently; here they meet."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.coding import MixedOrder
from config.load import load_profiles
from config.point_kinds import registers_of
from config.points import DataType, Order, Point, Table
from edge_agent.drivers.registers.convert import compile_block
from edge_agent.drivers.registers.plan import Block
from protocols.errors import FrameError, ValueRangeError
from protocols.modbus.words import decode
from protocols.reading import Value
from simulators.wire import from_registers, to_registers


def _point(kind: DataType, **more: object) -> Point:
    return Point.model_validate({"table": "holding", "address": 0, "type": kind.value, **more})


NUMBERS: list[tuple[DataType, list[int | float]]] = [
    (DataType.INT16, [-32768, -1, 0, 32767]),
    (DataType.UINT16, [0, 1, 65535]),
    (DataType.INT32, [-(2**31), -2, 2**31 - 1]),
    (DataType.UINT32, [0, 0x01020304, 2**32 - 1]),
    (DataType.INT64, [-(2**40), 2**52 + 1]),
    (DataType.UINT64, [0, 2**52 + 7]),
    (DataType.FLOAT32, [0.0, -1.5, 2.0**127]),
    (DataType.FLOAT64, [0.1, -1.0e300]),
    (DataType.BCD16, [0, 9999, 1234]),
    (DataType.BCD32, [0, 99999999, 12345678]),
    (DataType.BCD48, [0, 123456789012]),
    (DataType.BCD64, [0, 1234567890123456]),
    (DataType.INT24, [-(2**23), -2, 2**23 - 1]),
    (DataType.UINT24, [0, 0x010203]),
    (DataType.INT48, [-(2**47), -2, 2**47 - 1]),
    (DataType.UINT48, [0, 0x010203040506]),
    (DataType.FLOAT16, [0.0, -1.5]),
]


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize(("kind", "values"), NUMBERS, ids=lambda one: str(one)[:8])
def test_the_agent_reads_what_the_simulator_shows(
    kind: DataType, values: list[int | float], order: Order
) -> None:
    point = _point(kind, order=order.value)
    for value in values:
        registers = to_registers(point, value)
        assert len(registers) == point.words
        assert decode(registers, kind=kind.value, order=order.value) == value
        assert from_registers(point, registers) == value


@pytest.mark.parametrize("order", list(MixedOrder))
def test_mixed_orders_are_read_as_they_are_shown(order: MixedOrder) -> None:
    kind = DataType.UINT48 if len(order) == 6 else DataType.UINT64
    point = _point(kind, order=order.value)
    registers = to_registers(point, 0x010203040506)
    assert decode(registers, kind=kind.value, order=order.value) == 0x010203040506


@pytest.mark.parametrize(
    "options",
    [
        {"type": "bit", "bit": 20, "length": 2},
        {"type": "bit", "bit": 1, "bits_from": "msb1", "inverted": True},
        {"type": "bitfield", "bit": 30, "width": 5, "length": 3},
        {"type": "uint8", "byte": "high"},
        {"type": "int8", "byte": "low"},
        {"type": "bcd8", "byte": "high"},
        {"type": "uint16", "raw_span": [4000, 20000], "span": [0, 16]},
    ],
)
@pytest.mark.parametrize("order", ["ABCD", "DCBA"])
def test_parts_are_read_as_they_are_shown(options: dict[str, Any], order: str) -> None:
    point = Point.model_validate({"table": "holding", "address": 0, "order": order} | options)
    for value in (1, 0):
        registers = to_registers(point, value)
        block = Block(Table.HOLDING, 0, point.words, ("p",))
        (reading,) = compile_block(block, {"p": point})(registers, 1)
        assert reading.value == value
        assert from_registers(point, registers) == value


def test_the_orders_lay_the_bytes_out_as_their_names_say() -> None:
    shown = {
        order: to_registers(_point(DataType.UINT32, order=order.value), 0xAABBCCDD)
        for order in Order
    }
    assert shown == {
        Order.ABCD: [0xAABB, 0xCCDD],
        Order.CDAB: [0xCCDD, 0xAABB],
        Order.BADC: [0xBBAA, 0xDDCC],
        Order.DCBA: [0xDDCC, 0xBBAA],
    }


@pytest.mark.parametrize("profile", sorted(load_profiles()))
def test_every_point_of_every_device_file_shows_a_value(profile: str) -> None:
    for name, point in registers_of(load_profiles()[profile].points).items():
        value: Value = point.factor + point.shift
        if point.enum:
            value = next(iter(point.enum.values()))
        elif point.type in {DataType.BOOL, DataType.BIT}:
            value = True
        back = from_registers(point, to_registers(point, value))
        assert back == (pytest.approx(value) if isinstance(value, float) else value), name


def test_scale_and_offset_are_inverted() -> None:
    point = _point(DataType.UINT16, scale=0.01, offset=-273.15)
    assert to_registers(point, 62.0) == [33515]


def test_bits_stay_in_place() -> None:
    assert to_registers(_point(DataType.BIT, bit=9), True) == [0x0200]  # noqa: FBT003
    assert to_registers(_point(DataType.BITFIELD, bit=4, width=3), 5) == [0x0050]
    assert from_registers(_point(DataType.BITFIELD, bit=4, width=3), [0xFFDF]) == 5


@given(st.data())
def test_any_row_of_codes_is_read_as_it_is_shown(data: st.DataObject) -> None:
    width = data.draw(st.sampled_from([1, 2, 4, 8, 16]))
    bit = data.draw(st.none() | st.integers(0, 16 - width))
    point = _point(
        data.draw(st.sampled_from([DataType.COUNT_OF, DataType.FIRST_OF])),
        length=data.draw(st.integers(1, 9)),
        width=width,
        among=data.draw(st.lists(st.integers(0, 2**width - 1), min_size=1, max_size=3)),
        order=data.draw(st.sampled_from(["ABCD", "BADC"])),
        **({"bits_from": data.draw(st.sampled_from(["lsb0", "msb0"]))} if bit is None else {}),
        **({} if bit is None else {"bit": bit}),
    )
    read = compile_block(Block(Table.HOLDING, 0, point.words, ("p",)), {"p": point})
    words = st.sampled_from([0, 1, 0xFFFF]) | st.integers(0, 0xFFFF)
    held = data.draw(st.lists(words, min_size=point.words, max_size=point.words))
    assert read(held, 1)[0].value == from_registers(point, held)
    wanted = data.draw(st.integers(0, point.words))
    try:
        shown = to_registers(point, wanted)
    except ValueRangeError:
        assert len(set(point.among)) == 2**width
        return
    assert read(shown, 1)[0].value == from_registers(point, shown) == wanted


def test_text_is_padded_and_read_back() -> None:
    point = _point(DataType.STRING, length=4)
    assert to_registers(point, "MAGNA3") == [0x4D41, 0x474E, 0x4133, 0]
    assert from_registers(point, to_registers(point, "MAGNA3")) == "MAGNA3"


def test_no_value_shows_the_number_that_means_not_available() -> None:
    assert to_registers(_point(DataType.UINT16, invalid=[65535]), None) == [0xFFFF]
    assert to_registers(_point(DataType.UINT32, invalid=[0xFFFFFFFF]), None) == [0xFFFF, 0xFFFF]
    assert decode(to_registers(_point(DataType.FLOAT32), None), kind="float32") != 0


@pytest.mark.parametrize(
    ("point", "value"),
    [
        (_point(DataType.UINT16), -1),
        (_point(DataType.INT16), 40000),
        (_point(DataType.FLOAT32), 1e39),
        (_point(DataType.BCD16), 10000),
        (_point(DataType.BITFIELD, bit=0, width=2), 4),
        (_point(DataType.STRING, length=1), "abc"),
        (_point(DataType.ENUM, enum={0: "off"}), "on"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(point: Point, value: Value) -> None:
    with pytest.raises(ValueRangeError):
        to_registers(point, value)


def test_a_written_number_without_meaning_is_refused() -> None:
    with pytest.raises(FrameError):
        from_registers(_point(DataType.ENUM, enum={0: "off"}), [3])
    with pytest.raises(FrameError):
        from_registers(_point(DataType.BCD16), [0x00FA])


def test_a_coil_is_one_bit() -> None:
    coil = Point(table=Table.COIL, address=0, type=DataType.BOOL)
    assert to_registers(coil, True) == [1]  # noqa: FBT003
