"""The empty point table: heads, examples, and a sheet that explains them (pure)."""

from collections.abc import Sequence
from typing import Final

from edge_agent.commissioning.point_table.type_words import IMPORTED

Row = Sequence[str | float]

_HEADS: Final = (
    "点标识", "名称", "英文名称", "功能码", "地址", "数据类型", "字节序", "位", "长度", "系数",
    "偏移", "单位", "状态说明", "读写", "最小值", "最大值", "周期", "死区", "备注",
)  # fmt: skip
_EXAMPLES: Final[Sequence[Row]] = (
    ("frequency", "运行频率", "Frequency", "03", 100, "uint16", "", "", "", 0.01, "", "Hz",
     "", "R", "", "", "", 0.1, "example; delete these rows"),
    ("", "出口压力", "Outlet pressure", "04", 200, "float32", "CDAB", "", 2, "", "", "kPa",
     "", "只读", "", "", "1s", 0.5, ""),
    ("", "故障", "Fault", "03", "110.3", "bit", "", "", "", "", "", "",
     "", "R", "", "", "", "", "bit 3 of register 110"),
    ("mode", "运行模式", "Mode", "03", 111, "enum", "", "", "", "", "", "",
     "0=stopped;1=manual;2=auto", "R", "", "", "", "", ""),
    ("speed_wanted", "转速设定", "Speed wanted", "03/06", 120, "uint16", "", "", "", 1, "", "rpm",
     "", "RW", 0, 3000, "", "", "a command needs minimum and maximum"),
)  # fmt: skip
_HELP: Final[Sequence[Row]] = (
    ("column 列", "what is allowed 允许的内容"),
    ("点标识 point", "identifier; empty: found from the name, or made from it"),
    ("名称 name", "name that staff use; a name of the equipment class becomes its canonical point"),
    ("英文名称 english", "English name"),
    ("功能码 function", "01 coil, 02 discrete, 03 holding, 04 input; or 线圈, 保持寄存器 ..."),
    ("地址 address", "0-based; 0x0064 and 64H too; 110.3 is bit 3; 100-101 is a range"),
    ("", "numbers such as 40001: import with --numbering modicon"),
    ("数据类型 type", ", ".join(IMPORTED) + "; 浮点, 有符号, 无符号, 开关量"),
    ("字节序 order", "ABCD (standard), CDAB, BADC, DCBA; empty: ABCD"),
    ("位 bit", "0 to 15, 0 is the lowest"),
    ("长度 length", "registers; needed for string"),
    ("系数 scale", "value = raw * scale + offset; 0.1, 1/10, ÷10"),
    ("偏移 offset", "added after scaling"),
    ("单位 unit", "°C, kPa, Hz, kW, kWh, A, V, %, m³/h ..."),
    ("状态说明 states", "0=stopped;1=running"),
    ("读写 access", "R or RW; RW needs minimum and maximum, otherwise it is read only"),
    ("最小值, 最大值", "range of a command, in the unit"),
    ("周期 period", "5, 5s, 500ms, 1min; empty: the device's"),
    ("死区 deadband", "smallest change reported, in the unit, or 2%"),
    ("备注 note", "free text"),
)  # fmt: skip


def sheets() -> list[tuple[str, Sequence[Row]]]:
    """Return the two sheets of the template."""
    return [("点表", [_HEADS, *_EXAMPLES]), ("说明", _HELP)]
