"""How a line of meters is spoken on, and how long a request takes on it (pure)."""

from dataclasses import dataclass, replace

from config.meter_ports import Dlt645Port
from edge_agent.drivers.frame_line import FrameLine
from protocols.dlt645.frames import frame_bytes
from protocols.dlt645.requests import Request


@dataclass(frozen=True, slots=True)
class MeterLine(FrameLine):
    """How a line of meters is spoken on; a meter may take 0.5 s to begin its answer.

    Attributes:
        wake_up: Bytes FE before each request, 0..16; some meters and optical heads need them, all
            ignore them.
    """

    timeout_s: float = 1.5
    wake_up: int = 4

    def request_s(self, request: Request, size: int) -> float:
        """Time that the bytes of a request and its answer need, seconds.

        Args:
            request: What is asked.
            size: Bytes of data in the answer, without the identifier.
        """
        asked = self.wake_up + frame_bytes(len(request.frame().data))
        answer = self.wake_up + request.answer_bytes(size) if request.is_answered else 0
        return self.wire_s(asked + answer)


def meter_line(port: Dlt645Port) -> MeterLine:
    """Return how the line of a port is spoken on."""
    return replace(MeterLine.of(port), wake_up=port.wake_up)
