"""Units in any spelling, and in their usual one (data)."""

import re
from typing import Final

from edge_agent.commissioning.point_table.text import folded

_UNITS: Final = {
    "°C": "c degc °c deg.c 摄氏度 度c celsius",
    "°F": "°f degf",
    "K": "k kelvin",
    "%": "% %rh rh% 百分比 percent rh",
    "W": "w 瓦 watt watts",
    "kW": "kw 千瓦",
    "MW": "兆瓦",
    "Wh": "wh 瓦时",
    "kWh": "kwh 千瓦时 kw·h kw.h kw*h kw-h",
    "MWh": "mwh 兆瓦时",
    "VA": "va",
    "kVA": "kva",
    "var": "var",
    "kvar": "kvar",
    "kvarh": "kvarh kvar·h",
    "J": "j",
    "kJ": "kj",
    "MJ": "mj",
    "GJ": "gj 吉焦",
    "Pa": "pa 帕",
    "kPa": "kpa 千帕",
    "MPa": "mpa 兆帕",
    "bar": "bar 巴",
    "mbar": "mbar",
    "Hz": "hz 赫兹 赫 hertz",
    "V": "v 伏 伏特 volt volts",
    "mV": "mv",
    "kV": "kv",
    "A": "a 安 安培 amp amps ampere amperes",
    "mA": "ma",
    "µA": "µa μa ua",
    "Ω": "ω ohm 欧姆 欧",
    "m³": "m3 立方米 立方 m^3 cbm",
    "m³/h": "m3/h 立方米/小时 m^3/h 立方/小时 m3h 立方米每小时",
    "L": "l 升 liter litre",
    "L/min": "l/min lpm",
    "L/s": "l/s",
    "mm": "mm 毫米",
    "cm": "cm 厘米",
    "m": "m 米",
    "m/s": "m/s 米/秒",
    "t": "t 吨 ton",
    "kg": "kg 千克 公斤",
    "h": "h 小时 hour hours hr hrs",
    "min": "min 分钟",
    "s": "s 秒 sec second seconds",
    "ms": "ms 毫秒",
    "rpm": "rpm r/min 转/分 转/分钟 1/min min-1 rev/min",
    "CNY": "元 cny rmb ¥",
    "ppm": "ppm",
    "mg/m³": "mg/m3",
    "µg/m³": "µg/m3 μg/m3 ug/m3",
    "kg/m³": "kg/m3",
    "W/m²": "w/m2",
    "m²": "m2 平方米",
    "m³/min": "m3/min",
    "m³/d": "m3/d",
    "L/h": "l/h",
    "lx": "lx lux 勒克斯",
    "dB": "db dba db(a)",
    "°": "°",
    "mmH2O": "mmh2o",
    "mH2O": "mh2o 米水柱",
    "kgf/cm²": "kgf/cm2",
    "NTU": "ntu",
    "mg/L": "mg/l",
    "": "无量纲 dimensionless",
}
_KNOWN: Final = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_CASED: Final = {"MW": "MW", "mW": "mW", "MPa": "MPa", "mPa": "mPa", "MV": "MV", "mV": "mV"}
"""Where the case of a letter is a thousand or a thousandth."""


def unit_in(text: str) -> tuple[str, bool]:
    """Return the unit in its usual spelling, and whether it is a known one."""
    plain = re.sub(r"^[(\[]|[)\]]$", "", folded(text)).strip()
    as_written = re.sub(r"\s+", "", text.strip())
    if as_written in _CASED:
        return _CASED[as_written], True
    word = re.sub(r"\s+", "", plain)
    if word in _KNOWN:
        return _KNOWN[word], True
    return text.strip(), False


def factor_between(got: str, wanted: str) -> float | None:
    """Return by what a value is multiplied to come from one unit to the other; None if unknown."""
    for scale in _SCALES:
        if got in scale and wanted in scale:
            return float(f"{scale[got] / scale[wanted]:.12g}")
    return None


_SCALES: Final[tuple[dict[str, float], ...]] = (
    {"Pa": 1, "mbar": 100, "kPa": 1000, "bar": 1e5, "MPa": 1e6},
    {"W": 1, "kW": 1e3, "MW": 1e6},
    {"Wh": 1, "kWh": 1e3, "MWh": 1e6},
    {"VA": 1, "kVA": 1e3},
    {"var": 1, "kvar": 1e3},
    {"µA": 1e-6, "mA": 1e-3, "A": 1},
    {"mV": 1e-3, "V": 1, "kV": 1e3},
    {"mm": 1e-3, "cm": 1e-2, "m": 1},
    {"s": 1, "min": 60, "h": 3600},
    {"J": 1, "kJ": 1e3, "MJ": 1e6, "GJ": 1e9},
    {"L/min": 0.06, "L/s": 3.6, "m³/h": 1},
)
