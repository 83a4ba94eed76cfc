"""Telegrams with variable data (EN 13757-3): bytes to header and data blocks (pure).

What a block means is left to the decoder of records; here is how long it is, and whether another
telegram follows.
"""

from dataclasses import dataclass, replace
from typing import Final

from protocols.errors import FrameError
from protocols.mbus.addresses import SECONDARY_BYTES, SecondaryAddress, decode_secondary
from protocols.mbus.frames import LongFrame
from protocols.mbus.record import Function

CI_VARIABLE: Final = 0x72
CI_VARIABLE_HIGH_FIRST: Final = 0x76
CI_VARIABLE_SHORT: Final = 0x78
"""Variable data without a header."""
CI_FIXED: Final = (0x73, 0x77)
CI_ERROR: Final = 0x70
CI_ALARM: Final = 0x71
HEADER_BYTES: Final = 12

MAKER_SPECIFIC: Final = 0x0F
MORE_FOLLOWS: Final = 0x1F
FILLER: Final = 0x2F
EXTENSION: Final = 0x80
_PLAIN_TEXT_VIF: Final = 0x7C
_MOST_EXTENSIONS: Final = 10
_VARIABLE_LENGTH: Final = 0x0D
_DATA_BYTES: Final = (0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, 0, 6, 0)
"""By the low four bits of the DIF; variable length is said by the first byte of the data."""
_FIRST_NUMBER_LVAR: Final = 0xC0
"""Below it: so many letters; from it on: BCD, binary and floating, the low four bits are bytes."""
_LARGEST_LVAR: Final = 0xFA
_AES_CBC: Final = 5
_AES_BLOCK: Final = 16


@dataclass(frozen=True, slots=True)
class Header:
    """The fixed header of a telegram.

    Attributes:
        slave: Secondary address of whoever sent it.
        access: Access number, one more in each telegram.
        status: Bits 0, 1: application busy or error; 2: power low; 3: permanent, 4: temporary
            error; the rest is the maker's.
        signature: Not 0: encrypted, except for meters older than encryption.
    """

    slave: SecondaryAddress
    access: int = 0
    status: int = 0
    signature: int = 0

    def encode(self) -> bytes:
        """Return its twelve bytes."""
        tail = bytes((self.access & 0xFF, self.status)) + self.signature.to_bytes(2, "little")
        return self.slave.encode() + tail


@dataclass(frozen=True, slots=True)
class Block:
    """One data block without its meaning.

    Attributes:
        dib: DIF and DIFEs.
        vib: VIF and VIFEs, the text of a plain text VIF left out.
        data: Its bytes, the lowest first.
        text: Of a plain text VIF, the last letter first.
    """

    dib: bytes
    vib: bytes
    data: bytes
    text: bytes = b""

    @property
    def storage(self) -> int:
        """Storage number; 0: now."""
        number = self.dib[0] >> 6 & 1
        for at, extension in enumerate(self.dib[1:]):
            number |= (extension & 0x0F) << 1 + 4 * at
        return number

    @property
    def tariff(self) -> int:
        """Tariff; 0: total."""
        return sum((extension >> 4 & 3) << 2 * at for at, extension in enumerate(self.dib[1:]))

    @property
    def subunit(self) -> int:
        """Part of the device."""
        return sum((extension >> 6 & 1) << at for at, extension in enumerate(self.dib[1:]))

    @property
    def function(self) -> Function:
        """Which value of the quantity."""
        return FUNCTIONS[self.dib[0] >> 4 & 3]

    @property
    def coding(self) -> int:
        """Low four bits of the DIF."""
        return self.dib[0] & 0x0F


@dataclass(frozen=True, slots=True)
class Telegram:
    """An answer of a slave with variable data.

    Attributes:
        header: None: sent without one (CI 78H).
        blocks: Its data blocks.
        more: Whether another telegram follows.
    """

    header: Header | None
    blocks: tuple[Block, ...]
    more: bool


