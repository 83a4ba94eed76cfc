"""The line of readers, as the library reads and writes it."""

import os
from collections.abc import Callable

from edge_agent.drivers.osdp.heard import HeardAddresses


class LineLostError(Exception):
    """The line cannot be used any more."""


class Channel:
    """The line, as the library reads and writes it; also knows who was heard.

    Attributes:
        id: Readers with channels of one number share a line.
        lost: Why it cannot be used any more; empty while it can.
    """

    def __init__(self, fd: int, heard: HeardAddresses, now_s: Callable[[], float]) -> None:
        self.id = 0
        self.lost = ""
        self._fd = fd
        self._heard = heard
        self._now_s = now_s

    def read(self, max_bytes: int) -> bytes:
        """Return what has come; it raises nothing, since the library would swallow it."""
        try:
            data = os.read(self._fd, max_bytes)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.lost = str(error.strerror)
            return b""
        self._heard.take(data, self._now_s())
        return data

    def write(self, data: bytes) -> int:
        """Send; returns how many bytes were taken."""
        try:
            return os.write(self._fd, data)
        except OSError as error:
            self.lost = str(error.strerror)
            return 0

    def flush(self) -> None:
        """Do nothing: an answer to an older question has an older number."""
