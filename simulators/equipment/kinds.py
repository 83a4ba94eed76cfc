"""Which kinds of equipment there are."""

from collections.abc import Mapping
from typing import Final, Literal

from simulators.equipment.base import Equipment
from simulators.equipment.flow_meters import HeatMeter, WaterMeter
from simulators.equipment.lift import Lift
from simulators.equipment.meter import ElectricityMeter
from simulators.equipment.pump import Pump
from simulators.equipment.room import Room
from simulators.equipment.valve import Valve
from simulators.equipment.water import LeakSensor, Sump

EquipmentKind = Literal[
    "pump",
    "lift",
    "leak",
    "sump",
    "meter",
    "water_meter",
    "heat_meter",
    "room",
    "valve",
    "fire_panel",
    "door",
    "counter",
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
"""``counter`` is none of them: it measures no plant, but proves what was read; neither are
``fire_panel`` and ``door``, which have no registers and speak by themselves."""
FIRE_EVENTS: Final = frozenset({"fire", "component_fault"})
DOOR_EVENTS: Final = frozenset({"card", "leave", "force"})


def events_of(kind: str) -> frozenset[str]:
    """Return what can happen to a kind of equipment."""
    if kind == "fire_panel":
        return FIRE_EVENTS
    if kind == "door":
        return DOOR_EVENTS
    return MODELS[kind].events if kind in MODELS else frozenset()
