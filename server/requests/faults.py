"""What residents ask for: kinds of fault with their trade and their severity; pure."""

from types import MappingProxyType
from typing import Final, NamedTuple

from config.classes import Severity, Trade


class Fault(NamedTuple):
    """A kind of fault."""

    key: str
    """Also the cause of the order."""
    trade: Trade
    severity: Severity
    name_en: str
    name_zh: str


_URGENT, _HIGH, _MEDIUM = Severity.URGENT, Severity.HIGH, Severity.MEDIUM
_ALL: Final = (
    Fault("water_leak", Trade.PLUMBING, _URGENT, "Water leaks", "漏水"),
    Fault("no_water", Trade.PLUMBING, _HIGH, "No water", "停水"),
    Fault("drain_blocked", Trade.PLUMBING, _HIGH, "Drain is blocked", "下水堵塞"),
    Fault("tap", Trade.PLUMBING, _MEDIUM, "Tap or toilet", "水龙头或马桶"),
    Fault("no_power", Trade.ELECTRICAL, _URGENT, "No electricity", "停电"),
    Fault("socket", Trade.ELECTRICAL, _MEDIUM, "Socket, switch or light", "插座、开关或灯具"),
    Fault("heating_leak", Trade.HEATING, _URGENT, "Heating leaks", "暖气漏水"),
    Fault("heating_cold", Trade.HEATING, _HIGH, "Heating is cold", "暖气不热"),
    Fault("intercom", Trade.LOW_VOLTAGE, _MEDIUM, "Door, intercom or network", "门禁、对讲或网络"),
    Fault("lift", Trade.LIFT, _HIGH, "Lift", "电梯"),
    Fault("fire_equipment", Trade.FIRE, _HIGH, "Smoke detector or hydrant", "烟感或消火栓"),
    Fault("doors_windows", Trade.BUILDING, _MEDIUM, "Doors or windows", "门窗"),
    Fault("walls", Trade.BUILDING, _MEDIUM, "Wall, ceiling, floor or roof", "墙面、屋顶或地面"),
    Fault("other", Trade.BUILDING, _MEDIUM, "Something else", "其他"),
)
FAULTS: Final = MappingProxyType({one.key: one for one in _ALL})
"""By key, in the order in which they are offered."""
