"""A formula from raw to the unit: x/10, y = x*0.1-40 (pure)."""

import re
from typing import Final

from edge_agent.commissioning.point_table import numbers
from edge_agent.commissioning.point_table.numbers import Comma
from edge_agent.commissioning.point_table.text import CellError, compact

_NAME: Final = r"(?:[a-z_\u3400-\u9fff]+|\[[^\]]+\])"
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_FORMULA: Final = re.compile(
    rf"(?:{_NAME}=)?\(?(?:(?P<raw>{_NAME})(?P<sign>[*×/÷])(?P<by>{_NUMBER})|"
    rf"(?P<first>{_NUMBER})[*×]{_NAME})\)?(?P<plus>[-+]\d+\.?\d*)?"
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
    return float(f"{value:.12g}"), float(found["plus"] or 0)
