"""Addresses of M-Bus slaves: primary (one byte) and secondary (eight bytes)."""

from dataclasses import dataclass
from typing import Final

from protocols.errors import FrameError, ValueRangeError

LAST_PRIMARY: Final = 250
SELECTED: Final = 253
"""The slave that was selected by its secondary address."""
ANY: Final = 254
"""Every slave answers: only where one is on the line."""
BROADCAST: Final = 255
"""Every slave acts, none answers."""

SECONDARY_BYTES: Final = 8
ID_DIGITS: Final = 8
WILD_DIGIT: Final = "F"
_ANY_MAKER: Final = 0xFFFF
_ANY_BYTE: Final = 0xFF
_ANYTHING: Final = WILD_DIGIT * ID_DIGITS
_HEX_DIGITS: Final = frozenset("0123456789ABCDEF")
_LETTERS: Final = 3
_LETTER_BITS: Final = 5


def check_primary(address: int) -> int:
    """Return an address that a slave can be asked by.

    Raises:
        ValueRangeError: It is none.
    """
    if 0 <= address <= LAST_PRIMARY or address in {SELECTED, ANY}:
        return address
    raise ValueRangeError(
        f"primary address {address}: 0..{LAST_PRIMARY}, {SELECTED} (selected) and {ANY} (the only "
        "slave of a line) are allowed"
    )


MEDIA: Final = {
    0: "other",
    1: "oil",
    2: "electricity",
    3: "gas",
    4: "heat",
    5: "steam",
    6: "hot water",
    7: "water",
    8: "heat cost allocator",
    9: "compressed air",
    10: "cooling (return)",
    11: "cooling (supply)",
    12: "heat (supply)",
    13: "heat and cooling",
    14: "bus",
    21: "hot water of 90 degC",
    22: "cold water",
    23: "hot and cold water",
    24: "pressure",
}
"""Names of media, for messages."""


@dataclass(frozen=True, slots=True)
class SecondaryAddress:
    """Identification, maker, version and medium; F, FFFFH and FFH are wildcards.

    Attributes:
        identification: Eight digits as printed on the meter; F: any digit.
        maker: Code of three letters, see ``maker_code``; FFFFH: any.
        version: 0..255; 255: any.
        medium: 0..255, 4 heat, 6 hot water, 7 water; 255: any.
    """

    identification: str
    maker: int = _ANY_MAKER
    version: int = _ANY_BYTE
    medium: int = _ANY_BYTE

    def encode(self) -> bytes:
        """Return its eight bytes.

        Raises:
            ValueRangeError: A part does not fit its place.
        """
        digits = self.identification
        if len(digits) != ID_DIGITS or not _HEX_DIGITS.issuperset(digits):
            raise ValueRangeError(
                f"identification {digits!r}: {ID_DIGITS} digits are allowed, F for any digit"
            )
        if not 0 <= self.maker <= _ANY_MAKER:
            raise ValueRangeError(f"maker {self.maker}: 0..{_ANY_MAKER} are allowed")
        if not (0 <= self.version <= _ANY_BYTE and 0 <= self.medium <= _ANY_BYTE):
            raise ValueRangeError("version and medium are one byte each")
        tail = bytes((self.version, self.medium))
        return bytes.fromhex(digits)[::-1] + self.maker.to_bytes(2, "little") + tail

    def selects(self, other: "SecondaryAddress") -> bool:
        """Whether a slave of that address is selected by this one."""
        digits = zip(self.identification, other.identification, strict=False)
        return (
            all(mine in {WILD_DIGIT, its} for mine, its in digits)
            and self.maker in {_ANY_MAKER, other.maker}
            and self.version in {_ANY_BYTE, other.version}
            and self.medium in {_ANY_BYTE, other.medium}
        )

    @property
    def is_wild(self) -> bool:
        """Whether it may select several slaves by their identifications."""
        return WILD_DIGIT in self.identification

    @property
    def text(self) -> str:
        """It as people write it: without maker, version and medium where they may be any."""
        return str(self).removesuffix(_ANYTHING)

    def __str__(self) -> str:
        return f"{self.identification}{self.encode()[4:].hex().upper()}"


def decode_secondary(data: bytes) -> SecondaryAddress:
    """Return the address in eight bytes.

    Raises:
        FrameError: There are fewer.
    """
    if len(data) < SECONDARY_BYTES:
        raise FrameError(f"{len(data)} bytes; a secondary address has {SECONDARY_BYTES}")
    return SecondaryAddress(
        identification=data[:4][::-1].hex().upper(),
        maker=int.from_bytes(data[4:6], "little"),
        version=data[6],
        medium=data[7],
    )


def parse_secondary(text: str) -> SecondaryAddress:
    """Return the address that is written as 8 or 16 digits.

    Args:
        text: Identification as printed; then, or wildcards, maker, version and medium as they
            follow on the wire: ``24351689`` or ``24351689FFFFFFFF``.

    Raises:
        ValueRangeError: It is none.
    """
    digits = text.upper()
    if len(digits) not in {ID_DIGITS, 2 * SECONDARY_BYTES} or not _HEX_DIGITS.issuperset(digits):
        raise ValueRangeError(
            f"secondary address {text!r}: {ID_DIGITS} digits of the identification are allowed, F "
            f"for any digit, or {2 * SECONDARY_BYTES} with maker, version and medium as they "
            "follow on the wire"
        )
    data = bytes.fromhex(digits.ljust(2 * SECONDARY_BYTES, WILD_DIGIT))
    return decode_secondary(data[:4][::-1] + data[4:])


def maker_letters(code: int) -> str:
    """Return the three letters of a maker's code, or its four digits when they are none."""
    letters = "".join(
        chr(64 + (code >> shift & 31)) for shift in (2 * _LETTER_BITS, _LETTER_BITS, 0)
    )
    return letters if letters.isalpha() and maker_code(letters) == code else f"{code:04X}"


def maker_code(letters: str) -> int:
    """Return the code of three capital letters, as the FLAG association gives them.

    Raises:
        ValueRangeError: These are none.
    """
    if len(letters) != _LETTERS or not all("A" <= letter <= "Z" for letter in letters):
        raise ValueRangeError(f"maker {letters!r}: three letters A..Z are allowed")
    first, second, third = (ord(letter) - 64 for letter in letters)
    return first << 2 * _LETTER_BITS | second << _LETTER_BITS | third
