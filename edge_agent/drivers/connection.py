"""The link of one port: opened, watched, and opened again where the other side drops it.

Cheap serial servers and controllers close after each answer, close what was idle for a while, or
forget a connection without a word. None of that is a fault of a unit: where nothing was sent yet,
a new link is taken without an error. A link that has carried no response is not replaced here;
the owner of the port waits before it tries again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from edge_agent.clock import Clock
from edge_agent.drivers.link import Link, ignore
from edge_agent.errors import PortDownError

_SILENT_LIMIT: Final = 3
_SILENT_LIMIT_HEARD: Final = 2  # for a unit that has answered on this link
_YOUNG_S: Final = 5.0  # some devices hear nothing in the first seconds of a connection
_IDLE_S: Final = 2.0  # a link idle for longer may have been forgotten by the other side
_TIMES_FORGOTTEN: Final = (
    2  # so often a link must have been forgotten before one is replaced beforehand
)
_REMEMBERED_S: Final = 3600.0
_FEW_ANSWERS: Final = 2  # a link that is closed after so few will be closed after so few again
# Who takes one connection at a time may need a moment to notice that the old one is gone.
_PAUSES_S: Final = (0.2, 0.5, 0.0)


class Connection:
    """Keeps one link.

    Args:
        open_link: Opens a new one.
        delay_s: How long nothing is sent after it was opened; what comes meanwhile is dropped.
        renewable: Whether it may be opened again between two requests: TCP, not a serial line.
        clock: Time.
        on_change: Called after bytes arrived or the link was lost.

    Attributes:
        link: The open link; None while there is none.
        answers: How many answers the link has carried.
    """

    def __init__(
        self,
        open_link: Callable[[], Awaitable[Link]],
        *,
        delay_s: float,
        renewable: bool,
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self.link: Link | None = None
        self.answers = 0
        self._open_link = open_link
        self._delay_s = delay_s
        self._renewable = renewable
        self._clock = clock
        self._on_change = on_change
        self._wanted = False
        self._opened_s = self._heard_s = 0.0
        self._heard: set[int] = set()
        self._silent = 0
        self._few = False
        self._given_up = False
        self._suspected: tuple[int, float] | None = None
        self._forgotten: list[tuple[float, float]] = []

    @property
    def replaceable(self) -> bool:
        """Whether a lost link may be replaced here: it was good for something."""
        return self._renewable and self.answers > 0

    async def open(self) -> None:
        """Open the link.

        Raises:
            PortDownError: It cannot be opened, or does not last for the delay.
        """
        self._wanted = True
        link = await self._open_link()
        try:
            if self._delay_s:
                await self._clock.sleep(self._delay_s)
        except asyncio.CancelledError:
            link.close()
            raise
        if link.lost:
            raise PortDownError(f"{link.lost}, {self._delay_s:g} s after it was opened")
        # A banner, or what a terminal server negotiates.
        link.received.clear()
        link.on_change = self._on_change
        self.link = link
        self._opened_s = self._heard_s = self._clock.monotonic_s()
        self.answers = self._silent = 0
        self._given_up = False
        self._heard = set()

    async def close(self) -> None:
        """Give the link back; never raises."""
        self._wanted = False
        await self._give_back()

    async def _give_back(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.on_change = ignore
            link.close()
            await link.closed()

    async def ready(self, *, write: bool) -> Link:
        """Return a link that a request may be sent on, a new one where that is better.

        Args:
            write: The request must not be sent twice, so it goes out on no link that is about to
                be closed.

        Raises:
            PortDownError: There is none.
        """
        link = self.link
        if link is None and self._wanted:
            # Whoever was to replace it was interrupted by a command.
            link = await self.renewed()
        if link is None:
            raise PortDownError("not open")
        if self.replaceable and (link.lost or self._worn_out(write=write)):
            link = await self.renewed()
        if link.lost:
            raise PortDownError(link.lost)
        return link

    async def renewed(self) -> Link:
        """Replace the link.

        Raises:
            PortDownError: No new one can be had.
        """
        if self.link is not None and self.link.lost and not self._given_up:
            self._few = 0 < self.answers <= _FEW_ANSWERS
        await self._give_back()
        began_s = self._clock.monotonic_s()
        for pause_s in _PAUSES_S:
            try:
                await self.open()
                break
            except PortDownError:
                # Refused, not unreachable: that takes longer to tell.
                if not pause_s or self._clock.monotonic_s() - began_s > sum(_PAUSES_S):
                    raise
            await self._clock.sleep(pause_s)
        if self.link is None:
            raise PortDownError("not open")
        return self.link

    def arrived(self) -> None:
        """Count bytes of any unit as a sign that the link works."""
        self._silent = 0
        self._heard_s = self._clock.monotonic_s()

    def answered(self, unit: int) -> None:
        """Count a response of a unit."""
        now = self._clock.monotonic_s()
        self.answers += 1
        self._silent = 0
        self._heard.add(unit)
        suspected, self._suspected = self._suspected, None
        if suspected is not None and suspected[0] == unit and self.answers == 1:
            # Silence before, an answer on a new link: it was the link, not the unit.
            self._forgotten = [*self._forgotten[1 - _TIMES_FORGOTTEN :], (suspected[1], now)]

    def unanswered(self, unit: int, *, sent_s: float) -> None:
        """Count a timeout; close a link that the other side may have forgotten.

        A forgotten link looks exactly like silent units. Units that were heard on it before make
        that likely soon; for others it takes longer.
        """
        link = self.link
        self._silent += 1
        if link is None or not self._renewable:
            return
        now, idle_s = self._clock.monotonic_s(), sent_s - self._heard_s
        if unit in self._heard:
            limit = 1 if idle_s >= _IDLE_S else _SILENT_LIMIT_HEARD
            quiet = now - self._heard_s >= _IDLE_S
        else:
            limit, quiet = _SILENT_LIMIT, now - self._opened_s >= _YOUNG_S
        if quiet and self._silent >= limit:
            self._suspected = (unit, idle_s) if limit == 1 else None
            self._given_up = True
            link.close(f"{self._silent} requests in a row unanswered")

    def _worn_out(self, *, write: bool) -> bool:
        """Whether the other side is known to forget or to close such a link."""
        if write and self._few:
            return True
        if not self._forgotten:
            return False
        now = self._clock.monotonic_s()
        self._forgotten = [one for one in self._forgotten if now - one[1] < _REMEMBERED_S]
        if len(self._forgotten) < (1 if write else _TIMES_FORGOTTEN):
            return False
        return now - self._heard_s >= 0.9 * min(idle_s for idle_s, _ in self._forgotten)
