"""Which kinds of equipment there are."""

from collections.abc import Mapping
from typing import Literal

from simulators.equipment.base import Equipment
from simulators.equipment.flow_meters import HeatMeter, WaterMeter
from simulators.equipment.lift import Lift
from simulators.equipment.meter import ElectricityMeter
from simulators.equipment.pump import Pump
from simulators.equipment.room import Room
from simulators.equipment.valve import Valve
from simulators.equipment.water import LeakSensor, Sump

EquipmentKind = Literal[
    "pump", "lift", "leak", "sump", "meter", "water_meter", "heat_meter", "room", "valve", "counter"
]

MODELS: Mapping[str, type[Equipment]] = {
    "pump": Pump,
    "lift": Lift,
    "leak": LeakSensor,
    "sump": Sump,
    "meter": ElectricityMeter,
    "water_meter": WaterMeter,
    "heat_meter": HeatMeter,
    "room": Room,
    "valve": Valve,
}
"""``counter`` is none of them: it measures no plant, but proves what was read."""


def events_of(kind: str) -> frozenset[str]:
    """Return what can happen to a kind of equipment."""
    return MODELS[kind].events if kind in MODELS else frozenset()
