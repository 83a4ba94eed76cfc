"""The simulated slave: request PDU in, reply PDU out."""

import pytest

from simulators.errors import IllegalRequestError
from simulators.slave import Bank, RegisterSpace, answer


def _bits(space: RegisterSpace, bank: Bank, address: int, packed: str, count: int) -> None:
    value = int.from_bytes(bytes.fromhex(packed), "little")
    space.banks[bank].update({address + k: value >> k & 1 for k in range(count)})


@pytest.fixture
def space() -> RegisterSpace:
    """Registers of the specification's examples, and a few more around them."""
    space = RegisterSpace()
    _bits(space, Bank.COIL, 19, "CD6B05", 19)
    space.banks[Bank.COIL][0xAC] = 0
    _bits(space, Bank.DISCRETE, 196, "ACDB35", 22)
    space.banks[Bank.HOLDING].update({1: 0, 2: 0, 107: 0x022B, 108: 0, 109: 0x64})
    space.banks[Bank.HOLDING].update(dict.fromkeys(range(1000, 1130), 7))
    space.banks[Bank.HOLDING][0xFFFF] = 9
    space.banks[Bank.INPUT][8] = 10
    return space


@pytest.mark.parametrize(
    ("request_pdu", "reply_pdu"),
    [
        ("0100130013", "0103CD6B05"),
        ("0200C40016", "0203ACDB35"),
        ("03006B0003", "0306022B00000064"),
        ("0400080001", "0402000A"),
        ("0500ACFF00", "0500ACFF00"),
        ("0600010003", "0600010003"),
        ("0F0013000A02CD01", "0F0013000A"),
        ("100001000204000A0102", "1000010002"),
        ("03FFFF0001", "03020009"),
    ],
)
def test_examples_of_the_specification(
    space: RegisterSpace, request_pdu: str, reply_pdu: str
) -> None:
    assert answer(space, bytes.fromhex(request_pdu)).hex().upper() == reply_pdu


@pytest.mark.parametrize(
    ("request_pdu", "reply_pdu"),
    [
        ("0700", "8701"),
        ("2B0E0100", "AB01"),
        ("", "8001"),
        ("03006B0004", "8302"),
        ("0300000001", "8302"),
        ("03FFFF0002", "8302"),
        ("04006B0001", "8402"),
        ("0600050001", "8602"),
        ("0500050000", "8502"),
        ("10006C000306000100020003", "9002"),
        ("03006B0000", "8303"),
        ("0303E8007E", "8303"),
        ("01001307D1", "8103"),
        ("03006B", "8303"),
        ("0500AC0001", "8503"),
        ("1003E8007C", "9003"),
        ("100001000203000A01", "9003"),
        ("100001000204000A01", "9003"),
        ("0F0013000A01CD", "8F03"),
    ],
)
def test_refusals_carry_the_right_exception(
    space: RegisterSpace, request_pdu: str, reply_pdu: str
) -> None:
    assert answer(space, bytes.fromhex(request_pdu)).hex().upper() == reply_pdu


def test_125_registers_are_read_and_123_are_written(space: RegisterSpace) -> None:
    assert answer(space, bytes.fromhex("0303E8007D")) == b"\x03\xfa" + b"\x00\x07" * 125
    write = bytes.fromhex("1003E8007BF6") + b"\x00\x08" * 123
    assert answer(space, write) == write[:5]
    assert space.banks[Bank.HOLDING][1122] == 8
    assert space.banks[Bank.HOLDING][1123] == 7


def test_a_write_over_a_hole_changes_nothing(space: RegisterSpace) -> None:
    before = dict(space.banks[Bank.HOLDING])
    assert answer(space, bytes.fromhex("10006D000204000100 02".replace(" ", ""))) == b"\x90\x02"
    assert space.banks[Bank.HOLDING] == before


def test_written_coils_are_read_back(space: RegisterSpace) -> None:
    answer(space, bytes.fromhex("0F0013000A02CD01"))
    assert [space.banks[Bank.COIL][19 + k] for k in range(10)] == [1, 0, 1, 1, 0, 0, 1, 1, 1, 0]


def test_a_space_can_refuse_with_device_failure() -> None:
    class Broken(RegisterSpace):
        def read(self, bank: Bank, address: int, count: int) -> list[int]:
            del bank, address, count
            raise IllegalRequestError(4)

    assert answer(Broken(), bytes.fromhex("0300000001")) == b"\x83\x04"
