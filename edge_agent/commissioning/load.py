"""What a gateway's ports are asked for, how long that takes, and what would fit (pure)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from config.gateway import Gateway, ResolvedDevice
from config.listening import HeardPort
from config.members import at_baud, members_of
from config.meter_ports import MeterPort
from config.ports import ModbusRtuPort, Port
from edge_agent.drivers.question import ALL_AVAILABLE, Question
from edge_agent.planners import planner_of

COMFORTABLE: Final = 0.8
"""Above this share of a port's time, commands, retries and slow answers find no room."""

_NICE_PERIODS_S: Final = (1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(frozen=True)
class ClassLoad:
    """The points of one device that are read at one period.

    Attributes:
        seconds: Predicted time of each request, in the order of ``blocks``.
    """

    device: str
    unit: int | str
    period_s: float
    blocks: tuple[Question, ...]
    seconds: tuple[float, ...]

    @property
    def points(self) -> int:
        """Points that are read."""
        return sum(len(block.points) for block in self.blocks)

    @property
    def cycle_s(self) -> float:
        """Predicted time of one cycle."""
        return sum(self.seconds)

    @property
    def load(self) -> float:
        """Share of the port's time."""
        return self.cycle_s / self.period_s


@dataclass(frozen=True)
class PortLoad:
    """One port and all that it is asked."""

    name: str
    port: Port
    answer_s: float | None
    devices: tuple[ResolvedDevice, ...]
    classes: tuple[ClassLoad, ...]

    @property
    def load(self) -> float:
        """Share of the port's time that reading takes; above 1 it cannot be done."""
        return sum(one.load for one in self.classes)

    @property
    def fits(self) -> bool:
        """Whether the port can do what it is asked."""
        return self.load <= 1


def port_loads(gateway: Gateway, *, answer_s: float | None = None) -> list[PortLoad]:
    """Return the load of each port that is polled, in the file's order.

    Args:
        gateway: A checked agent file.
        answer_s: What a device needs to answer; default: as the agent's planner assumes.
    """
    return [
        _port_load(
            name,
            port,
            tuple(device for device in gateway.devices.values() if device.port == name),
            answer_s,
        )
        for name, port in gateway.settings.ports.items()
        if not isinstance(port, HeardPort)  # nothing is asked there
    ]


def remedies(asked: PortLoad) -> list[str]:
    """Yield what would bring a port down to a comfortable load, each for itself."""
    return [*_slower(asked.classes), *_faster_line(asked), *_more_lines(asked)]


def read_apart(asked: PortLoad) -> Iterator[str]:
    """Yield which points are read in another request than a factor that scales them."""
    points = {device.id: device.points for device in asked.devices}
    for one in asked.classes:
        request = {name: at for at, block in enumerate(one.blocks) for name in block.points}
        apart = {
            name: [by for by in points[one.device][name].factors if request.get(by) != at]
            for name, at in request.items()
        }
        listed = [f"{name} ({', '.join(factors)})" for name, factors in apart.items() if factors]
        if listed:
            yield (
                f"device {one.device}: in another request of the cycle than what scales them: "
                f"{', '.join(listed)}; a factor that changes between the two makes one wrong value"
            )


def _port_load(
    name: str, port: Port, devices: tuple[ResolvedDevice, ...], answer_s: float | None
) -> PortLoad:
    # The requests are those that the agent makes; only their price may be assumed otherwise.
    classes = [one for device in devices for one in _class_loads(device, port, answer_s)]
    return PortLoad(name, port, answer_s, devices, tuple(classes))


def _class_loads(device: ResolvedDevice, port: Port, answer_s: float | None) -> Iterator[ClassLoad]:
    planned, priced = planner_of(device, port), planner_of(device, port, answer_s=answer_s)
    for period_s in sorted({point.period_s or 1.0 for point in device.points.values()}):
        blocks = tuple(planned.plan(period_s, ALL_AVAILABLE))
        seconds = tuple(priced.expected_s(block) for block in blocks)
        yield ClassLoad(device.id, device.unit, period_s, blocks, seconds)


def _slower(classes: Sequence[ClassLoad]) -> Iterator[str]:
    """The class that costs most, read less often; or all of them."""
    loads: dict[float, float] = {}
    for one in classes:
        loads[one.period_s] = loads.get(one.period_s, 0.0) + one.load
    worst = max(loads, key=lambda period_s: loads[period_s])
    rest = sum(loads.values()) - loads[worst]
    if rest < COMFORTABLE:
        period_s = _nice(worst * loads[worst] / (COMFORTABLE - rest))
        after = rest + loads[worst] * worst / period_s
        yield (
            f"longer period: {period_s:g} s instead of {worst:g} s "
            f"for what is read every {worst:g} s: load {after:.0%}"
        )
    if len(loads) > 1:
        factor = math.ceil(sum(loads.values()) / COMFORTABLE * 10) / 10
        after = sum(loads.values()) / factor
        yield f"longer periods: all of them times {factor:g}: load {after:.0%}"


def _faster_line(asked: PortLoad) -> Iterator[str]:
    members = members_of(asked.port)
    for port in members:
        if not isinstance(port, ModbusRtuPort | MeterPort):
            return
        of = f" of {port.kind}" if len(members) > 1 else ""
        (protocol,) = port.PROTOCOLS
        for baud in get_args(type(port).model_fields["baud"].annotation):
            if baud <= port.baud:
                continue
            faster = at_baud(asked.port, protocol, baud)
            load = _port_load(asked.name, faster, asked.devices, asked.answer_s).load
            if load <= COMFORTABLE:
                yield f"higher baud{of}: {baud} instead of {port.baud}: load {load:.0%}"
                break


def _more_lines(asked: PortLoad) -> Iterator[str]:
    units = len({one.unit for one in asked.classes})
    lines = math.ceil(asked.load / COMFORTABLE)
    if 1 < lines <= units:
        yield f"more ports: its {units} units on {lines} lines: load {asked.load / lines:.0%} each"


def _nice(period_s: float) -> float:
    return next((nice for nice in _NICE_PERIODS_S if nice >= period_s), math.ceil(period_s))
