"""Which planner a device has: the one place that knows (ADR-35)."""

from config.errors import ConfigError
from config.point_kinds import fields_of, identifiers_of, registers_of
from config.ports import Cjt188Port, Dlt645Port, ModbusRtuPort, Port
from config.protocol import Protocol
from config.resolve import ResolvedDevice
from edge_agent.drivers.question import Planner
from edge_agent.drivers.registers.planner import RegisterPlanner
from edge_agent.drivers.timing import line_timing


def planner_of(device: ResolvedDevice, port: Port, *, answer_s: float | None = None) -> Planner:
    """Return the planner of a device on this port.

    On a pair of two protocols each request counts as if the line changed its settings for it.

    Args:
        device: Its points are of its protocol; that was checked when the file was loaded.
        port: The settings of its port.
        answer_s: What a device needs to answer; default: a quick device's time.
    """
    change_s = port.meters.change_s if isinstance(port, ModbusRtuPort) and port.meters else 0.0
    line = port.of_meters
    if device.protocol is Protocol.DLT645 and line is not None:
        # What no file uses is not imported.
        from edge_agent.drivers.dlt645.driver import meter_line  # noqa: PLC0415
        from edge_agent.drivers.dlt645.planner import IdentifierPlanner  # noqa: PLC0415
        from edge_agent.drivers.dlt645.relays import close_command  # noqa: PLC0415

        meters = meter_line(line.model_copy(update={"turnaround_s": line.turnaround_s + change_s}))
        points, close = identifiers_of(device.points), close_command(line)
        return IdentifierPlanner(points, meters, answer_s=answer_s, close=close)
    if isinstance(port, Cjt188Port):
        return _flow_meter(device, port, answer_s)
    if isinstance(port, Dlt645Port):
        message = f"{device.id} speaks {device.protocol}, and its port does not"
        raise ConfigError(message)
    timing = line_timing(port, answer_s=answer_s)
    if change_s:
        timing = timing._replace(
            overhead_s=timing.overhead_s + change_s, gap_s=timing.gap_s + change_s
        )
    return RegisterPlanner(registers_of(device.points), device.limits, timing)


def _flow_meter(device: ResolvedDevice, port: Cjt188Port, answer_s: float | None) -> Planner:
    # What no file uses is not imported.
    from edge_agent.drivers.cjt188_driver import cjt188_line  # noqa: PLC0415
    from edge_agent.drivers.cjt188_planner import FieldPlanner  # noqa: PLC0415

    settings = device.cjt188
    return FieldPlanner(
        fields_of(device.points),
        address=str(device.unit),
        meter_type=settings.number,
        dialect=settings.dialect(wake_up=port.wake_up),
        line=cjt188_line(port),
        answer_s=answer_s,
    )
