"""Says once in the log which registers a device does not give, and once when it does again."""

from collections.abc import Mapping

import structlog

from config.resolve import ResolvedDevice
from edge_agent.polling.plan import Block, Learned

_LINE_TROUBLE = 2  # cycles in a row; one is noise, and counted in the metrics


class AvailabilityLog:
    """What was said of one device."""

    def __init__(self, device: ResolvedDevice, recalled: Learned) -> None:
        self._device = device
        self._bad: set[str] = set()
        self._missing = set(recalled.unavailable)
        self._trouble: dict[Block, int] = {}

    def refused(self, block: Block, reason: str, error: str) -> None:
        """Note that a block was refused, and why."""
        if all(name in self._bad or name in self._missing for name in block.points):
            return
        self._bad.update(block.points)
        self._log().warning("block_bad", **_place(block), reason=reason, error=error)

    def disturbed(self, block: Block, reason: str, error: str) -> None:
        """Note that a block had no good answer in a whole cycle; said when it lasts."""
        self._trouble[block] = self._trouble.get(block, 0) + 1
        if self._trouble[block] >= _LINE_TROUBLE:
            self.refused(block, reason, error)

    def missing(self, holes: Mapping[str, str]) -> None:
        """Note which points the device does not have, each with its reason."""
        new = {name: why for name, why in holes.items() if name not in self._missing}
        if not new:
            return
        self._missing.update(new)
        points = self._device.points
        places = [f"{points[name].table} {points[name].address}" for name in new]
        reasons = sorted(set(new.values()))
        self._log().warning("points_refused", points=list(new), registers=places, reasons=reasons)

    def good(self, block: Block) -> None:
        """Note that a block was answered well."""
        if self._trouble:
            self._trouble.pop(block, None)
        if not (self._bad or self._missing):
            return
        if self._bad.isdisjoint(block.points) and self._missing.isdisjoint(block.points):
            return
        self._bad.difference_update(block.points)
        self._missing.difference_update(block.points)
        self._log().info("block_good", **_place(block))

    def _log(self) -> structlog.stdlib.BoundLogger:
        device = self._device
        return structlog.get_logger().bind(device=device.id, port=device.port, unit=device.unit)


def _place(block: Block) -> dict[str, object]:
    return {
        "table": block.table.value,
        "first": block.address,
        "last": block.address + block.size - 1,
        "points": list(block.points),
    }
