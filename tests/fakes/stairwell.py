"""A pair of wires in a stairwell: a gateway of Modbus, electricity and water meters."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, Final

from config.cjt188 import FieldPoint
from config.gateway import ResolvedDevice
from config.identifiers import IdentifierPoint
from config.line_units import Cjt188Meters, Dlt645Meters, ModbusUnits
from config.members import LineMember, members_of
from config.ports import Cjt188Port, Dlt645Port, ModbusRtuPort, Port
from edge_agent.drivers.base import UnitAddress
from edge_agent.drivers.lines import Lines
from edge_agent.drivers.link import LineSetting
from edge_agent.planners import planner_of
from protocols.dlt645.codes import Edition
from protocols.dlt645.identifiers import item
from protocols.reading import Quality, Value
from simulators.cjt188 import MeterSettings, SimulatedMeter
from simulators.cjt188 import meter_unit as flow_meter_unit
from simulators.equipment.flow_meters import WaterMeter
from simulators.line import Reply, Responder
from simulators.line_protocols import meter_unit
from tests.contract.test_flow_meters_polled import device as flow_meter_device
from tests.contract.test_meters_polled import of_meter
from tests.fakes.devices import device, point
from tests.fakes.memory_line import LateUnit, value_of
from tests.fakes.memory_pair import Group, MemoryPair
from tests.fakes.meter_line import ENERGY, A, meter
from tests.fakes.virtual_loop import LoopClock

UNIT, WATER = 3, "78330011223344"
KWH, M3 = 1234.5, 556.77
FRAMINGS = {"modbus_rtu": "rtu", "dlt645": "dlt645", "cjt188": "cjt188"}
"""As simulators call what ports are of."""
SHARED = Dlt645Port(
    kind="dlt645",
    device="/dev/none",
    also=(
        Cjt188Meters(kind="cjt188"),
        ModbusUnits(kind="modbus_rtu", baud=2400),
    ),
)
"""All of them at 2400 8E1."""
MIXED = ModbusRtuPort(
    kind="modbus_rtu",
    device="/dev/none",
    parity="N",
    also=(Dlt645Meters(kind="dlt645"), Cjt188Meters(kind="cjt188")),
)
"""Meters at 2400 8E1, Modbus at 9600 8N1."""
WATER_FIRST = Cjt188Port(
    kind="cjt188",
    device="/dev/none",
    also=(Dlt645Meters(kind="dlt645", baud=1200), ModbusUnits(kind="modbus_rtu", parity="N")),
)
"""Three settings."""


class Delayed:
    """Answers each request after the next of these times, at once when there are no more."""

    def __init__(self, inner: Responder, delays_s: Sequence[float] = ()) -> None:
        self._inner = inner
        self._delays: Iterator[float] = chain(delays_s, repeat(0.0))
        self.asked = 0

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        self.asked += 1
        reply = self._inner.respond(pdu, now_s)
        return reply._replace(delay_s=reply.delay_s + next(self._delays))


def water_meter(address: str = WATER) -> SimulatedMeter:
    made = SimulatedMeter(
        address,
        equipment=WaterMeter(seed=3, started_s=0),
        settings=MeterSettings(0x10, address),
        started_s=0,
    )
    made.hold("volume", M3)
    return made


def electricity_meter(address: str = A) -> Any:
    made, energy = meter(address), item(Edition.E2007, ENERGY)
    assert energy is not None
    made.hold(energy.labels[0], KWH)
    return made


def units_of(
    delays_s: Mapping[str, Sequence[float]] = {}, silent: Mapping[str, Responder] = {}
) -> dict[str, tuple[int, Responder]]:
    """Return one unit for each framing, with its number."""
    made: dict[str, tuple[int, Responder]] = {
        "rtu": (UNIT, LateUnit(UNIT, lambda: 0.0)),
        "dlt645": (meter_unit(A), electricity_meter()),
        "cjt188": (flow_meter_unit(0x10, WATER), water_meter()),
    }
    return {
        framing: (number, Delayed(silent.get(framing, unit), delays_s.get(framing, ())))
        for framing, (number, unit) in made.items()
    }


def pair_of(port: Port, units: Mapping[str, tuple[int, Responder]]) -> MemoryPair:
    """Return the pair of a port with these units on it."""
    members = [one for one in members_of(port) if isinstance(one, LineMember)]
    settings = {FRAMINGS[one.kind]: one.setting for one in members}
    return MemoryPair(
        *(
            Group(LineSetting(*setting), framing, dict([units[framing]]))
            for framing, setting in settings.items()
        )
    )


def devices_of(
    period_s: float = 10.0, writable: Mapping[str, Any] | None = None
) -> dict[str, ResolvedDevice]:
    """Return the device of each framing; ``writable``: what may be written can be."""
    rules = {} if writable is None else {"writable": writable}
    relay = {"identifier": "04000503", "bit": 4, "inverted": True} | rules
    registers = {
        "level": point(0, period_s=period_s, report_all=True),
        "setpoint": point(
            1, period_s=period_s, report_all=True, **(rules and {"writable": {"maximum": 60000}})
        ),
    }
    identifiers = {
        "energy": IdentifierPoint(identifier="00010000"),
        "relay": IdentifierPoint.model_validate(relay),
    }
    fields = {
        "volume": FieldPoint(field="volume"),
        "valve": FieldPoint.model_validate({"field": "valve"} | rules),
    }
    return {
        "rtu": device("gateway", registers, unit=UNIT),
        "dlt645": of_meter(A, identifiers, period_s),
        "cjt188": flow_meter_device(WATER, "10", fields, period_s),
    }


PORTS: Final[dict[str, LineMember]] = {"shared": SHARED, "mixed": MIXED, "water_first": WATER_FIRST}
DEVICES = devices_of()
ASKED = {"rtu": "level", "dlt645": "energy", "cjt188": "volume"}
RIGHT = {"rtu": value_of(UNIT, 0), "dlt645": KWH, "cjt188": M3}
TIMEOUT_S = 1.0


class AskedPair:
    """The driver of a pair, asked by hand."""

    def __init__(self, port: Port, pair: MemoryPair, late: list[UnitAddress]) -> None:
        self.port = port

        async def open_line() -> MemoryPair:
            return pair

        lines = Lines(line_of=lambda _: open_line)
        self.driver = lines.open(port, LoopClock(), lambda unit, _: late.append(unit))

    async def value(self, framing: str, *, timeout_s: float = TIMEOUT_S) -> Value:
        """Ask the unit of a protocol for its point."""
        device = DEVICES[framing]
        planner = planner_of(device, self.port)
        question = planner.alone(ASKED[framing])
        wire_s = planner.wire_s(question)
        reply = await self.driver.ask(device.unit, question, timeout_s=timeout_s + wire_s)
        (reading,) = planner.reader(question)(reply.values, reply.at_ms)
        assert reading.quality is Quality.GOOD
        return reading.value
