"""A line of frames: how it is spoken on, and what a request on it has to say of itself."""

from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, Protocol, Self, TypeVar

from config.line_ports import LinePort
from edge_agent.drivers.base import UnitAddress

MAY_PASS: Final = 4
"""Modbus' number for a refusal that may pass (ADR-35)."""
NOT_DONE: Final = 7
"""And for what a device was told and did not do."""
_LATE_S: Final = 20.0
_TIMEOUTS_LATE: Final = 10.0  # of a line with a longer timeout than usual


class Encodable(Protocol):
    """A frame."""

    def encode(self) -> bytes:
        """Return its bytes."""
        ...


Frame = TypeVar("Frame", bound=Encodable)
FrameIn_contra = TypeVar("FrameIn_contra", bound=Encodable, contravariant=True)


@dataclass(frozen=True, slots=True)
class FrameLine:
    """How a line is spoken on.

    Attributes:
        baud: Bits per second.
        bits: Of a character; 11 for 8E1.
        timeout_s: Usual longest wait for an answer, seconds.
        turnaround_s: Silence kept before each request, seconds.
        connect_delay_s: Silence kept after the line was opened, seconds.
        late_s: How long after its timeout an answer may still come, seconds.
        renewable: A TCP connection, which may be opened again.
    """

    baud: int = 2400
    bits: int = 11
    timeout_s: float = 1.0
    turnaround_s: float = 0.05
    connect_delay_s: float = 0.0
    late_s: float = _LATE_S
    renewable: bool = False

    @classmethod
    def of(cls, port: LinePort) -> Self:
        """Return how the line of a port is spoken on."""
        return cls(
            baud=port.bits_per_second,
            bits=1 + port.character_bits + (port.parity != "N") + port.stop_bits,
            timeout_s=port.timeout_s,
            turnaround_s=port.turnaround_s,
            connect_delay_s=port.connect_delay_s,
            late_s=max(_LATE_S, _TIMEOUTS_LATE * port.timeout_s),
            renewable=port.server is not None,
        )

    @property
    def char_s(self) -> float:
        """Time of one byte, seconds."""
        return self.bits / self.baud

    def wire_s(self, size: int) -> float:
        """Time of so many bytes, seconds."""
        return size * self.char_s


class Refusal(NamedTuple):
    """Why a request is refused.

    Attributes:
        why: In words.
        code: Modbus' number for it.
    """

    why: str
    code: int = MAY_PASS


class Asked(Protocol[FrameIn_contra]):
    """A request as the line sees it; equal ones are the same request."""

    @property
    def unit(self) -> UnitAddress:
        """Who is asked."""
        ...

    @property
    def writes(self) -> bool:
        """Whether it must not be sent twice."""
        ...

    def encode(self) -> bytes:
        """Return the bytes to send."""
        ...

    def answered_by(self, frame: FrameIn_contra, /) -> bool:
        """Whether a frame is certainly its answer."""
        ...

    def refusal(self, frame: FrameIn_contra, /) -> Refusal | None:
        """Return what a frame may refuse it with; None: it does not refuse it."""
        ...

    def instead(self, frame: FrameIn_contra, /) -> str:
        """Say what came that is not its answer; empty: it says nothing about it."""
        ...

    def mistakes_for(self, other: Self, /) -> bool:
        """Whether an answer to another request would be taken for the answer to this one.

        The same read may be repeated: whichever answer comes carries what was asked for (ADR-26).
        """
        ...


class Answered(NamedTuple, Generic[Frame]):
    """An answer.

    Attributes:
        frame: What came.
        at_ms: UTC milliseconds at which its last byte arrived.
        took_s: From the first byte sent to the last byte received, seconds.
        may_be_older: It may be the late answer to an equal request before.
    """

    frame: Frame
    at_ms: int
    took_s: float
    may_be_older: bool = False
