"""The master's side of the link layer: requests, the frame count bit, what answers what (pure).

A slave repeats its last telegram while the frame count bit (FCB) of the request stays the same, and
sends the next one when it changes; after SND_NKE it expects a bit that is set.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocols.mbus.addresses import ANY, BROADCAST, SELECTED, SecondaryAddress, check_primary
from protocols.mbus.frames import (
    LONGEST_FRAME,
    Acknowledgement,
    Frame,
    LongFrame,
    ShortFrame,
)

SND_NKE: Final = 0x40
SND_UD: Final = 0x53
REQ_UD2: Final = 0x5B
FRAME_COUNT: Final = 0x20
RSP_UD: Final = 0x08
_RSP_UD_FLAGS: Final = 0x30  # access demand and data flow control

CI_SEND: Final = 0x51
CI_SELECT: Final = 0x52
ACK_BYTES: Final = 1


class Expected(StrEnum):
    """What answers a request."""

    ACK = "ack"
    DATA = "data"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Request:
    """A frame to send and what answers it.

    Attributes:
        frame: To be sent.
        expected: What answers it.
        answer_bytes: Predicted length of the answer, bytes.
    """

    frame: ShortFrame | LongFrame
    expected: Expected
    answer_bytes: int

    @property
    def address(self) -> int:
        """Primary address that is asked."""
        return self.frame.address

    def encode(self) -> bytes:
        """Return the bytes to send."""
        return self.frame.encode()

    def answered_by(self, frame: Frame) -> bool:
        """Whether a frame is the answer.

        A slave answers with its primary address, also when it was asked as the selected one; E5
        names nobody.
        """
        match self.expected:
            case Expected.ACK:
                return isinstance(frame, Acknowledgement)
            case Expected.DATA:
                return (
                    isinstance(frame, LongFrame)
                    and frame.control & ~_RSP_UD_FLAGS == RSP_UD
                    and (self.address in {ANY, SELECTED} or frame.address == self.address)
                )
            case Expected.NOTHING:
                return False


class Master:
    """Makes the requests of one line and keeps the frame count bits of each slave.

    Requests for data and sent data have a bit each. A selection clears those of address 253.
    """

    def __init__(self) -> None:
        self._frame_count: dict[tuple[int, int], bool] = {}
        self._lengths: dict[str, int] = {}
        self._selected = ""

    def reset(self, address: int) -> Request:
        """Return SND_NKE: the slave's next telegram is its first; nobody is selected any more.

        Raises:
            ValueRangeError: No slave has this address.
        """
        if address == BROADCAST:
            return Request(ShortFrame(SND_NKE, address), Expected.NOTHING, 0)
        self._start_anew(check_primary(address))
        return Request(ShortFrame(SND_NKE, address), Expected.ACK, ACK_BYTES)

    def select(self, slave: SecondaryAddress) -> Request:
        """Return the selection: from now on this slave answers as 253, others no longer do."""
        self._start_anew(SELECTED)
        self._selected = str(slave)
        frame = LongFrame(SND_UD | FRAME_COUNT, SELECTED, CI_SELECT, slave.encode())
        return Request(frame, Expected.ACK, ACK_BYTES)

    def request_data(self, address: int) -> Request:
        """Return REQ_UD2; it asks for the same telegram again until ``answered`` is called.

        Raises:
            ValueRangeError: No slave has this address.
        """
        control = self._counted(REQ_UD2, check_primary(address))
        length = self._lengths.get(self._name(address), LONGEST_FRAME)
        return Request(ShortFrame(control, address), Expected.DATA, length)

    def send_data(self, address: int, data: bytes, *, information: int = CI_SEND) -> Request:
        """Return SND_UD with data; its answer is E5.

        Raises:
            ValueRangeError: No slave has this address, or a frame does not take so much.
        """
        control = self._counted(SND_UD, check_primary(address))
        frame = LongFrame(control, address, information, data)
        frame.encode()
        return Request(frame, Expected.ACK, ACK_BYTES)

    def answered(self, request: Request, frame: Frame) -> None:
        """Count the answer to a request: the next one of its kind is a new one."""
        function = request.frame.control & ~FRAME_COUNT
        if function in {REQ_UD2, SND_UD}:
            sent = bool(request.frame.control & FRAME_COUNT)
            self._frame_count[request.address, function] = not sent
        if isinstance(frame, LongFrame):
            self._lengths[self._name(request.address)] = len(frame.encode())

    def _counted(self, function: int, address: int) -> int:
        return function | FRAME_COUNT * self._frame_count.get((address, function), True)

    def _start_anew(self, address: int) -> None:
        for function in (REQ_UD2, SND_UD):
            self._frame_count[address, function] = True

    def _name(self, address: int) -> str:
        return self._selected if address == SELECTED else str(address)
