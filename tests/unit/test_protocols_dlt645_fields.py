"""Values of meters: bytes to a value and back, and what is refused."""

import math
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.codes import Edition, error_words
from protocols.dlt645.commands import Password, RelayCommand, relay, write
from protocols.dlt645.fields import Field, Kind
from protocols.dlt645.frames import ANY, BROADCAST, Frame, address_fits
from protocols.dlt645.identifiers import item
from protocols.dlt645.requests import read, read_next
from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Value

CURRENT = Field(Kind.NUMBER, 3, 3, "A", signed=True)
ENERGY = Field(Kind.NUMBER, 4, 2, "kWh")


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        (ENERGY, "67452301", 12345.67),
        (ENERGY, "99999999", 999999.99),
        (CURRENT, "994980", -4.999),
        (CURRENT, "999979", 799.999),
        (CURRENT, "000080", 0.0),
        (CURRENT, "ffffff", None),
        (Field(Kind.NUMBER, 2), "0001", 100),
        (Field(Kind.BITS, 2), "5a1f", 0x1F5A),
        (Field(Kind.BITS, 2), "ffff", 0xFFFF),
        (Field(Kind.DIGITS, 6), "120000001020", "201000000012"),
        (Field(Kind.TEXT, 6), "000056303232", "220V"),
        (Field(Kind.TEXT, 6, reversed_text=False), "323230560000", "220V"),
        (Field(Kind.DATE, 4), "00291126", "2026-11-29"),
        (Field(Kind.DATE, 4, sunday=7), "07291126", "2026-11-29"),
        (Field(Kind.DATE, 4), "00000000", None),
        (Field(Kind.TIME, 3), "054006", "06:40:05"),
        (Field(Kind.TIME, 2), "4006", "06:40:00"),
        (Field(Kind.DATE_TIME, 5), "4006291126", "2026-11-29T06:40:00"),
        (Field(Kind.DATE_TIME, 6), "054006291126", "2026-11-29T06:40:05"),
    ],
)
def test_bytes_are_this_value(field: Field, raw: str, value: Value) -> None:
    data = bytes.fromhex(raw)
    assert field.decode(data) == value
    if value not in {None, 0.0}:
        assert field.encode(value) == data


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        (ENERGY, "0a000000"),
        (ENERGY, "000000"),
        (ENERGY, "ffffff00"),
        (CURRENT, "0000fa"),
        (Field(Kind.DATE, 4), "00321126"),
        (Field(Kind.TIME, 3), "006006"),
        (Field(Kind.DATE_TIME, 5), "4025291126"),
        (Field(Kind.TEXT, 2), "8041"),
        (Field(Kind.TEXT, 2), "0a41"),
        (Field(Kind.DIGITS, 2), "0a41"),
    ],
)
def test_bytes_that_are_no_value(field: Field, raw: str) -> None:
    with pytest.raises(FrameError):
        field.decode(bytes.fromhex(raw))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (ENERGY, -0.01),
        (ENERGY, 1e6),
        (ENERGY, 1e305),
        (ENERGY, 10**400),
        (ENERGY, math.inf),
        (ENERGY, math.nan),
        (ENERGY, "12"),
        (ENERGY, True),
        (CURRENT, -800),
        (CURRENT, 800),
        (Field(Kind.BITS, 1), 256),
        (Field(Kind.BITS, 1), -1),
        (Field(Kind.BITS, 1), None),
        (Field(Kind.DIGITS, 6), "20100000012"),
        (Field(Kind.DIGITS, 6), "20100000001A"),
        (Field(Kind.DIGITS, 6), 201000000012),
        (Field(Kind.TEXT, 2), "220"),
        (Field(Kind.TEXT, 2), "é"),
        (Field(Kind.DATE, 4), "2026-02-30"),
        (Field(Kind.DATE, 4), "1999-12-31"),
        (Field(Kind.DATE, 4), 5),
        (Field(Kind.TIME, 3), "24:00:00"),
        (Field(Kind.TIME, 3), "06:40:05+08:00"),
        (Field(Kind.DATE_TIME, 6), "2026-11-29"),
    ],
)
def test_values_that_do_not_fit(field: Field, value: Any) -> None:
    with pytest.raises(ValueRangeError):
        field.encode(value)


@given(number=st.integers(-799999, 799999), decimals=st.integers(0, 5))
def test_each_number_comes_back(number: int, decimals: int) -> None:
    field = Field(Kind.NUMBER, 3, decimals, signed=True)
    value = number / 10**decimals if decimals else number
    assert field.decode(field.encode(value)) == value


@pytest.mark.parametrize(
    ("kind", "size", "decimals"),
    [(Kind.NUMBER, 0, 0), (Kind.NUMBER, 65, 0), (Kind.DATE, 2, 0), (Kind.NUMBER, 2, 9)],
)
def test_layouts_that_do_not_exist(kind: Kind, size: int, decimals: int) -> None:
    with pytest.raises(ValueRangeError, match="allowed"):
        Field(kind, size, decimals)