def decode_header(frame: LongFrame) -> Header | None:
    """Return the header of an answer; None: it is sent without one.

    Raises:
        FrameError: It carries no variable data.
    """
    information, data = frame.information, frame.data
    if information == CI_VARIABLE_SHORT:
        return None
    if information not in {CI_VARIABLE, CI_VARIABLE_HIGH_FIRST, *CI_FIXED}:
        raise FrameError(f"{_named(information)}: {data.hex(' ').upper()}")
    if information in CI_FIXED:
        raise FrameError(f"fixed data structure (CI {information:02X}H): {data.hex(' ').upper()}")
    if len(data) < HEADER_BYTES:
        raise FrameError(f"{len(data)} bytes; the header has {HEADER_BYTES}")
    slave, tail = data[:SECONDARY_BYTES], data[SECONDARY_BYTES:HEADER_BYTES]
    if information == CI_VARIABLE_HIGH_FIRST:
        slave = slave[3::-1] + slave[5:3:-1] + slave[6:]
        tail = tail[:2] + tail[:1:-1]
    return Header(decode_secondary(slave), tail[0], tail[1], int.from_bytes(tail[2:], "little"))


def decode_telegram(frame: LongFrame) -> Telegram:
    """Return header and blocks of an answer.

    Raises:
        FrameError: It carries no variable data, is encrypted, or a block is cut.
    """
    header = decode_header(frame)
    data = frame.data[HEADER_BYTES if header else 0 :]
    if header is not None and _is_encrypted(header.signature, len(data)):
        raise FrameError("encrypted (mode 5)")
    blocks: list[Block] = []
    at = 0
    while at < len(data):
        if data[at] == FILLER:
            at += 1
            continue
        if data[at] in {MAKER_SPECIFIC, MORE_FOLLOWS}:
            blocks.append(Block(data[at : at + 1], b"", data[at + 1 :]))
            return Telegram(header, tuple(blocks), more=data[at] == MORE_FOLLOWS)
        block, at = _block(data, at)
        if frame.information == CI_VARIABLE_HIGH_FIRST:
            block = replace(block, data=block.data[::-1])
        blocks.append(block)
    return Telegram(header, tuple(blocks), more=False)


def _is_encrypted(signature: int, size: int) -> bool:
    """Whether the signature says so; meters older than encryption have other things there."""
    blocks = signature >> 4 & 0x0F
    return signature >> 8 & 0x1F == _AES_CBC and 0 < blocks * _AES_BLOCK <= size


def _block(data: bytes, at: int) -> tuple[Block, int]:
    dib = _chain(data, at)
    at += len(dib)
    vib, text, at = _value_information(data, at)
    size = _DATA_BYTES[dib[0] & 0x0F]
    if dib[0] & 0x0F == _VARIABLE_LENGTH:
        size = _variable_size(data[at : at + 1])
        at += 1
    if at + size > len(data):
        raise FrameError(f"the block {dib.hex(' ').upper()} is cut")
    return Block(dib, vib, data[at : at + size], text), at + size


def _value_information(data: bytes, at: int) -> tuple[bytes, bytes, int]:
    """Return VIF and VIFEs, the text of a plain text VIF, and where the data begin."""
    first = data[at : at + 1]
    if not first or first[0] & ~EXTENSION != _PLAIN_TEXT_VIF:
        vib = _chain(data, at)
        return vib, b"", at + len(vib)
    # The length of the text stands behind the VIF, the extensions behind the text.
    size = data[at + 1] if at + 1 < len(data) else 0
    end = at + 2 + size
    extensions = _chain(data, end) if first[0] & EXTENSION else b""
    return first + extensions, data[at + 2 : end], end + len(extensions)


def _chain(data: bytes, at: int) -> bytes:
    """Return an information byte and its extensions."""
    for end in range(at, min(len(data), at + 1 + _MOST_EXTENSIONS)):
        if not data[end] & EXTENSION:
            return data[at : end + 1]
    raise FrameError("information bytes are cut, or more than ten extensions follow one")


def _variable_size(length: bytes) -> int:
    """Return the bytes of data of variable length."""
    if not length or length[0] > _LARGEST_LVAR:
        raise FrameError(f"length {length.hex().upper() or 'missing'} of variable data")
    return length[0] if length[0] < _FIRST_NUMBER_LVAR else length[0] & 0x0F


def _named(information: int) -> str:
    names = {CI_ERROR: "application error", CI_ALARM: "alarm"}
    return f"{names.get(information, 'no answer with records')} (CI {information:02X}H)"


FUNCTIONS: Final = (
    Function.INSTANTANEOUS,
    Function.MAXIMUM,
    Function.MINIMUM,
    Function.ERROR_STATE,
)
