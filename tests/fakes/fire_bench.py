"""What an agent would do with the events of fire alarm equipment, for tests of the drivers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Never

from edge_agent.clock import SystemClock
from edge_agent.drivers.fire_delivery import Hearer, Wire
from edge_agent.errors import JournalFullError
from protocols.fire.model import Place, State
from protocols.fire.panel_state import PanelState
from protocols.fire.session import Delivery, Notice
from tests.fire_events import told
from tests.patience import PATIENCE_S


class HurriedClock(SystemClock):
    """Pauses take a tenth of their time; more may be left out."""

    def __init__(self) -> None:
        self._skipped_s = 0.0

    def skip(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._skipped_s += seconds

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self._skipped_s

    def now_ms(self) -> int:
        return super().now_ms() + round(1000 * self._skipped_s)

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 10)


@dataclass
class Kept:
    """What the agent would do: fold, count, refuse when told to."""

    state: PanelState = field(default_factory=PanelState)
    lines: list[str] = field(default_factory=list[str])
    at_s: list[float] = field(default_factory=list[float])
    notices: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    is_full: bool = False
    raises: bool = False

    async def keep(self, delivery: Delivery) -> bool:
        if self.raises:
            raise JournalFullError("no room")
        if self.is_full:
            return False
        for event in delivery.events:
            self.lines.append(told(event))
            self.at_s.append(time.monotonic())
            self.state.fold(event)
        return True

    def notice(self, source: str, notice: Notice) -> None:
        self.notices.append((source, str(notice.kind)))

    @property
    def hearer(self) -> Hearer:
        return Hearer(self.keep, self.notice, self.places)

    def places(self, _: str) -> list[Place]:
        return [one.place for one in self.state.open(State.FIRE)]


@asynccontextmanager
async def serving(wire: Wire) -> AsyncIterator[None]:
    """Serve a wire until the end of the block, which begins once it is open."""
    opened = asyncio.Event()
    task = asyncio.create_task(wire.serve(opened.set))
    try:
        async with asyncio.timeout(PATIENCE_S):
            await opened.wait()
        yield
    finally:
        await ended(task)


async def ended(task: asyncio.Task[Never]) -> None:
    """End what would run for ever."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(holds: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)
