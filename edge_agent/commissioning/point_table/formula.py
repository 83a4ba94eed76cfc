"""A formula from raw to the unit: x/10, y = x*0.1-40 (pure)."""

import re
from typing import Final

from edge_agent.commissioning.point_table import numbers
from edge_agent.commissioning.point_table.numbers import Comma
from edge_agent.commissioning.point_table.text import CellError, compact

_NAME: Final = r"(?:[a-z_\u3400-\u9fff]+|\[[^\]]+\])"
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_RAW: Final = frozenset(
    "raw x n reg register rawvalue 原始值 寄存器值 寄存器数值 读数 采集值 读取值".split()
)
_FORMULA: Final = re.compile(
    rf"(?:(?P<left>{_NAME})=)?\(?(?:(?P<raw>{_NAME})(?P<sign>[*×/÷])(?P<by>{_NUMBER})|"
    rf"(?P<first>{_NUMBER})[*×](?P<last>{_NAME}))\)?(?P<plus>[-+]\d+\.?\d*)?"
)


def factor_and_offset(text: str, comma: Comma) -> tuple[float, float]:
    """Return what raw is multiplied by, and what is added then.

    Raises:
        CellError: The formula is of another kind.
    """
    plain = re.sub(r"x(?=[-+.\d])", "*", re.sub(r"(?<![a-z])x(?=[*×/÷])", "raw", compact(text)))
    found = _FORMULA.fullmatch(plain)
    if found is None:
        raise CellError(
            "expected a formula such as x/10 or x*0.1-40; anything else is written in the device "
            f"file by hand; got {text!r}"
        )
    value = numbers.number(found["by"] or found["first"], comma)
    if found["sign"] in {"/", "÷"}:
        value = 1 / value if value else 0.0
    if not value:
        raise CellError(f"the factor of the formula is 0, got {text!r}")
    name = found["raw"] or found["last"]
    if found["left"] in _RAW or (abs(value) > 1 and name not in _RAW):
        raise CellError(f"does not say that raw is multiplied (raw*{value:g}), got {text!r}")
    return float(f"{value:.12g}"), float(found["plus"] or 0)
