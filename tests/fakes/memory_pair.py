"""Units of several protocols on one pair in memory, in the time of the running loop."""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from edge_agent.drivers.link import LineSetting, ignore
from edge_agent.errors import PortDownError
from simulators.line import LineTiming, Responder
from tests.fakes.memory_line import MemoryLink, line_of


class Group(NamedTuple):
    """Units of one protocol, by their number."""

    setting: LineSetting
    framing: str
    units: Mapping[int, Responder]
    turnaround_s: float = 0.01


class MemoryPair:
    """A line that opens at the setting of its first group.

    What is sent at another setting is noise to a group, and what it says is noise to the master.

    Attributes:
        changes: How often the settings were changed.
        sent: When what went out, seconds.
        shortest_gap_s: Shortest time from a byte that came in to a frame that went out.
    """

    def __init__(self, *groups: Group) -> None:
        self.received = bytearray()
        self.lost = ""
        self.on_change: Callable[[], None] = ignore
        self.setting = groups[0].setting
        self.changes = 0
        self.sent: list[tuple[float, LineSetting, bytes]] = []
        self.shortest_gap_s = float("inf")
        self._heard_s = float("-inf")
        self._links = [(one.setting, self._link(one)) for one in groups]

    def _link(self, group: Group) -> MemoryLink:
        setting = group.setting
        timing = LineTiming(baud=setting.baud, turnaround_s=group.turnaround_s)
        link = MemoryLink(line_of(group.units, group.framing, timing))

        def hear() -> None:
            data = bytes(link.received)
            link.received.clear()
            self._heard_s = asyncio.get_running_loop().time()
            self.received += data if setting == self.setting else bytes(len(data))
            self.on_change()

        link.on_change = hear
        return link

    def configure(self, setting: LineSetting) -> None:
        if self.lost:
            raise PortDownError(self.lost)
        assert setting != self.setting
        self.setting = setting
        self.changes += 1
        self.received.clear()

    def send(self, data: bytes) -> None:
        if self.lost:
            raise PortDownError(self.lost)
        now_s = asyncio.get_running_loop().time()
        self.sent.append((now_s, self.setting, data))
        self.shortest_gap_s = min(self.shortest_gap_s, now_s - self._heard_s)
        for setting, link in self._links:
            if setting == self.setting:
                link.send(data)

    def close(self, why: str = "closed") -> None:
        self.lost = self.lost or why

    async def closed(self) -> None:
        """Nothing to wait for."""
