"""Which planner a device has: the one place that knows (ADR-35)."""

from dataclasses import replace
from datetime import time

from config.errors import ConfigError
from config.gateway import ResolvedDevice
from config.members import change_s_of, member_of, members_of
from config.meter_ports import Cjt188Port, Dlt645Port, MbusPort
from config.point_kinds import (
    fields_of,
    identifiers_of,
    parts_of,
    probes_of,
    records_of,
    registers_of,
)
from config.ports import ModbusPort, OsdpPort, Port, ReachabilityPort
from edge_agent.drivers.question import Announcements, Planner
from edge_agent.drivers.registers.planner import RegisterPlanner
from edge_agent.drivers.timing import line_timing


def planner_of(device: ResolvedDevice, port: Port, *, answer_s: float | None = None) -> Planner:
    """Return the planner of a device on this port.

    On a line of several protocols with different settings each request counts as if the line
    changed its settings for it.

    Args:
        device: Its points are of its protocol; that was checked when the file was loaded.
        port: The settings of its port.
        answer_s: What a device needs to answer; default: a quick device's time.

    Raises:
        ConfigError: Its port does not carry its protocol.
    """
    own, change_s = member_of(port, device.protocol), change_s_of(port)
    if device.protocol not in own.PROTOCOLS:
        message = f"{device.id} speaks {device.protocol}, and its port does not"
        raise ConfigError(message)
    match own:
        case Dlt645Port():
            return _meter(device, own, change_s, answer_s)
        case Cjt188Port():
            return _flow_meter(device, own, change_s, answer_s)
        case MbusPort():
            return _slave(device, own, answer_s)
        case ReachabilityPort():
            # What no file uses is not imported.
            from edge_agent.drivers.reachability.planner import ProbePlanner  # noqa: PLC0415

            return ProbePlanner(probes_of(device.points), answer_s=answer_s)
        case OsdpPort():
            # What no file uses is not imported.
            from edge_agent.drivers.osdp.planner import ReaderPlanner  # noqa: PLC0415

            return ReaderPlanner(parts_of(device.points), own)
        case _:
            return _unit(device, own, change_s, answer_s)


def announcements_of(port: Port) -> Announcements | None:
    """Return what a port tells all of its devices by itself; None: nothing."""
    for line in members_of(port):
        if isinstance(line, Dlt645Port) and line.clock_at is not None:
            # What no file uses is not imported.
            from edge_agent.drivers.dlt645.clocks import ClockBroadcast  # noqa: PLC0415

            return ClockBroadcast(line, time.fromisoformat(line.clock_at))
    return None


def _unit(
    device: ResolvedDevice, port: ModbusPort, change_s: float, answer_s: float | None
) -> Planner:
    timing = line_timing(port, answer_s=answer_s)
    timing = timing._replace(overhead_s=timing.overhead_s + change_s, gap_s=timing.gap_s + change_s)
    return RegisterPlanner(registers_of(device.points), device.limits, timing)


def _meter(
    device: ResolvedDevice, port: Dlt645Port, change_s: float, answer_s: float | None
) -> Planner:
    # What no file uses is not imported.
    from edge_agent.drivers.dlt645.line import meter_line  # noqa: PLC0415
    from edge_agent.drivers.dlt645.planner import IdentifierPlanner  # noqa: PLC0415
    from edge_agent.drivers.dlt645.relays import close_command  # noqa: PLC0415

    line = meter_line(port)
    return IdentifierPlanner(
        identifiers_of(device.points),
        replace(line, turnaround_s=line.turnaround_s + change_s),
        answer_s=answer_s,
        close=close_command(port),
    )


def _flow_meter(
    device: ResolvedDevice, port: Cjt188Port, change_s: float, answer_s: float | None
) -> Planner:
    # What no file uses is not imported.
    from edge_agent.drivers.cjt188.planner import FieldPlanner  # noqa: PLC0415
    from edge_agent.drivers.frame_line import FrameLine  # noqa: PLC0415

    settings, line = device.cjt188, FrameLine.of(port)
    return FieldPlanner(
        fields_of(device.points),
        address=str(device.unit),
        meter_type=settings.number,
        dialect=settings.dialect(wake_up=port.wake_up),
        line=replace(line, turnaround_s=line.turnaround_s + change_s),
        answer_s=answer_s,
    )


def _slave(device: ResolvedDevice, port: MbusPort, answer_s: float | None) -> Planner:
    # What no file uses is not imported.
    from edge_agent.drivers.mbus.line import mbus_line  # noqa: PLC0415
    from edge_agent.drivers.mbus.planner import RecordPlanner  # noqa: PLC0415

    return RecordPlanner(
        records_of(device.points),
        mbus_line(port),
        selected=isinstance(device.unit, str),
        settings=device.mbus,
        answer_s=answer_s,
    )
