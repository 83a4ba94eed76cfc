"""Cuts the bytes of a line into frames that have a start, a length and a sum (pure).

What begins like a frame and is none costs its first byte, and a whole frame is believed inside of
what may be a longer one that is not complete: so a stream that was cut or has garbage in it is in
step again at the next frame.
"""

from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from protocols.errors import FrameError

Frame = TypeVar("Frame")


class Found(NamedTuple, Generic[Frame]):
    """A whole frame in a buffer.

    Attributes:
        frame: What it says.
        end: Where the next one may begin.
        certain: Whether it is believed inside of what may be a longer frame that is still coming:
            a frame of one byte is not.
    """

    frame: Frame
    end: int
    certain: bool = True


Examine = Callable[[bytes, int], Found[Frame] | None]
"""Takes a buffer and where a frame may begin; None: more bytes are needed. Raises FrameError."""


def only_frame(data: bytes, examine: Examine[Frame], *, filler: bytes = b"") -> Frame:
    """Return the frame that is all of ``data``, fillers before it left out.

    Raises:
        FrameError: It is none, it is cut, or something follows it.
    """
    body = data.lstrip(filler) if filler else data
    found = examine(body, 0)
    if found is None:
        raise FrameError(f"cut after {len(body)} bytes")
    if found.end != len(body):
        raise FrameError(f"{len(body) - found.end} bytes follow the frame")
    return found.frame


class FrameStream(Generic[Frame]):
    """Bytes in, frames out; never raises for what it is fed.

    Args:
        starts: Bytes that a frame begins with.
        shortest: Of a whole frame that answers, bytes.
        longest: Of a whole frame, bytes.
        examine: Looks at one possible frame.
        filler: Bytes between frames that mean nothing; they are not counted.

    Attributes:
        shortest: Of a whole frame that answers, bytes; fewer are no sign that somebody answered.
        longest: Of a whole frame, bytes.
        rejected: How often something began like a frame and was none.
        discarded: Bytes that belong to no frame, fillers left out.
    """

    def __init__(
        self,
        *,
        starts: bytes,
        shortest: int,
        longest: int,
        examine: Examine[Frame],
        filler: bytes = b"",
    ) -> None:
        self.shortest: Final = shortest
        self.longest: Final = longest
        self.rejected = 0
        self.discarded = 0
        self._starts: Final = frozenset(starts)
        self._examine: Final = examine
        self._filler: Final = filler
        self._buffer = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that these bytes complete, oldest first.

        It keeps at most as many bytes as the longest frame has.
        """
        frames: list[Frame] = []
        for at in range(0, len(data), self.longest):
            self._buffer += data[at : at + self.longest]
            frames += self._scan()
        return frames

    def silence(self) -> list[Frame]:
        """Return the frames in what began like a longer one, now that no more of it will come."""
        frames: list[Frame] = []
        while self._buffer:
            self.rejected += 1
            self._drop(1)
            frames += self._scan()
        return frames

    def reset(self) -> None:
        """Forget a frame that is not complete."""
        self._drop(len(self._buffer))

    def __len__(self) -> int:
        """Return how many bytes wait for more."""
        return len(self._buffer)

    def _scan(self) -> list[Frame]:
        buffer, frames = self._buffer, list[Frame]()
        at, kept, waiting = 0, 0, False
        while at < len(buffer):
            if buffer[at] not in self._starts:
                at += 1
                continue
            try:
                found = self._examine(buffer, at)
            except FrameError:
                # Inside of what may be a frame nothing is wrong yet.
                self.rejected += not waiting
                at += 1
                continue
            if found is None or (waiting and not found.certain):
                if not waiting:
                    self._discard(buffer[kept:at])
                    kept, waiting = at, True
                at += 1
                continue
            self.rejected += waiting
            self._discard(buffer[kept:at])
            frames.append(found.frame)
            at = kept = found.end
            waiting = False
        if not waiting:
            self._discard(buffer[kept:])
            kept = len(buffer)
        self._buffer = buffer[kept:]
        return frames

    def _drop(self, count: int) -> None:
        self._discard(self._buffer[:count])
        self._buffer = self._buffer[count:]

    def _discard(self, data: bytes) -> None:
        self.discarded += len(data) - sum(data.count(byte) for byte in self._filler)
