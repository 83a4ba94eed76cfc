"""Registers to readings and back."""

import struct
from typing import Any

import pytest

from config.points import DataType, Order, Point, Table
from edge_agent.drivers.registers.convert import compile_block, registers_for
from edge_agent.drivers.registers.plan import Block
from edge_agent.errors import CommandError
from protocols.reading import Quality, Reading, Value
from tests.fakes.devices import point

AT = 1_795_000_000_123


def read(target: Point, registers: list[int]) -> Reading:
    block = Block(target.table, target.address, len(registers), ("p",))
    return compile_block(block, {"p": target})(registers, AT)[0]


def words(code: str, value: float) -> list[int]:
    data = struct.pack(f">{code}", value)
    return list(struct.unpack(f">{len(data) // 2}H", data))


@pytest.mark.parametrize(
    ("options", "registers", "value"),
    [
        ({}, [17], 17),
        ({"type": DataType.INT16}, [0xFFFE], -2),
        ({"type": DataType.UINT32, "order": Order.CDAB}, [2, 1], 0x10002),
        ({"type": DataType.FLOAT32}, words("f", 20.5), 20.5),
        ({"scale": 0.1}, [3], 0.3),
        ({"scale": 0.1, "offset": -273.15}, [2931], 19.95),
        ({"type": DataType.FLOAT32, "scale": 2.0, "offset": 1.0}, words("f", 1.5), 4.0),
        ({"type": DataType.BIT, "bit": 3}, [8], True),
        ({"type": DataType.BITFIELD, "bit": 4, "width": 3}, [0x50], 5),
        ({"type": DataType.BOOL}, [256], True),
        ({"type": DataType.ENUM, "enum": {0: "stopped", 1: "running"}}, [1], "running"),
        ({"type": DataType.STRING, "length": 2}, [0x4142, 0x4300], "ABC"),
        ({"type": DataType.BCD16}, [0x1234], 1234),
        ({"table": Table.COIL, "type": DataType.BOOL}, [1], True),
    ],
)
def test_good_values(options: dict[str, Any], registers: list[int], value: Value) -> None:
    reading = read(point(5, **options), registers)
    assert reading == Reading("p", value, Quality.GOOD, AT)
    assert type(reading.value) is type(value)


@pytest.mark.parametrize(
    ("options", "registers", "reason"),
    [
        ({"type": DataType.FLOAT32}, [0x7FC0, 0], "not_a_number"),
        ({"type": DataType.FLOAT32, "scale": 2.0}, [0x7F80, 0], "not_a_number"),
        ({"invalid": (0xFFFF,)}, [0xFFFF], "not_available"),
        ({"type": DataType.INT16, "invalid": (0x8000,), "scale": 0.1}, [0x8000], "not_available"),
        ({"type": DataType.INT32, "invalid": (0xFFFFFFFF,)}, [0xFFFF] * 2, "not_available"),
        ({"type": DataType.FLOAT32, "invalid": (0x42C80000,)}, words("f", 100.0), "not_available"),
        ({"type": DataType.FLOAT32, "invalid": (-9999,)}, words("f", -9999.0), "not_available"),
        ({"type": DataType.FLOAT32, "invalid": (99.9,)}, words("f", 99.9), "not_available"),
        ({"type": DataType.FLOAT64, "invalid": (-1,)}, words("d", -1.0), "not_available"),
        ({"type": DataType.FLOAT32, "invalid": (0,)}, [0, 0], "not_available"),
        ({"type": DataType.FLOAT32, "invalid": (0x7FC00000,)}, [0x7FC0, 0], "not_a_number"),
        ({"type": DataType.INT16, "invalid": (-1,)}, [0xFFFF], "not_available"),
        ({"type": DataType.INT64, "invalid": (-(2**63),)}, [0x8000, 0, 0, 0], "not_available"),
        ({"type": DataType.UINT64, "invalid": (2**64 - 1,)}, [0xFFFF] * 4, "not_available"),
        ({"type": DataType.BCD16, "invalid": (0x9999,)}, [0x9999], "not_available"),
        ({"type": DataType.BCD16, "invalid": (0xFFFF,)}, [0xFFFF], "undecodable"),
        (
            {"type": DataType.BITFIELD, "bit": 4, "width": 4, "invalid": (15,)},
            [0xF0],
            "not_available",
        ),
        (
            {"type": DataType.ENUM, "enum": {0: "stopped"}, "invalid": (0xFFFF,)},
            [0xFFFF],
            "not_available",
        ),
        ({"type": DataType.ENUM, "enum": {0: "stopped"}}, [9], "unknown_state"),
        ({"type": DataType.BCD16}, [0x00FA], "undecodable"),
        ({"type": DataType.BCD16, "scale": 0.1}, [0x00FA], "undecodable"),
    ],
)
def test_what_is_no_value_is_bad_with_its_reason(
    options: dict[str, Any], registers: list[int], reason: str
) -> None:
    assert read(point(5, **options), registers) == Reading("p", None, Quality.BAD, AT, reason)


def test_one_undecodable_point_leaves_its_block_good() -> None:
    points = {"a": point(0, type=DataType.BCD16), "b": point(1)}
    readings = compile_block(Block(Table.HOLDING, 0, 2, ("a", "b")), points)([0xFFFF, 7], AT)
    assert [reading.quality for reading in readings] == [Quality.BAD, Quality.GOOD]


@pytest.mark.parametrize(
    ("options", "value", "into", "registers"),
    [
        ({}, 7, 0, [7]),
        ({"scale": 0.1}, 20.5, 0, [205]),
        ({"scale": 0.1, "offset": -50.0, "type": DataType.INT16}, -60.0, 0, [0xFF9C]),
        ({"type": DataType.FLOAT32, "order": Order.CDAB}, 1.0, 0, [0, 0x3F80]),
        ({"type": DataType.BIT, "bit": 3}, True, 0xF0, [0xF8]),
        ({"type": DataType.BIT, "bit": 4}, False, 0xFF, [0xEF]),
        ({"type": DataType.BITFIELD, "bit": 4, "width": 2}, 2, 0xFF, [0xEF]),
        ({"type": DataType.ENUM, "enum": {4: "auto"}}, "auto", 0, [4]),
        ({"type": DataType.BOOL}, True, 0, [1]),
        ({"table": Table.COIL, "type": DataType.BOOL}, True, 0, [1]),
    ],
)
def test_values_become_registers(
    options: dict[str, Any], value: Value, into: int, registers: list[int]
) -> None:
    assert registers_for(point(5, **options), value, into=[into]) == registers


@pytest.mark.parametrize(
    ("options", "value"),
    [({}, 70000), ({}, -1), ({"type": DataType.ENUM, "enum": {0: "off"}}, "on"), ({}, None)],
)
def test_a_value_without_a_code_is_refused(options: dict[str, Any], value: Value) -> None:
    with pytest.raises(CommandError):
        registers_for(point(5, **options), value)
