"""What an agent would do with the events of fire alarm equipment, for tests of the drivers."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.clock import SystemClock
from edge_agent.errors import JournalFullError
from protocols.fire.model import Place, State
from protocols.fire.panel_state import PanelState
from protocols.fire.session import Delivery, Notice
from tests.fire_events import told

PATIENCE_S = 10


class HurriedClock(SystemClock):
    """Pauses take a tenth of their time."""

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

    def places(self, _: str) -> list[Place]:
        return [one.place for one in self.state.open(State.FIRE)]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)
