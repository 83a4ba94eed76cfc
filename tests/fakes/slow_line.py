"""A serial line on which answers come late, in order, and without a number."""

from typing import Protocol

from config.points import Table
from edge_agent.clock import Clock
from edge_agent.drivers.base import Reply
from edge_agent.errors import DeviceTimeoutError
from tests.fakes.driver import Asked, FakeDriver, FakeUnit


class _Listener(Protocol):
    def on_late_response(self, unit: int, lateness_s: float) -> None: ...


class SlowLine(FakeDriver):
    """Whichever answer of a unit comes first is taken for the one to the last question.

    Attributes:
        char_s: What one register of an answer takes.
        port: Told of answers that nobody waited for.
        silent: (unit, address) of registers to which a unit says nothing.
    """

    def __init__(self, units: dict[int, FakeUnit], clock: Clock) -> None:
        super().__init__(units, clock)
        self.char_s = 0.0
        self.port: _Listener | None = None
        self.silent: set[tuple[int, int]] = set()
        self.timeouts = 0
        self._coming: dict[int, list[tuple[float, float]]] = {}

    async def read(
        self, unit: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> Reply:
        began = self._now()
        self.asked.append(Asked(began, unit, table, address, count, timeout_s))
        found = self.units[unit]
        coming = self._coming.setdefault(unit, [])
        self._take_late(unit)
        mute = any((unit, at) in self.silent for at in range(address, address + count))
        if not found.offline and not mute:
            free_s = max([began, *(at for at, _ in coming)])
            coming.append((free_s + found.response_s + self.char_s * count, began))
        if not coming or coming[0][0] > began + timeout_s:
            await self._clock.sleep(timeout_s)
            self.timeouts += 1
            raise DeviceTimeoutError(f"unit {unit}: no answer in time")
        at_s, _ = coming.pop(0)
        await self._clock.sleep(at_s - began)
        values = [found.registers.get((table, at), 0) for at in range(address, address + count)]
        return Reply(values, self._clock.now_ms(), at_s - began)

    def _take_late(self, unit: int) -> None:
        coming = self._coming[unit]
        while coming and coming[0][0] <= self._now():
            at_s, asked_s = coming.pop(0)
            if self.port is not None:
                self.port.on_late_response(unit, at_s - asked_s)
