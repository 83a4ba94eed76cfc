"""The vocabulary of point tables: no word is certain of two things; cells in every form."""

import pytest

from config.load import load_classes
from config.points import DataType, Order, Table
from edge_agent.commissioning.point_table import numbers, places, states, type_words, words
from edge_agent.commissioning.point_table.behaviour import period_s
from edge_agent.commissioning.point_table.headings import read_heading
from edge_agent.commissioning.point_table.naming import Canon
from edge_agent.commissioning.point_table.numbers import POINT, Comma
from edge_agent.commissioning.point_table.places import Written
from edge_agent.commissioning.point_table.qualifiers import Qualifier, qualifier_words
from edge_agent.commissioning.point_table.roles import Role, meanings
from edge_agent.commissioning.point_table.text import CellError, compact
from edge_agent.commissioning.point_table.unit_words import factor_between, unit_in


def test_no_heading_is_certain_of_two_roles() -> None:
    certain = {
        word: [one.role for one in found if one.weight == 3] for word, found in meanings().items()
    }
    assert {word: roles for word, roles in certain.items() if len(roles) > 1} == {}


def test_each_heading_word_is_read_as_itself() -> None:
    for word, found in meanings().items():
        assert set(read_heading(word).roles) >= {one.role for one in found}, word
        assert not read_heading(word).rest, word


def test_each_qualifier_in_brackets_is_read_as_itself() -> None:
    for word, qualifier in qualifier_words().items():
        assert qualifier in read_heading(f"foo ({word})").qualifiers, word


def test_no_name_of_a_class_means_two_of_its_points() -> None:
    for equipment in load_classes().values():
        words_of = [
            (compact(word), name)
            for name, point in equipment.points.items()
            for word in {name, point.name.zh, point.name.en, *point.aliases}
        ]
        canon = Canon.of(equipment).names
        assert [(word, name, canon[word]) for word, name in words_of if canon[word] != name] == []


@pytest.mark.parametrize(
    ("heading", "role"),
    [
        ("寄存器地址", Role.ADDRESS),
        ("寄存器地址(十进制)", Role.ADDRESS),
        ("register_address", Role.ADDRESS),
        ("RegAddr", Role.ADDRESS),
        ("数据类型 Data Type", Role.TYPE),
        ("系数(倍率)", Role.SCALE),
        ("读/写", Role.ACCESS),
        ("R/W", Role.ACCESS),
        ("Slave Address", Role.UNIT_NUMBER),
        ("Division factor", Role.DIVISOR),
        ("Byte order", Role.BYTE_ORDER),
        ("单位", Role.UNIT),
        ("序号", Role.INDEX),
        ("No.", Role.INDEX),
    ],
)
def test_headings_are_understood_in_both_languages(heading: str, role: Role) -> None:
    roles = read_heading(heading).roles
    assert max(roles, key=lambda one: roles[one]) is role


def test_a_heading_keeps_what_it_does_not_understand() -> None:
    heading = read_heading("Address foo (bar)")
    assert (heading.rest, heading.unknown) == ("foo", ("bar",))
    assert read_heading("Modbus Address (1-based)").qualifiers == {Qualifier.ONE_BASED}
    assert read_heading("Length (bytes)").qualifiers == {Qualifier.BYTES}
    assert read_heading("Colour").meanings == ()


def test_a_type_is_put_together_from_its_parts() -> None:
    def kind(text: str, registers: int | None = None) -> DataType:
        return type_words.data_type(type_words.read_type(text), registers)

    for one in type_words.IMPORTED:
        if one is not DataType.BITFIELD:
            assert kind(one.value) is one
    assert kind("INT", 2) is DataType.INT32
    assert kind("有符号", 1) is DataType.INT16
    assert type_words.read_type("uint32 cdab").order is Order.CDAB
    for text in ("16位", "foat", "signed unsigned", "real double string", "32", "hex", "byte 3"):
        with pytest.raises(CellError):
            kind(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100", Written("100")),
        ("0x64", Written("0x64")),
        ("100.3", Written("100", bit=3)),
        ("100.0", Written("100", bit=0, dot=True)),
        ("100-101", Written("100", last="101")),
        ("40001~40002", Written("40001", last="40002")),
        ("100/3", Written("100", bit=3)),
        ("100/101", Written("100", last="101")),
        ("100 (0x64)", Written("100", again="0x64")),
        ("100 bit 3", Written("100", bit=3)),
    ],
)
def test_addresses_are_read_as_they_are_written(text: str, expected: Written) -> None:
    assert places.written(text) == expected


