"""The columns of such a table, one for each option of its points, and their cells (pure)."""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from config.cjt188 import FieldPoint
from config.identifiers import IdentifierPoint
from config.mbus import RecordPoint
from config.osdp import OsdpPoint
from config.protocol import Protocol
from config.protocol_point import ProtocolPoint
from config.reachability import ProbePoint
from edge_agent.commissioning.point_table import numbers, states, words
from edge_agent.commissioning.point_table.behaviour import period_s
from edge_agent.commissioning.point_table.numbers import POINT as DECIMAL_POINT
from edge_agent.commissioning.point_table.text import compact, folded
from edge_agent.commissioning.point_table.unit_words import unit_in

Cell: TypeAlias = Callable[[str], object]
"""Text of a cell to the value of its option; raises CellError."""

MODELS: Final[Mapping[str, type[ProtocolPoint]]] = {
    Protocol.DLT645.value: IdentifierPoint,
    Protocol.CJT188.value: FieldPoint,
    Protocol.MBUS.value: RecordPoint,
    Protocol.REACHABILITY.value: ProbePoint,
    Protocol.OSDP.value: OsdpPoint,
}
"""Protocol to the kind of its points."""
POINT, NAME, ENGLISH, ACCESS = "point", "name", "english", "access"
_MOST: Final = 10**15


def _whole(text: str) -> int:
    return numbers.whole(text, 0, _MOST)


def _number(text: str) -> float:
    return numbers.number(text, DECIMAL_POINT)


def _bounds(text: str) -> list[float]:
    return list(numbers.bounds(text, DECIMAL_POINT))


def _deadband(text: str) -> object:
    plain = text.strip()
    return {"percent": _number(plain[:-1])} if plain.endswith("%") else _number(plain)


def _names(text: str) -> list[str]:
    return [one for one in re.split(r"[\s,;*×、]+", text) if one]


def _word(text: str) -> str:
    return re.sub(r"[\s-]+", "_", folded(text))


def _as_is(text: str) -> str:
    return text.strip()


CELLS: Final[Mapping[str, Cell]] = {
    **dict.fromkeys((POINT, NAME, ENGLISH, "note", "identifier", "vif", "quantity"), _as_is),
    "unit": lambda text: unit_in(text)[0],
    **dict.fromkeys(("field", "probe", "gives", "reader", "function", "kind"), _word),
    **dict.fromkeys(("part", "bytes", "decimals", "bit", "width"), _whole),
    **dict.fromkeys(("storage", "tariff", "subunit", "nth", "number", "tcp_port"), _whole),
    **dict.fromkeys(("scale", "pulse_s"), _number),
    **dict.fromkeys(("period_s", "min_interval_s", "max_silence_s"), period_s),
    **dict.fromkeys(("inverted", "signed", "reversed_text", "text"), words.is_yes),
    **dict.fromkeys(("totalizer", "report_all", "refused_is_there"), words.is_yes),
    **dict.fromkeys(("plausible", "span"), _bounds),
    "deadband": _deadband,
    "enum": states.states,
    "state_words": states.words_of_states,
    "ratio_from": _names,
    ACCESS: words.writable,
}
"""Column to what its cells mean."""

_HEADINGS: Final = {
    POINT: "点标识, 变量名, tag, id",
    NAME: "名称, 点位名称, 描述, name",
    ENGLISH: "英文名称, english name",
    "unit": "单位",
    "note": "备注, 说明, remark",
    "identifier": "数据标识, 标识, 标识符, di",
    "field": "字段, 数据项",
    "quantity": "物理量, 量",
    "vif": "vif vife",
    "probe": "探测, 探测方式",
    "gives": "结果",
    "reader": "部位, 读卡器部位",
    "number": "序号, 编号",
    "tcp_port": "端口, 端口号, port, tcp port",
    "refused_is_there": "拒绝即在线",
    "function": "功能, 取值方式",
    "kind": "编码, 数据类型, 类型, type, coding",
    "part": "第几个, 分量",
    "bytes": "字节数, 字节, length",
    "decimals": "小数位, 小数位数",
    "bit": "位, 比特",
    "width": "位宽, 位数",
    "storage": "存储号, 存储",
    "tariff": "费率, 费率号",
    "subunit": "子单元",
    "nth": "第n个",
    "scale": "系数, 倍率, factor",
    "pulse_s": "脉冲时间, 脉冲, pulse",
    "period_s": "周期, 采集周期, period",
    "min_interval_s": "最小上报间隔, min interval",
    "max_silence_s": "最大静默, max silence",
    "inverted": "取反",
    "signed": "有符号, 有无符号, sign",
    "reversed_text": "倒序文本",
    "text": "文本",
    "totalizer": "累计量, 累计",
    "report_all": "全部上报",
    "plausible": "合理范围, plausible range",
    "span": "量程, range",
    "deadband": "死区",
    "enum": "状态说明, 枚举, states",
    "state_words": "状态名称, 状态译名, state names, state words, words",
    "ratio_from": "变比, 变比点, ratio",
    ACCESS: "读写, 读写属性, rw, writable",
}


def columns_of(model: type[ProtocolPoint]) -> tuple[str, ...]:
    """Return the columns that a table of such points may have; what places them is the first."""
    options = [name for name in model.model_fields if name in CELLS]
    own = [model.TAG, *(name for name in options if name not in {model.TAG, NAME})]
    access = (ACCESS,) if "writable" in model.model_fields else ()
    return (POINT, NAME, ENGLISH, *own, *access)


def headings_of(column: str) -> tuple[str, ...]:
    """Return the words that a column may be headed by; the first is its own name."""
    return (column, *_HEADINGS.get(column, "").split(", "))


def column_headed(text: str, model: type[ProtocolPoint]) -> str:
    """Return the column that a heading is of; empty: none.

    A heading may say it twice (数据标识 identifier), and more in a bracket.
    """
    bare = re.sub(r"[(（\[【].*", "", text)
    inside = "".join(re.findall(r"[(（\[【](.*?)[)）\]】]", text))
    found = next(filter(None, (_column(word, model) for word in (text, bare, inside))), "")
    parts = {_column(word, model) for word in text.split()}
    return found or (parts.pop() if len(parts) == 1 else "")


def _column(word: str, model: type[ProtocolPoint]) -> str:
    plain = _plain(word)
    columns = columns_of(model) if plain else ()
    for column in columns:
        if plain in {_plain(one) for one in headings_of(column) if one}:
            return column
    return ""


def _plain(text: str) -> str:
    return compact(text).replace("_", "")
