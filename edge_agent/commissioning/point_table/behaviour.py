"""How often a point is read, when it is reported, and what may be commanded (pure)."""

import re
from typing import Final

from edge_agent.commissioning.point_table import numbers, states, words
from edge_agent.commissioning.point_table.conventions import Conventions
from edge_agent.commissioning.point_table.finding import Heads
from edge_agent.commissioning.point_table.outcome import Content
from edge_agent.commissioning.point_table.qualifiers import TIMES, Qualifier
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.row_cells import RowCells
from edge_agent.commissioning.point_table.text import CellError, folded

_SECONDS: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds", "秒"), 1.0),
    **dict.fromkeys(("ms", "毫秒"), 0.001),
    **dict.fromkeys(("min", "m", "分", "分钟"), 60.0),
    **dict.fromkeys(("h", "小时"), 3600.0),
}
_HEADED: Final = {
    Qualifier.SECONDS: 1.0,
    Qualifier.MILLISECONDS: 0.001,
    Qualifier.MINUTES: 60.0,
}


def reporting(cells: RowCells, heads: Heads, conventions: Conventions) -> Content:
    """Return period, deadband and note."""
    content: Content = {}
    index = heads.columns.get(Role.PERIOD)
    stated = (
        heads.headings[index].qualifiers & TIMES if index is not None else frozenset[Qualifier]()
    )
    factor = _HEADED[next(iter(stated))] if len(stated) == 1 else 1.0
    period = cells.parse(Role.PERIOD, lambda text: period_s(text, factor))
    if period is not None:
        content["period_s"] = period
    deadband = cells.parse(Role.DEADBAND, lambda text: _deadband(text, conventions))
    if deadband is not None:
        content["deadband"] = deadband
    if note := cells.text(Role.NOTE):
        content["note"] = note
    return content


def commanding(
    cells: RowCells, content: Content, conventions: Conventions, *, writes: bool
) -> Content:
    """Return what may be commanded; a range is needed and never guessed.

    Args:
        cells: The row.
        content: Its point so far.
        conventions: What holds for its columns.
        writes: Whether a function that writes is named.
    """
    wanted = cells.parse(Role.ACCESS, words.writable)
    if wanted is False and writes:
        cells.note("read only, although a function that writes is named")
    low = cells.parse(Role.MINIMUM, lambda text: _bound(text, content, conventions))
    high = cells.parse(Role.MAXIMUM, lambda text: _bound(text, content, conventions))
    in_range = cells.text(Role.RANGE)
    if in_range and low is None and high is None and not states.looks_like_states(in_range):
        try:
            low, high = numbers.bounds(in_range, conventions.comma)
        except CellError:
            cells.unused(f"the range {in_range!r}")
    if not (writes if wanted is None else wanted):
        if (low is not None or high is not None) and "raw_span" not in content:
            stated = "..".join("" if one is None else f"{one:g}" for one in (low, high))
            cells.unused(f"the range {stated} is not kept: the point is read only")
        return {}
    if content.get("type") in {"bool", "bit"}:
        low, high = 0, 1
    if low is None or high is None:
        cells.note("writable without minimum and maximum; imported as read only")
        return {}
    return {"writable": {"minimum": low, "maximum": high}}


def period_s(text: str, factor: float = 1.0) -> float:
    """Return seconds, from 5, 5s, 500ms, 1min, 5秒, 1分钟; a bare number by the heading's unit."""
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(\D*)", folded(text))
    if found is None or (found[2] and found[2] not in _SECONDS):
        raise CellError(f"expected seconds such as 5, 5s, 500ms, 1min, got {text!r}")
    return float(found[1]) * (_SECONDS[found[2]] if found[2] else factor)


def _deadband(text: str, conventions: Conventions) -> float | dict[str, float]:
    plain = text.strip()
    if plain.endswith("%"):
        return {"percent": numbers.number(plain[:-1], conventions.comma)}
    return numbers.number(plain, conventions.comma)


def _bound(text: str, content: Content, conventions: Conventions) -> float:
    """Return one end of a range; 100% is 100 only of a point in percent."""
    plain = text.strip()
    if plain.endswith("%") and content.get("unit") == "%":
        plain = plain[:-1]
    return numbers.number(plain, conventions.comma)
