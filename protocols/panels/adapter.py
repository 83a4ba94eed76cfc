"""What the adapters of panels have in common: framing, tables of events, the place (pure)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import ClassVar, Final, NamedTuple

from protocols.errors import FrameError
from protocols.fire.model import (
    NO_STATE,
    FireEvent,
    Kind,
    OperationEvent,
    Place,
    ResetEvent,
    State,
    StateEvent,
)

FIRE_SYSTEM: Final = 1
"""System type of GB/T 26875.3 that panels are taken for: fire alarm system."""


class Confidence(StrEnum):
    """How well something is known."""

    UNCONFIRMED = "unconfirmed"
    """Read in one public implementation."""
    INFERRED = "inferred"
    """Concluded from what was read."""


class Action(Enum):
    """What an event code is about."""

    STATE = auto()
    """States of a component."""
    PANEL = auto()
    """States of the panel itself."""
    RESET = auto()
    OPERATION = auto()
    NOTHING = auto()
    """Nothing new."""


class Code(NamedTuple):
    """What an event code means."""

    name: str
    on: State = NO_STATE
    off: State = NO_STATE
    action: Action = Action.STATE
    confidence: Confidence = Confidence.UNCONFIRMED


def panel_code(name: str, on: State = NO_STATE, off: State = NO_STATE) -> Code:
    """Return a code about the panel itself."""
    return Code(name, on, off, Action.PANEL)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a frame means.

    Attributes:
        events: What is to be kept.
        now: What to send at once.
    """

    events: Sequence[FireEvent] = ()
    now: Sequence[bytes] = ()


class Adapter(ABC):
    """One format of panels.

    Attributes:
        name: As the configuration names it.
        baud: Speed of the line.
        parity: N, E or O.
        address_bit: Whether the line has a ninth bit that marks addresses.
        most: Bytes of the longest frame.
        polls_every_s: Time between two polls; 0 for a panel that speaks by itself.
        clears_on_poll: Whether what is pending at a poll can only be the rest of an answer.
        most_gap_s: The longest pause within a frame: what came before a longer one is the rest of a
            frame that was cut; 0 for texts, which printers may stop anywhere.
        text_pause_s: So long after the last byte a text without its end counts as complete; 0 for
            frames with a checksum, which do not.
        silence_s: So long without a frame is a lost link; 0 where silence is no fault: a printer
            says nothing for days.
        most_panel: Highest number that a panel can be given.
        idle: A byte that means "nothing new" but may also begin a frame; empty if there is none.
        confidence: How well the format is known.
    """

    name: ClassVar[str]
    baud: ClassVar[int] = 9600
    parity: ClassVar[str] = "N"
    address_bit: ClassVar[bool] = False
    most: ClassVar[int]
    clears_on_poll: ClassVar[bool] = False
    most_gap_s: ClassVar[float] = 1.0
    text_pause_s: ClassVar[float] = 0.0
    silence_s: ClassVar[float] = 60.0
    most_panel: ClassVar[int] = 255
    confidence: ClassVar[Confidence] = Confidence.UNCONFIRMED
    polls_every_s: float = 0.0
    idle: bytes = b""

    @abstractmethod
    def match(self, buffer: bytearray, start: int, *, behind: bool) -> int | None:
        """Return the size of the frame that begins at ``start``.

        Args:
            behind: Whether a frame may have begun before and not be complete: what has no checksum
                is no frame there.

        Returns:
            0 when no frame begins there, None when more bytes are needed to know.
        """

    @abstractmethod
    def decode(self, frame: bytes) -> Decoded:
        """Return what a frame means; FrameError when the tables do not know it."""

    def poll(self) -> Sequence[bytes]:
        """Return what to send to hear news."""
        return ()

    def answer(self, frame: bytes) -> Sequence[bytes]:  # noqa: ARG002
        """Return what tells the panel that a frame is taken.

        It is sent when the events are kept, and at once for a frame that nobody understands: the
        panel would say it again for ever, and nothing after it.
        """
        return ()

    def complete(self) -> Decoded:
        """Return what is complete now that nothing has followed for ``text_pause_s``."""
        return Decoded()


class AdapterParser:
    """Bytes in, frames of an adapter out; keeps at most the adapter's ``most`` bytes.

    Attributes:
        skipped_bytes: Bytes that belonged to no frame.
    """

    def __init__(self, adapter: Adapter) -> None:
        self.skipped_bytes = 0
        self._adapter = adapter
        self._buffer = bytearray()

    @property
    def pending(self) -> bytes:
        """Bytes that wait for the rest of their frame."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes and yield whole frames."""
        step = self._adapter.most
        for at in range(0, len(data), step):
            self._buffer += data[at : at + step]
            while (frame := self._next()) is not None:
                yield frame

    def clear(self) -> None:
        """Forget what waits for its rest."""
        self._skip(len(self._buffer))

    def _next(self) -> bytes | None:
        buffer, pending = self._buffer, -1
        for start in range(len(buffer)):
            size = self._adapter.match(buffer, start, behind=pending >= 0)
            if size:
                self._skip(start)
                frame = bytes(buffer[:size])
                del buffer[:size]
                return frame
            if size is None and pending < 0:
                pending = start
        self._skip(pending if pending >= 0 else len(buffer))
        self._skip(max(0, len(buffer) - self._adapter.most))
        return None

    def _skip(self, count: int) -> None:
        self.skipped_bytes += count
        del self._buffer[:count]


def events_for(
    code: Code,
    place: Place,
    *,
    component_type: int = 0,
    text: str = "",
    panel_time: datetime | None = None,
) -> Sequence[FireEvent]:
    """Return the events of a code at a place; a code about the panel says it of the panel.

    The reset of panel 0 is one of all panels: the frame names none.
    """
    panel = place._replace(kind=Kind.SYSTEM, zone=0, loop=0, point=0)
    match code.action:
        case Action.NOTHING:
            return ()
        case Action.RESET:
            # A fault of the panel itself has no event that ends it; what is still so comes again.
            ended = StateEvent(panel, off=State.FAULT, panel_time=panel_time, code=code.name)
            return (ResetEvent(panel, panel_time, all_panels=not place.panel), ended)
        case Action.OPERATION:
            return (OperationEvent(panel, (code.name,), panel_time=panel_time),)
        case Action.PANEL:
            return (StateEvent(panel, code.on, code.off, 1, text, panel_time, code.name),)
        case Action.STATE:
            return (
                StateEvent(place, code.on, code.off, component_type, text, panel_time, code.name),
            )


def component(panel: int, *, zone: int = 0, loop: int = 0, point: int = 0) -> Place:
    """Return the place of a component of a panel."""
    return Place(Kind.COMPONENT, FIRE_SYSTEM, panel, zone, loop, point)


def code_of(codes: Mapping[int, Code], number: int) -> Code:
    """Return what a number means; FrameError when the table does not have it."""
    code = codes.get(number)
    if code is None:
        raise FrameError(f"event {number:02X}H is in no table")
    return code


def local_time(*parts: int) -> datetime | None:
    """Return the local time of year (two digits), month, day, hour and so on; None if none."""
    year, *rest = parts
    try:
        return datetime(2000 + year % 100, *rest)  # noqa: DTZ001 (local) # pyright: ignore[reportArgumentType]
    except (ValueError, TypeError):
        return None


def number_of(byte: int) -> int:
    """Return the number of two BCD digits, or 100 + the byte when it is none (a floor "B1")."""
    high, low = divmod(byte, 16)
    return 10 * high + low if high <= 9 and low <= 9 else 100 + byte  # noqa: PLR2004 (digits)
