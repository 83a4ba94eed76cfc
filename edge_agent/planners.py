"""Which planner a device has: the one place that knows (ADR-35)."""

from config.point_kinds import identifiers_of, registers_of
from config.ports import Dlt645Port, Port
from config.resolve import ResolvedDevice
from edge_agent.drivers.question import Planner
from edge_agent.drivers.registers.planner import RegisterPlanner
from edge_agent.drivers.timing import line_timing


def planner_of(device: ResolvedDevice, port: Port, *, answer_s: float | None = None) -> Planner:
    """Return the planner of a device on this port.

    Args:
        device: Its points are of its protocol; that was checked when the file was loaded.
        port: The settings of its port.
        answer_s: What a device needs to answer; default: a quick device's time.
    """
    if isinstance(port, Dlt645Port):
        # What no file uses is not imported.
        from edge_agent.drivers.dlt645.driver import meter_line  # noqa: PLC0415
        from edge_agent.drivers.dlt645.planner import IdentifierPlanner  # noqa: PLC0415
        from edge_agent.drivers.dlt645.relays import close_command  # noqa: PLC0415

        points, line = identifiers_of(device.points), meter_line(port)
        return IdentifierPlanner(points, line, answer_s=answer_s, close=close_command(port))
    timing = line_timing(port, answer_s=answer_s)
    return RegisterPlanner(registers_of(device.points), device.limits, timing)
