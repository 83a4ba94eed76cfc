"""Reports transitions of availability in the log, each once."""

import structlog

from config.gateway import ResolvedDevice
from edge_agent.polling.availability import State, Transition


class AvailabilityLog:
    """Takes the transitions of one device."""

    def __init__(self, device: ResolvedDevice) -> None:
        self._device = device

    def __call__(self, transition: Transition) -> None:
        """Write one line."""
        device, points, block = self._device, transition.points, transition.block
        log = structlog.get_logger().bind(device=device.id, port=device.port, unit=device.unit)
        if block is None:
            places = [device.points[name].where for name in points]
            reasons = sorted(set(points.values()))
            log.warning("points_refused", points=list(points), registers=places, reasons=reasons)
            return
        fields = {**block.described, "points": list(block.points)}
        if transition.state is State.AVAILABLE:
            log.info("block_good", **fields)
        else:
            reason = points[block.points[0]]
            log.warning("block_bad", **fields, reason=reason, error=transition.error)