@pytest.mark.parametrize("text", ["", "100.16", "0/1", "MW100", "VW10", "一百", "40,001", "1;2;3"])
def test_addresses_with_two_meanings_or_none_are_refused(text: str) -> None:
    with pytest.raises(CellError, match=r"got|PLC"):
        places.written(text)


@pytest.mark.parametrize(
    ("text", "factor"),
    [("0.1", 0.1), ("1/10", 0.1), ("÷10", 0.1), ("x0.1", 0.1), ("*10", 10), ("10^-2", 0.01)],
)
def test_factors_are_numbers_fractions_and_signs(text: str, factor: float) -> None:
    assert numbers.factor(text, POINT).value == pytest.approx(factor)


@pytest.mark.parametrize("text", ["1/0", "--", "1..2", "0", "10倍", "1:10", "0,1", "x", "1,00"])
def test_factors_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(CellError):
        numbers.factor(text, POINT)


def test_a_comma_is_a_decimal_comma_only_where_it_can_be_nothing_else() -> None:
    assert numbers.number("1,000", POINT) == 1000
    assert numbers.number("1,5", Comma(decimal=True, seen=False)) == 1.5
    assert numbers.number("1,000", Comma(decimal=True, seen=True)) == 1
    for text, comma in (
        ("1,5", POINT),
        ("1,000", Comma(decimal=True, seen=False)),
        ("1.000", Comma(decimal=True, seen=True)),
    ):
        with pytest.raises(CellError):
            numbers.number(text, comma)


def test_words_of_tables_orders_and_access() -> None:
    function = {Qualifier.FUNCTION}
    tables = {"03": "holding", "4": "input", "0x02": "discrete", "03/06": "holding", "线圈": "coil"}
    assert {text: words.table(text, function).table.value for text in tables} == tables
    assert words.table("03/06", function).writes
    zones = {"4区": "holding", "3X区": "input", "1区": "discrete", "0区": "coil", "4x": "holding"}
    assert {text: words.table(text).table.value for text in zones} == zones
    assert words.table_in("4区 保持寄存器") is Table.HOLDING
    assert words.table_in("离散输入 DI (FC02)") is Table.DISCRETE
    assert words.table_in("1#泵") is None
    assert [words.writable(text) for text in ("R", "R/W", "只读", "读写")] == [False, True] * 2
    for text in ("9", "03/04", "x"):
        with pytest.raises(CellError):
            words.table(text, function)


def test_states_in_every_form_and_none_with_a_number_in_a_word() -> None:
    wanted = {0: "停机", 1: "运行"}
    for text in ("0:停机 1:运行", "0-停机;1-运行", "0=停机/1=运行", "停机=0,运行=1", "0停机 1运行"):
        assert states.states(text) == wanted, text
    assert states.states("-1=fault,0=off") == {-1: "fault", 0: "off"}
    for text in ("0=停机1=运行", "0=a;0=b", "0=", "abc", "bit0:过压 bit1:欠压"):
        with pytest.raises(CellError):
            states.states(text)


def test_periods_and_units() -> None:
    texts = ("5", "5s", "500ms", "1min", "2分钟")
    assert [period_s(text) for text in texts] == [5, 5, 0.5, 60, 120]
    units = ("℃", "KPa", "m3/h", "KW", "MW", "个")
    assert [unit_in(text)[0] for text in units] == ["°C", "kPa", "m³/h", "kW", "MW", "个"]
    assert not unit_in("mw")[1]
    assert factor_between("MPa", "kPa") == 1000
    assert factor_between("MPa", "°C") is None