@pytest.mark.parametrize(
    ("asked", "answering", "fits"),
    [
        ("201000000012", "201000000012", True),
        ("201000000012", "201000000013", False),
        ("201000000012", ANY, False),
        (ANY, "201000000012", True),
        ("AAAAAAAAAA12", "201000000012", True),
        ("AAAAAAAAAA13", "201000000012", False),
    ],
)
def test_a_wildcard_stands_for_leading_digits(asked: str, answering: str, *, fits: bool) -> None:
    assert address_fits(asked, answering) is fits


@pytest.mark.parametrize(
    "address",
    [
        "",
        "20100000001",
        "2010000000123",
        "2010000000AA",
        "20100000001A",
        "A01000000012",
        "\uff12" * 12,
    ],
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ValueRangeError, match="allowed: 12 digits"):
        read(address, 0x00010000)
    with pytest.raises(ValueRangeError):
        Frame(address, 0x11).encode()


@pytest.mark.parametrize("address", [ANY, BROADCAST, "AAAAAA000012"])
def test_a_command_goes_to_one_meter(address: str) -> None:
    until = datetime(2026, 11, 29)  # noqa: DTZ001 (as a meter shows it)
    with pytest.raises(ValueRangeError, match="one meter"):
        relay(
            address,
            RelayCommand.TRIP,
            password=Password(2, "123456"),
            operator="00000000",
            valid_until=until,
        )
    with pytest.raises(ValueRangeError, match="one meter"):
        write(address, 0x04000101, b"", password=Password(2, "123456"))


@pytest.mark.parametrize("digits", ["", "12345", "1234567", "12345a"])
def test_a_wrong_password_is_not_repeated(digits: str) -> None:
    with pytest.raises(ValueRangeError, match="six digits") as refused:
        write("201000000012", 1, b"", password=Password(2, digits))
    assert not digits or digits not in str(refused.value)
    assert digits == "" or digits not in repr(Password(2, digits))


def test_the_body_of_a_command_is_not_shown() -> None:
    request = write("201000000012", 0x04000101, b"\x01", password=Password(2, "123456"))
    assert "563412" not in repr(request).replace("\\x", "")
    assert request.body.hex() == "02563412" + "00000000" + "01"


@pytest.mark.parametrize("sequence", [0, 256, -1])
def test_a_follow_on_frame_has_a_number(sequence: int) -> None:
    with pytest.raises(ValueRangeError, match=r"1\.\.255"):
        read_next("201000000012", 1, sequence)


@pytest.mark.parametrize(
    ("edition", "data", "words"),
    [
        (Edition.E2007, "02", ("no_such_data",)),
        (Edition.E2007, "04", ("not_authorised",)),
        (Edition.E2007, "03", ("other_error", "no_such_data")),
        (Edition.E2007, "00", ("unspecified",)),
        (Edition.E2007, "", ("unspecified",)),
        (Edition.E2007, "0401", ("not_authorised",)),
        (Edition.E1997, "01", ("illegal_data",)),
        (Edition.E1997, "ff", None),
    ],
)
def test_a_refusal_in_words(edition: Edition, data: str, words: tuple[str, ...] | None) -> None:
    found = error_words(edition, bytes.fromhex(data))
    assert found == words if words else len(found) == 8


@pytest.mark.parametrize(
    ("edition", "identifier", "labels"),
    [
        (Edition.E2007, 0x00010100, ("import_energy_t1",)),
        (Edition.E2007, 0x00013F0C, ("import_energy_t63_settlement_12",)),
        (Edition.E2007, 0x0203FF00, ("active_power", "active_power_l1", "active_power_l2")),
        (Edition.E2007, 0x01010000, ("import_demand", "import_demand_at")),
        (Edition.E2007, 0x00014000, None),
        (Edition.E2007, 0x0001000D, None),
        (Edition.E2007, 0x0001FFFF, None),
        (Edition.E2007, 0x02010000, None),
        (Edition.E2007, 0x9010, None),
        (Edition.E1997, 0x901E, ("import_energy_t14",)),
        (Edition.E1997, 0xB610, None),
        (Edition.E1997, 0x00010000, None),
    ],
)
def test_an_identifier_means_this(
    edition: Edition, identifier: int, labels: tuple[str, ...] | None
) -> None:
    found = item(edition, identifier)
    assert (None if found is None else found.labels[: len(labels or ())]) == labels


def test_a_block_of_1997_may_end_with_aa() -> None:
    block = item(Edition.E1997, 0x901F)
    assert block is not None
    data = bytes.fromhex("01000000") * 5
    assert block.decode(data + b"\xaa") == block.decode(data) == (0.01,) * 5
    assert len(block.decode(data[:8])) == 2
    for wrong in (data + b"\xab", b"", data * 4, data[:7]):
        with pytest.raises(FrameError):
            block.decode(wrong)
