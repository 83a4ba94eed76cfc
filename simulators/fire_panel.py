r"""A JBF panel with the 193K card on a pseudo terminal.

It answers polls with its events, oldest first, else with "nothing new". Its control takes
``{"do": "fire", "loop": 2, "point": 17}``, and so ``fault``, ``fault_ended``, ``shield``,
``release``, ``supervisory``, ``feedback``; ``{"do": "reset"}``, ``{"do": "mains_fault"}``,
``{"do": "mains_well"}``, ``{"do": "get"}`` (events that wait, polls so far).
"""

import asyncio
import json
import os
import tty
from collections import deque
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

from simulators.clock import Clock, SystemClock

_EVENTS: Final = {
    "fire": 0x80,
    "fault": 0x81,
    "fault_ended": 0x82,
    "feedback": 0x85,
    "supervisory": 0x8C,
    "release": 0x97,
    "shield": 0x98,
}
_NOTHING: Final = 0x09
_RESET: Final = 0x01
_MAINS: Final = 0x71
_SUPPLY: Final = {"mains_fault": 0x80, "mains_well": 0x90}
_POLL: Final = b"\x82" + b"0" * 20 + b"\x83"
_MOST_BYTES: Final = 4096


class JbfPanel:
    """Answers while it is entered; ``path`` is a symbolic link to the terminal.

    Attributes:
        polls: Polls that it has heard.
    """

    def __init__(self, path: Path, *, panel: int = 1, clock: Clock | None = None) -> None:
        self.path = path
        self.polls = 0
        self._panel = panel
        self._clock = clock or SystemClock()
        self._events: deque[bytes] = deque()
        self._received = bytearray()
        self._ends: tuple[int, int] | None = None

    async def __aenter__(self) -> Self:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._ends = (master, slave)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        asyncio.get_running_loop().add_reader(master, self._readable)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ends is None:
            return
        asyncio.get_running_loop().remove_reader(self._ends[0])
        self.path.unlink(missing_ok=True)
        for end in self._ends:
            os.close(end)
        self._ends = None

    def obey(self, line: bytes) -> dict[str, object]:
        """Do what a line of the control says."""
        try:
            return {"ok": True, **self._done(cast("dict[str, object]", json.loads(line)))}
        except (ValueError, KeyError, TypeError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def _done(self, order: dict[str, object]) -> dict[str, object]:
        what = str(order["do"])
        if what == "get":
            return {"waiting": len(self._events), "polls": self.polls}
        if what in _EVENTS:
            loop, point = (int(str(order[name])) for name in ("loop", "point"))
            self._events.append(self._frame(_EVENTS[what], loop, point))
        elif what in _SUPPLY:
            self._events.append(self._frame(_MAINS, _SUPPLY[what], 0))
        elif what == "reset":
            self._events.append(self._frame(_RESET, 0, 0))
        else:
            allowed = ", ".join([*_EVENTS, *_SUPPLY, "reset", "get"])
            raise ValueError(f"{what!r}; allowed: {allowed}")
        return {}

    def _readable(self) -> None:
        if self._ends is None:
            return
        with suppress(BlockingIOError):
            self._received += os.read(self._ends[0], _MOST_BYTES)
        while (at := self._received.find(_POLL)) >= 0:
            del self._received[: at + len(_POLL)]
            self.polls += 1
            answer = self._events.popleft() if self._events else self._frame(_NOTHING, 0, 0)
            with suppress(BlockingIOError):
                os.write(self._ends[0], answer)
        del self._received[: -len(_POLL)]

    def _frame(self, event: int, loop: int, point: int) -> bytes:
        now = datetime.fromtimestamp(self._clock.now_s())  # noqa: DTZ006 (the panel's own clock)
        day = (now.year % 100, now.month, now.day)
        fields = bytes((event, self._panel, loop, point, 3, *day, now.hour, now.minute, now.second))
        digits = (fields + bytes((sum(fields) % 256,))).hex()
        return b"\x82" + bytes(0x30 + int(digit, 16) for digit in digits) + b"\x83"
