"""Heads and cells of point tables as integrators write them."""

import pytest

from config.points import DataType, Order, Table
from edge_agent.commissioning import cells
from edge_agent.commissioning.cells import CellError, Numbering, Place
from edge_agent.commissioning.columns import meaning
from edge_agent.commissioning.synonyms import Column


@pytest.mark.parametrize(
    ("head", "column"),
    [
        ("寄存器地址", Column.ADDRESS),
        ("寄存器地址(十进制)", Column.ADDRESS),
        ("Modbus Address", Column.ADDRESS),
        ("register_address", Column.ADDRESS),
        ("数据类型 Data Type", Column.TYPE),
        ("系数(倍率)", Column.SCALE),
        ("读/写", Column.ACCESS),
        ("R/W", Column.ACCESS),
        ("字节序", Column.ORDER),
        ("Byte order", Column.ORDER),
        ("单位", Column.UNIT),
        ("序号", None),
        ("No.", None),
    ],
)
def test_heads_are_understood_in_both_languages(head: str, column: Column | None) -> None:
    assert meaning(head) is column


@pytest.mark.parametrize(
    ("text", "numbering", "place"),
    [
        ("100", "pdu", Place(100)),
        ("0x0064", "pdu", Place(100)),
        ("0064H", "pdu", Place(100)),
        ("100.0", "pdu", Place(100)),
        ("\uff11\uff10\uff10", "pdu", Place(100)),
        ("100.12", "pdu", Place(100, bit=12)),
        ("100-101", "pdu", Place(100, registers=2)),
        ("100~103", "pdu", Place(100, registers=4)),
        ("1", "one-based", Place(0)),
        ("40001", "modicon", Place(0, Table.HOLDING)),
        ("400001", "modicon", Place(0, Table.HOLDING)),
        ("30011", "modicon", Place(10, Table.INPUT)),
        ("10001", "modicon", Place(0, Table.DISCRETE)),
        ("00001", "modicon", Place(0, Table.COIL)),
        ("4x0017", "modicon", Place(16, Table.HOLDING)),
        ("40001.3", "modicon", Place(0, Table.HOLDING, bit=3)),
    ],
)
def test_addresses_are_read_as_they_are_written(
    text: str, numbering: Numbering, place: Place
) -> None:
    assert cells.parse_place(text, numbering) == place


@pytest.mark.parametrize(
    ("text", "numbering"),
    [
        ("", "pdu"),
        ("70000", "pdu"),
        ("0", "one-based"),
        ("100", "modicon"),
        ("50001", "modicon"),
        ("40000", "modicon"),
        ("1.16", "pdu"),
        ("10-9", "pdu"),
        ("40x07", "pdu"),
        ("一百", "pdu"),
    ],
)
def test_addresses_that_are_none_are_refused(text: str, numbering: Numbering) -> None:
    with pytest.raises(CellError, match="got"):
        cells.parse_place(text, numbering)


def test_words_of_types_orders_tables_and_access() -> None:
    types = {"浮点数": "float32", "UINT": "uint16", "Unsigned 16": "uint16", "32位有符号": "int32"}
    assert {text: cells.parse_type(text).value for text in types} == types
    assert cells.parse_type("REAL") is DataType.FLOAT32
    assert [cells.parse_order(text) for text in ("3412", "小端", "AB CD", "低字在前")] == [
        Order.CDAB,
        Order.DCBA,
        Order.ABCD,
        Order.CDAB,
    ]
    tables = ("03", "4", "0x02", "FC3", "03H", "03/06", "线圈", "保持寄存器", "4x", "3X区")
    assert [cells.parse_table(text).value for text in tables] == [
        *("holding", "input", "discrete", "holding", "holding", "holding", "coil", "holding"),
        *("holding", "input"),
    ]
    assert [cells.parse_access(text) for text in ("R", "R/W", "只读", "读写")] == [
        False,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.1", 0.1),
        ("1/10", 0.1),
        ("÷10", 0.1),
        ("x0.1", 0.1),
        ("*10", 10),
        ("-5", -5),
        ("1e-3", 1e-3),
    ],
)
def test_factors_are_numbers_fractions_and_signs(text: str, number: float) -> None:
    assert cells.parse_number(text) == pytest.approx(number)


def test_what_no_parser_understands_says_what_is_allowed() -> None:
    for parser, allowed in (
        (cells.parse_type, "expected one of bool"),
        (cells.parse_order, "expected ABCD"),
        (cells.parse_table, "expected coil"),
        (cells.parse_access, "expected R, RW"),
        (cells.parse_number, "expected a number"),
        (cells.parse_states, "expected states"),
        (cells.parse_period, "expected seconds"),
    ):
        with pytest.raises(CellError, match=allowed):
            parser("???")
    for number in ("1/0", "", "--", "1..2"):
        with pytest.raises(CellError):
            cells.parse_number(number)


def test_states_periods_and_units() -> None:
    assert cells.parse_states("0=停止\uff1b1\uff1a运行") == {0: "停止", 1: "运行"}
    periods = ("5", "5s", "500ms", "1min", "2分钟")
    assert [cells.parse_period(text) for text in periods] == [5, 5, 0.5, 60, 120]
    units = ("℃", "KPa", "m3/h", "KW", "个")
    assert [cells.parse_unit(text) for text in units] == ["°C", "kPa", "m³/h", "kW", "个"]
