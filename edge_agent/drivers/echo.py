"""Converters to RS-485 that hand back what is sent, because their receiver stays switched on."""

from typing import Final

_NOISE: Final = 3  # bytes that switching the direction of the line may put before it


class LocalEcho:
    """Takes the echo of a request off a line.

    The answer to a single write looks like its request. Whether a line has an echo is therefore
    learned from all other requests, and a first copy is no answer on a line that has one.
    """

    def __init__(self) -> None:
        self._frame = b""
        self._known = False
        self._plain = True

    def sent(self, frame: bytes, *, like_its_answer: bool) -> None:
        """Expect the echo of a frame.

        Args:
            frame: What was sent.
            like_its_answer: The answer to it is the same bytes.
        """
        self._frame = b"" if like_its_answer and not self._known else frame
        self._plain = not like_its_answer

    def strip(self, received: bytearray) -> None:
        """Remove the echo of what went out last, if it is there."""
        frame = self._frame
        if not frame or not received:
            return
        at = received.find(frame, 0, len(frame) + _NOISE)
        if at >= 0:
            del received[: at + len(frame)]
            self._known, self._frame = True, b""
        elif len(received) >= len(frame) + _NOISE:
            self._frame = b""
            self._known = self._known and not self._plain
