"""What is asked of a meter, and which frames are the answer to it (pure)."""

from dataclasses import dataclass, field
from typing import Final

from protocols.dlt645 import codes
from protocols.dlt645.codes import FUNCTIONS, IDENTIFIER_BYTES, Edition
from protocols.dlt645.frames import (
    ANY,
    BROADCAST,
    Frame,
    address_fits,
    checked_address,
    frame_bytes,
)
from protocols.errors import FrameError, ValueRangeError

_METER_NUMBER: Final = 0xC032
_ADDRESS_BYTES: Final = 6


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        address: Meter address, or a wildcard where there is one meter.
        edition: Edition that the meter speaks.
        function: Function code.
        identifier: Data identifier that an answer repeats; None: the answer has none.
        body: What follows the identifier.
        sequence: Number of the follow-on frame, 1..255, that an answer repeats; 0: none.
        writes: Asking it twice is not the same as asking it once.
    """

    address: str
    edition: Edition
    function: int
    identifier: int | None = None
    body: bytes = field(default=b"", repr=False)  # may hold a password
    sequence: int = 0
    writes: bool = False

    def __str__(self) -> str:
        what = "" if self.identifier is None else f" {identifier_text(self)}"
        part = f", follow-on {self.sequence}" if self.sequence else ""
        return f"meter {self.address}: function {self.function:02X}H{what}{part}"

    def frame(self) -> Frame:
        """Return the frame that asks it."""
        tail = bytes((self.sequence,)) if self.sequence else b""
        return Frame(self.address, self.function, self._identifier_bytes() + self.body + tail)

    @property
    def is_answered(self) -> bool:
        """Whether any meter answers: none does to a broadcast."""
        return self.address != BROADCAST

    def concerns(self, frame: Frame) -> bool:
        """Return whether a frame is the answer or a refusal, by all that a frame says.

        A refusal repeats no identifier, so it may also be that of another request of the same
        function to the same meter.
        """
        return self.refused_by(frame) or self.answered_by(frame)

    def answered_by(self, frame: Frame) -> bool:
        """Return whether a frame is an answer with data, or the acknowledgement of a write."""
        if frame.refused or not self._is_from_asked(frame):
            return False
        if self.identifier is None or self.writes:
            return True
        if not frame.data.startswith(self._identifier_bytes()):
            return False
        return not self.sequence or self._repeats_sequence(frame)

    def refused_by(self, frame: Frame) -> bool:
        """Return whether a frame is a refusal of this function by this meter."""
        return frame.refused and self._is_from_asked(frame)

    def refusal(self, frame: Frame) -> tuple[str, ...]:
        """Return why a frame refuses, words of ``codes.error_words``; none: it does not."""
        return codes.error_words(self.edition, frame.data) if frame.refused else ()

    def payload(self, frame: Frame) -> bytes:
        """Return the data of an answer without the identifier and the sequence.

        Raises:
            FrameError: The frame is no answer to this.
        """
        if not self.answered_by(frame):
            raise FrameError(f"{self}: the frame is no answer to it")
        if self.writes or self.identifier is None:
            return frame.data
        last = -1 if self.sequence and self.edition is Edition.E2007 else None
        return frame.data[IDENTIFIER_BYTES[self.edition] : last]

    def answer_bytes(self, size: int) -> int:
        """Return how long the answer is on the line, without wake-up bytes.

        Args:
            size: Bytes of data without identifier, as ``Item.expected_size`` says.
        """
        head = 0 if self.identifier is None or self.writes else IDENTIFIER_BYTES[self.edition]
        return frame_bytes(head + size + (1 if self.sequence else 0))

    def _is_from_asked(self, frame: Frame) -> bool:
        same = frame.from_meter and frame.function == self.function
        return same and address_fits(self.address, frame.address)

    def _identifier_bytes(self) -> bytes:
        if self.identifier is None:
            return b""
        return self.identifier.to_bytes(IDENTIFIER_BYTES[self.edition], "little")

    def _repeats_sequence(self, frame: Frame) -> bool:
        # 1997 numbers no follow-on frames.
        return self.edition is Edition.E1997 or frame.data[-1] == self.sequence


def identifier_text(request: Request) -> str:
    """Return the identifier as it is printed: 02010100, or B611 of 1997."""
    return f"{request.identifier or 0:0{2 * IDENTIFIER_BYTES[request.edition]}X}"


def checked_identifier(identifier: int, edition: Edition) -> int:
    """Return an identifier that the edition can carry; raises ValueRangeError."""
    size = IDENTIFIER_BYTES[edition]
    if not 0 <= identifier < 1 << 8 * size:
        raise ValueRangeError(f"identifier {identifier:X}: {2 * size} hexadecimal digits at most")
    return identifier


def read(
    address: str, identifier: int, *, edition: Edition = Edition.E2007, extra: bytes = b""
) -> Request:
    """Return the request for one identifier.

    Args:
        address: 12 digits, or a wildcard.
        identifier: As printed, high byte first: 0x02010100.
        edition: Of the meter.
        extra: What a load profile is asked with: a number of blocks, an instant.

    Raises:
        ValueRangeError: The address or the identifier is none.
    """
    checked_address(address)
    checked_identifier(identifier, edition)
    return Request(address, edition, FUNCTIONS[edition].read, identifier, extra)


def read_next(
    address: str, identifier: int, sequence: int, *, edition: Edition = Edition.E2007
) -> Request:
    """Return the request for a follow-on frame.

    Args:
        address: As of the first.
        identifier: As of the first.
        sequence: 1 for the first follow-on frame, up to 255 (2007; that it starts at 1 is general
            knowledge). 1997 sends no number: one follow-on frame looks like another.
        edition: Of the meter.
    """
    if not 1 <= sequence <= 0xFF:  # noqa: PLR2004 (one byte)
        raise ValueRangeError(f"follow-on frame {sequence}: allowed are 1..255")
    number = sequence if edition is Edition.E2007 else 0
    checked_address(address)
    checked_identifier(identifier, edition)
    return Request(address, edition, FUNCTIONS[edition].read_next, identifier, sequence=number)


def read_address(address: str = ANY, *, edition: Edition = Edition.E2007) -> Request:
    """Return the request for the address of the one meter on a line.

    1997 has no such function: its meter number is asked for with the wildcard, and the answer's own
    address counts. Whether a 1997 meter answers the wildcard differs by maker.
    """
    function = FUNCTIONS[edition].read_address
    if function is None:
        return read(address, _METER_NUMBER, edition=edition)
    return Request(checked_address(address), edition, function)


def address_in(request: Request, frame: Frame) -> str:
    """Return the address that the answer to ``read_address`` tells.

    Raises:
        FrameError: It tells none.
    """
    data = request.payload(frame)
    if request.identifier is None and len(data) == _ADDRESS_BYTES:
        told = data[::-1].hex().upper()
    else:
        told = frame.address
    if not told.isdecimal():
        raise FrameError(f"{told} is no address of 12 digits")
    return told
