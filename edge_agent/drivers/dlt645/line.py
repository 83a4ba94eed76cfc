"""How a line of meters is spoken on, and how long a request takes on it (pure)."""

from dataclasses import dataclass

from protocols.dlt645.frames import frame_bytes
from protocols.dlt645.requests import Request


@dataclass(frozen=True, slots=True)
class MeterLine:
    """How a line of meters is spoken on.

    Attributes:
        baud: Bits per second; 2400 is usual for 2007, 1200 for 1997.
        bits: Of a character: 11 for 8E1.
        timeout_s: Usual longest wait for an answer, seconds; a meter may take 0.5 s to begin.
        turnaround_s: Silence kept before each request, seconds.
        connect_delay_s: Silence kept after the line was opened, seconds.
        wake_up: Bytes FE before each request, 0..16; some meters and optical heads need them, all
            ignore them.
        renewable: It is a TCP connection to a serial server, which may be opened again.
    """

    baud: int = 2400
    bits: int = 11
    timeout_s: float = 1.5
    turnaround_s: float = 0.05
    connect_delay_s: float = 0.0
    wake_up: int = 4
    renewable: bool = False

    @property
    def char_s(self) -> float:
        """Time of one byte, seconds."""
        return self.bits / self.baud

    def expected_s(self, request: Request, size: int, *, answer_s: float = 0.1) -> float:
        """Predicted time of one request and its answer, seconds.

        Args:
            request: What is asked.
            size: Bytes of data in the answer, without the identifier.
            answer_s: What the meter takes to begin its answer.
        """
        asked = self.wake_up + frame_bytes(len(request.frame().data))
        answer = self.wake_up + request.answer_bytes(size) if request.is_answered else 0
        return self.turnaround_s + (asked + answer) * self.char_s + answer_s
