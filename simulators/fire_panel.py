r"""A fire panel with its maker's own format on a pseudo terminal.

Its control takes one JSON object a line, over loopback TCP, and answers one line:
``{"do": "fire", "loop": 2, "point": 17, "text": "大堂"}``, and so ``fault``, ``fault_ended``,
``shield``, ``release``, ``supervisory``, ``feedback``; ``{"do": "reset"}``, ``{"do":
"mains_fault"}``, ``{"do": "mains_well"}`` · ``{"do": "repeat", "times": 5}`` (the last event) ·
``{"do": "garbage", "hex": "8230"}`` · ``{"do": "get"}`` (events that wait, polls so far, events
that were sent).
"""

import json
from collections import deque
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

from simulators.clock import Clock, SystemClock
from simulators.panel_formats import Event, Heard, SimulatedFormat
from simulators.terminal import Terminal

_COMPONENT: Final = (
    "fire",
    "fault",
    "fault_ended",
    "shield",
    "release",
    "supervisory",
    "feedback",
)
_PANEL: Final = ("reset", "mains_fault", "mains_well")


class FirePanel:
    """Speaks while it is entered.

    Attributes:
        polls: Polls that it has heard.
        sent: Events that left.
    """

    def __init__(self, path: Path, form: SimulatedFormat, *, clock: Clock | None = None) -> None:
        self.path = path
        self.polls = self.sent = 0
        self._form = form
        self._clock = clock or SystemClock()
        self._events: deque[bytes] = deque()
        self._last = b""
        self._said = False
        self._heard = bytearray()
        self._terminal = Terminal(path, self._received)

    async def __aenter__(self) -> Self:
        await self._terminal.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._terminal.__aexit__(kind, error, trace)

    def obey(self, line: bytes) -> dict[str, object]:
        """Do what a line of the control says."""
        try:
            return {"ok": True, **self._done(cast("dict[str, object]", json.loads(line)))}
        except (ValueError, KeyError, TypeError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def _done(self, order: dict[str, object]) -> dict[str, object]:
        match order["do"]:
            case "get":
                return {"waiting": len(self._events), "polls": self.polls, "sent": self.sent}
            case "garbage":
                self._terminal.write(bytes.fromhex(str(order["hex"])))
            case "repeat":
                for _ in range(int(str(order["times"]))):
                    self._say(self._last)
            case str(what) if what in _COMPONENT:
                loop, point = (int(str(order[name])) for name in ("loop", "point"))
                self._say(self._encoded(what, loop, point, str(order.get("text", ""))))
            case str(what) if what in _PANEL:
                self._say(self._encoded(what, 0, 0, ""))
            case what:
                allowed = ", ".join([*_COMPONENT, *_PANEL, "repeat", "garbage", "get"])
                raise ValueError(f"{what!r}; allowed: {allowed}")
        return {}

    def _encoded(self, what: str, loop: int, point: int, text: str) -> bytes:
        now = datetime.fromtimestamp(self._clock.now_s())  # noqa: DTZ006 (the panel's own clock)
        return self._form.encode(Event(what, loop, point, text, now))

    def _say(self, event: bytes) -> None:
        self._last = event
        if self._form.polled:
            self._events.append(event)
        else:
            self._send(event)

    def _send(self, event: bytes) -> None:
        self.sent += 1
        self._terminal.write(event)

    def _received(self, data: bytes) -> None:
        self._heard += data
        for heard in self._form.hear(self._heard):
            if heard is Heard.TAKEN:
                if self._said and self._events:
                    self._events.popleft()
                self._said = False
                continue
            self.polls += 1
            if not self._events:
                self._terminal.write(self._form.nothing())
                continue
            self._said = True
            self._send(self._events[0] if self._form.repeats else self._events.popleft())
