"""Numbers of GB/T 26875.3-2011 and what they mean: tables 3 to 6 of the standard (pure)."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from protocols.fire.model import State


class UnitType(IntEnum):
    """Types of application data units, table 3. Up to 28 they go to the centre, from 61 from it."""

    SYSTEM_STATUS = 1
    COMPONENT_STATUS = 2
    COMPONENT_ANALOG = 3
    OPERATION = 4
    SOFTWARE_VERSION = 5
    SYSTEM_CONFIG = 6
    COMPONENT_CONFIG = 7
    SYSTEM_TIME = 8
    TRANSMITTER_STATUS = 21
    TRANSMITTER_OPERATION = 24
    TRANSMITTER_VERSION = 25
    TRANSMITTER_CONFIG = 26
    TRANSMITTER_TIME = 28
    READ_SYSTEM_STATUS = 61
    READ_COMPONENT_STATUS = 62
    READ_COMPONENT_ANALOG = 63
    READ_OPERATIONS = 64
    READ_SOFTWARE_VERSION = 65
    READ_SYSTEM_CONFIG = 66
    READ_COMPONENT_CONFIG = 67
    READ_SYSTEM_TIME = 68
    READ_TRANSMITTER_STATUS = 81
    READ_TRANSMITTER_OPERATIONS = 84
    READ_TRANSMITTER_VERSION = 85
    READ_TRANSMITTER_CONFIG = 86
    READ_TRANSMITTER_TIME = 88
    INITIALISE = 89
    SET_CLOCK = 90
    INSPECT_SENTRY = 91


class Term(NamedTuple):
    """A name in both languages."""

    zh: str
    en: str


SYSTEM_TYPES: Final[Mapping[int, Term]] = {
    0: Term("通用", "general"),
    1: Term("火灾报警系统", "fire alarm system"),
    10: Term("消防联动控制器", "linkage controller"),
    11: Term("消火栓系统", "hydrant system"),
    12: Term("自动喷水灭火系统", "sprinkler system"),
    13: Term("气体灭火系统", "gas extinguishing system"),
    14: Term("水喷雾灭火系统（泵启动）", "water spray system (pump)"),
    15: Term("水喷雾灭火系统（压力容器启动）", "water spray system (pressure vessel)"),
    16: Term("泡沫灭火系统", "foam system"),
    17: Term("干粉灭火系统", "powder system"),
    18: Term("防烟排烟系统", "smoke control system"),
    19: Term("防火门及卷帘系统", "fire doors and shutters"),
    20: Term("消防电梯", "fire elevator"),
    21: Term("消防应急广播", "emergency broadcast"),
    22: Term("消防应急照明和疏散指示系统", "emergency lighting and evacuation signs"),
    23: Term("消防电源", "fire power supply"),
    24: Term("消防电话", "fire telephone"),
}

COMPONENT_TYPES: Final[Mapping[int, Term]] = {
    0: Term("通用", "general"),
    1: Term("火灾报警控制器", "fire alarm control panel"),
    10: Term("可燃气体探测器", "gas detector"),
    11: Term("点型可燃气体探测器", "point gas detector"),
    12: Term("独立式可燃气体探测器", "stand-alone gas detector"),
    13: Term("线型可燃气体探测器", "line gas detector"),
    16: Term("电气火灾监控报警器", "electrical fire monitor"),
    17: Term("剩余电流式电气火灾监控探测器", "residual current detector"),
    18: Term("测温式电气火灾监控探测器", "electrical temperature detector"),
    21: Term("探测回路", "detection loop"),
    22: Term("火灾显示盘", "fire display panel"),
    23: Term("手动火灾报警按钮", "manual call point"),
    24: Term("消火栓按钮", "hydrant button"),
    25: Term("火灾探测器", "fire detector"),
    30: Term("感温火灾探测器", "heat detector"),
    31: Term("点型感温火灾探测器", "point heat detector"),
    32: Term("点型感温火灾探测器（S型）", "point heat detector (S)"),
    33: Term("点型感温火灾探测器（R型）", "point heat detector (R)"),
    34: Term("线型感温火灾探测器", "line heat detector"),
    35: Term("线型感温火灾探测器（S型）", "line heat detector (S)"),
    36: Term("线型感温火灾探测器（R型）", "line heat detector (R)"),
    37: Term("光纤感温火灾探测器", "optical fibre heat detector"),
    40: Term("感烟火灾探测器", "smoke detector"),
    41: Term("点型离子感烟火灾探测器", "point ionisation smoke detector"),
    42: Term("点型光电感烟火灾探测器", "point photoelectric smoke detector"),
    43: Term("线型光束感烟火灾探测器", "beam smoke detector"),
    44: Term("吸气式感烟火灾探测器", "aspirating smoke detector"),
    50: Term("复合式火灾探测器", "combined detector"),
    51: Term("复合式感烟感温火灾探测器", "combined smoke and heat detector"),
    52: Term("复合式感光感温火灾探测器", "combined flame and heat detector"),
    53: Term("复合式感光感烟火灾探测器", "combined flame and smoke detector"),
    61: Term("紫外火焰探测器", "ultraviolet flame detector"),
    62: Term("红外火焰探测器", "infrared flame detector"),
    69: Term("感光火灾探测器", "flame detector"),
    74: Term("气体探测器", "fire gas detector"),
    78: Term("图像摄像方式火灾探测器", "video fire detector"),
    79: Term("感声火灾探测器", "acoustic fire detector"),
    81: Term("气体灭火控制器", "gas extinguishing controller"),
    82: Term("消防电气控制装置", "electrical control device"),
    83: Term("消防控制室图形显示装置", "control room display"),
    84: Term("模块", "module"),
    85: Term("输入模块", "input module"),
    86: Term("输出模块", "output module"),
    87: Term("输入/输出模块", "input/output module"),
    88: Term("中继模块", "repeater module"),
    91: Term("消防水泵", "fire pump"),
    92: Term("消防水箱", "fire water tank"),
    95: Term("喷淋泵", "sprinkler pump"),
    96: Term("水流指示器", "water flow indicator"),
    97: Term("信号阀", "monitored valve"),
    98: Term("报警阀", "alarm valve"),
    99: Term("压力开关", "pressure switch"),
    101: Term("阀驱动装置", "valve actuator"),
    102: Term("防火门", "fire door"),
    103: Term("防火阀", "fire damper"),
    104: Term("通风空调", "ventilation and air conditioning"),
    105: Term("泡沫液泵", "foam pump"),
    106: Term("管网电磁阀", "solenoid valve"),
    111: Term("防烟排烟风机", "smoke control fan"),
    113: Term("排烟防火阀", "smoke exhaust fire damper"),
    114: Term("常闭送风口", "supply air vent"),
    115: Term("排烟口", "smoke exhaust vent"),
    116: Term("电控挡烟垂壁", "smoke curtain"),
    117: Term("防火卷帘控制器", "fire shutter controller"),
    118: Term("防火门监控器", "fire door monitor"),
    121: Term("报警装置", "alarm device"),
}


class AnalogType(NamedTuple):
    """A quantity of type 3: ``value = number * step``, in ``unit``."""

    quantity: str
    unit: str
    step: float


ANALOG_TYPES: Final[Mapping[int, AnalogType]] = {
    1: AnalogType("events", "", 1),
    2: AnalogType("height", "m", 0.01),
    3: AnalogType("temperature", "°C", 0.1),
    4: AnalogType("pressure", "MPa", 0.1),
    5: AnalogType("pressure", "kPa", 0.1),
    6: AnalogType("gas_concentration", "%LEL", 0.1),
    7: AnalogType("time", "s", 1),
    8: AnalogType("voltage", "V", 0.1),
    9: AnalogType("current", "A", 0.1),
    10: AnalogType("flow", "L/s", 0.1),
    11: AnalogType("air_flow", "m³/min", 0.1),
    12: AnalogType("air_speed", "m/s", 1),
}

NORMAL_BIT: Final = 1
"""Bit 0 of each status: 1 = normal operation, 0 = test."""
RESET_BIT: Final = 1 << 13
"""Of a system status; of no component's."""

