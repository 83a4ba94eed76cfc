"""A site of its own where as much happens in two minutes as elsewhere in a day."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Final

from tests.bench.load_site import Site
from tests.browser.site_thread import SiteThread
from tests.fakes.sparkplug_node import DOUBLE, STRING, PlainNode, Tag

PANELS: Final = 120
POINTS: Final = 500
VALUES_EVERY_S: Final = 0.2
_METER: Final = "meter"


class BusySite(SiteThread):
    """All 500 points of a meter change five times a second as long as it is open.

    Alarms are asked for with ``alarms``.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._node: PlainNode | None = None
        self._panels: list[str] = []
        self._turn = count()
        self.values = 0
        """So many have been sent."""
        self.meter = 0
        """Its id."""

    def alarms(self, per_s: float, seconds: float) -> int:
        """Let panels report and end fires, one after the other; return how many reports."""
        return self.do(self._alarms(per_s, seconds))

    @asynccontextmanager
    async def life(self, site: Site) -> AsyncGenerator[None]:
        """Change values until it is closed."""
        with site.node("gw") as node:
            self._node = node
            self._panels = await site.panels(node, PANELS)
            tags = [Tag("Properties/Class", STRING, "electricity_meter")]
            tags += [Tag(f"value_{number}", DOUBLE, 0.0) for number in range(POINTS)]
            node.device_birth(_METER, tags)
            key = f"{node.group}/{node.node}/{_METER}"
            while not await site.knows(key):
                await asyncio.sleep(0.2)
            (found,) = await site.items(f"/api/v1/equipment?key={key}")
            self.meter = found["id"]
            changing = asyncio.create_task(self._change(node))
            yield
            changing.cancel()

    async def _change(self, node: PlainNode) -> None:
        for step in count(1):
            values = {f"value_{number}": float(step % 89 + number) for number in range(POINTS)}
            node.data(_METER, values)
            self.values += POINTS
            await asyncio.sleep(VALUES_EVERY_S)

    async def _alarms(self, per_s: float, seconds: float) -> int:
        assert self._node is not None
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        while sent < per_s * seconds:
            turn = next(self._turn)
            fire = turn // PANELS % 2 == 0
            self._node.data(self._panels[turn % PANELS], {"fire": fire})
            sent += 1
            await asyncio.sleep(max(0.0, began + sent / per_s - loop.time()))
        return sent
