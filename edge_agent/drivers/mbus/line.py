"""How an M-Bus is spoken on (pure)."""

from dataclasses import replace

from config.meter_ports import MbusPort
from edge_agent.drivers.frame_line import FrameLine


def mbus_line(port: MbusPort) -> FrameLine:
    """Return how the line of a port is spoken on."""
    return replace(FrameLine.of(port), late_s=port.late_s)