_COMMON: Final[Mapping[int, State]] = {
    1: State.FIRE,
    2: State.FAULT,
    3: State.SHIELDED,
    4: State.SUPERVISORY,
    5: State.STARTED,
    6: State.FEEDBACK,
    7: State.DELAYED,
    8: State.MAINS_FAULT,
}
COMPONENT_BITS: Final[Mapping[int, State]] = _COMMON
"""Bits of a component status; bit 8 is its supply, 9 to 15 are reserved."""
SYSTEM_BITS: Final[Mapping[int, State]] = {
    **_COMMON,
    9: State.BACKUP_FAULT,
    10: State.BUS_FAULT,
    11: State.MANUAL,
    12: State.CONFIG_CHANGED,
}
TRANSMITTER_BITS: Final[Mapping[int, State]] = {
    1: State.FIRE,
    2: State.FAULT,
    3: State.MAINS_FAULT,
    4: State.BACKUP_FAULT,
    5: State.LINK_FAULT,
    6: State.LINE_FAULT,
}

OPERATIONS: Final = ("reset", "silence", "manual_alarm", "cancel", "self_test", "confirm", "test")
"""Operation bits from bit 0."""
TRANSMITTER_OPERATIONS: Final = (*OPERATIONS[:5], "sentry_answer", OPERATIONS[6])
