"""A line of frames: how it is spoken on, and what a request on it has to say of itself."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, Self, TypeVar


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
    late_s: float = 20.0
    renewable: bool = False

    @property
    def char_s(self) -> float:
        """Time of one byte, seconds."""
        return self.bits / self.baud

    def wire_s(self, size: int) -> float:
        """Time of so many bytes, seconds."""
        return size * self.char_s


class Asked(Protocol[FrameIn_contra]):
    """A request as the line sees it."""

    @property
    def unit(self) -> int:
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

    def refusal(self, frame: FrameIn_contra, /) -> str:
        """Return what a frame may refuse it with; empty: it does not refuse it."""
        ...

    def instead(self, frame: FrameIn_contra, /) -> str:
        """Say what came that is not its answer."""
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
    """

    frame: Frame
    at_ms: int
    took_s: float
