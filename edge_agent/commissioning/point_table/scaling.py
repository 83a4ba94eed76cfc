"""The factor and the unit of a row, from all the places that may say them (pure)."""

import math
import re
from typing import Final

from edge_agent.commissioning.point_table import numbers
from edge_agent.commissioning.point_table.conventions import Conventions
from edge_agent.commissioning.point_table.formula import factor_and_offset
from edge_agent.commissioning.point_table.naming import Canon, bracket_of
from edge_agent.commissioning.point_table.numbers import Factor
from edge_agent.commissioning.point_table.outcome import Content
from edge_agent.commissioning.point_table.remarks import Remark
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.row_cells import RowCells
from edge_agent.commissioning.point_table.text import CellError
from edge_agent.commissioning.point_table.unit_words import factor_between

_MOST_DECIMALS: Final = 9
_FIRST_NUMBERS: Final = frozenset({10001, 30000, 30001, 40000, 40001, 300001, 400001})
"""What some tables add to an address."""
_UNIT_PLACES: Final = (Role.UNIT, Role.SCALE, "name", "remark")
"""Where a unit may stand, the surest first."""
_IS_STEP: Final = re.compile(r"[.,/^÷]|\d\s*[^\d\s]")


def scaling(
    cells: RowCells, conventions: Conventions, remark: Remark, *, floating: bool
) -> Content:
    """Return scale, offset and unit.

    Args:
        cells: The row.
        conventions: What holds for its columns.
        remark: Factor and unit that remarks name.
        floating: Whether the registers hold a floating point number.
    """
    factors: dict[str, float] = {}
    units: dict[str, str] = {}
    _from_scale(cells, conventions, factors, units)
    divisor = cells.parse(Role.DIVISOR, lambda text: _divisor(text, conventions))
    if divisor is not None:
        factors[Role.DIVISOR] = divisor
    places = cells.parse(Role.DECIMALS, lambda text: _decimals(text, conventions))
    if places is not None:
        factors[Role.DECIMALS] = places
    _from_unit(cells, conventions, factors, units)
    _from_name(cells, conventions, factors, units)
    _from_remark(cells, remark, factors, units)
    formula = cells.parse(Role.FORMULA, lambda text: factor_and_offset(text, conventions.comma))
    if formula is not None:
        factors[Role.FORMULA] = formula[0]
    if floating:
        _only_shown(cells, factors)
    content: Content = {}
    scale = _agreed(cells, factors)
    if scale != 1:
        content["scale"] = scale
    if offset := _offset(cells, conventions, formula[1] if formula else 0):
        content["offset"] = offset
    if unit := _agreed_unit(cells, units):
        content["unit"] = unit
    return content


def _from_remark(
    cells: RowCells, remark: Remark, factors: dict[str, float], units: dict[str, str]
) -> None:
    if remark.scale is not None:
        factors["remark"] = remark.scale
        if not cells.text(Role.SCALE):
            cells.note(f"the factor {remark.scale:g} is taken from a remark")
    if remark.unit:
        units["remark"] = remark.unit


def _only_shown(cells: RowCells, factors: dict[str, float]) -> None:
    """Refuse decimals of a float that no factor confirms: they may say how it is shown."""
    sure = {factors.get(role) for role in (Role.SCALE, Role.DIVISOR, Role.FORMULA)}
    for place, value in factors.items():
        if value not in {1.0, *sure}:
            cells.refuse(
                Role(place) if place in set(Role) else None,
                f"a float in steps of {value:g} ({place}): a factor, or only how it is shown? "
                "Write a factor into a scale column, or leave it out",
            )
            return


def _offset(cells: RowCells, conventions: Conventions, in_formula: float) -> float:
    offset = cells.parse(Role.OFFSET, lambda text: numbers.number(text, conventions.comma)) or 0
    if abs(offset) in _FIRST_NUMBERS:
        cells.refuse(Role.OFFSET, f"{offset:g} is added to the value, not to the address")
    if offset and in_formula not in {0, offset}:
        cells.refuse(Role.OFFSET, f"two offsets: {offset:g} and {in_formula:g} of the formula")
    return offset or in_formula


def _agreed_unit(cells: RowCells, units: dict[str, str]) -> str:
    if len(set(units.values())) > 1:
        stated = ", ".join(f"{place} {unit!r}" for place, unit in units.items())
        cells.refuse(Role.UNIT if Role.UNIT in units else Role.NAME, f"two units: {stated}")
    return (
        units.get(Role.UNIT)
        or units.get(Role.SCALE)
        or units.get("name")
        or units.get("remark", "")
    )


def unit_problem(name: str, canon: Canon, content: Content) -> str:
    """Report when the table's unit is not the one that the class's alarm limits are in."""
    wanted = canon.units.get(name, "")
    got = str(content.get("unit", wanted))
    if not wanted or got == wanted:
        return ""
    between = factor_between(got, wanted)
    hint = f" (1 {got} is {between:g} {wanted}; --convert-units does it)" if between else ""
    return (
        f"the class has {name} in {wanted}: give the factor to {wanted} and write {wanted} here, "
        f"or "
        f"name another point{hint}; got {got!r}"
    )


def converted(name: str, canon: Canon, content: Content) -> Content:
    """Return the content in the unit of the class, where there is an exact factor."""
    wanted, got = canon.units.get(name, ""), str(content.get("unit", ""))
    between = factor_between(got, wanted) if wanted and got and got != wanted else None
    if between is None:
        return content
    scale, offset = content.get("scale", 1.0), content.get("offset", 0.0)
    assert isinstance(scale, int | float)  # noqa: S101 (what scaling wrote)
    assert isinstance(offset, int | float)  # noqa: S101
    changed: Content = {**content, "unit": wanted, "scale": float(f"{scale * between:.12g}")}
    if offset:
        changed["offset"] = float(f"{offset * between:.12g}")
    return changed


def _from_scale(
    cells: RowCells, conventions: Conventions, factors: dict[str, float], units: dict[str, str]
) -> None:
    def parse(text: str) -> tuple[Factor, str]:
        return _factor_and_unit(text, conventions)

    found = cells.parse(Role.SCALE, parse)
    if found is None:
        return
    factor, unit = found
    if conventions.divides and not factor.explicit:
        factor = Factor(float(f"{1 / factor.value:.12g}"), explicit=True)
    if cells.weight(Role.SCALE) == 1 and math.log10(abs(factor.value)) % 1:
        cells.refuse(
            Role.SCALE,
            f"a factor, or how exact the value is? Say --column scale=..., or ignore it; got "
            f"{cells.text(Role.SCALE)!r}",
        )
    factors[Role.SCALE] = factor.value
    if unit:
        units[Role.SCALE] = unit


def _factor_and_unit(text: str, conventions: Conventions) -> tuple[Factor, str]:
    """Return 0.1, and also the 0.1 and °C of a resolution such as 0.1℃."""
    if conventions.exponent:
        exponent = numbers.number(text, conventions.comma)
        return Factor(numbers.ten_to(exponent, text), explicit=True), ""
    percent = text.strip().removesuffix("%")
    if percent != text.strip():
        return Factor(numbers.number(percent, conventions.comma) / 100, explicit=True), ""
    try:
        return numbers.factor(text, conventions.comma), ""
    except CellError as error:
        try:
            unit, factor, known = numbers.unit_and_factor(text, conventions.comma)
        except CellError:
            raise error from None
        if factor is None or not known:
            raise
        return factor, unit


def _divisor(text: str, conventions: Conventions) -> float:
    factor = numbers.factor(text, conventions.comma)
    if factor.explicit:
        return factor.value
    return float(f"{1 / factor.value:.12g}")


def _decimals(text: str, conventions: Conventions) -> float:
    factor = numbers.factor(text, conventions.comma) if _IS_STEP.search(text) else None
    if factor is not None and (factor.explicit or 0 < factor.value < 1):
        # 0.01 in a column of decimals is the step itself.
        return factor.value
    return float(f"{10.0 ** -numbers.whole(text, 0, _MOST_DECIMALS):.12g}")


def _from_unit(
    cells: RowCells, conventions: Conventions, factors: dict[str, float], units: dict[str, str]
) -> None:
    found = cells.parse(Role.UNIT, lambda text: numbers.unit_and_factor(text, conventions.comma))
    if found is None:
        return
    unit, factor, known = found
    if factor is not None:
        factors[Role.UNIT] = factor.value
    if unit:
        units[Role.UNIT] = unit
    if not known and unit:
        cells.note(f"unit {unit!r} is kept as it is written")


def _from_name(
    cells: RowCells, conventions: Conventions, factors: dict[str, float], units: dict[str, str]
) -> None:
    bracket = bracket_of(cells.text(Role.NAME))
    if not bracket:
        return
    try:
        unit, factor, known = numbers.unit_and_factor(bracket, conventions.comma)
    except CellError:
        return
    # A single letter is a phase as often as a unit: 电压(A).
    if known and (len(unit) > 1 or unit == "%"):
        units["name"] = unit
        if factor is not None:
            factors["name"] = factor.value


def _agreed(cells: RowCells, factors: dict[str, float]) -> float:
    """Return the factor that all places agree on; 1 says nothing beside another."""
    values = {value for value in factors.values() if value != 1}
    if len(values) > 1:
        stated = ", ".join(f"{place} {value:g}" for place, value in factors.items())
        role = next((Role(place) for place in factors if place in Role), None)
        cells.refuse(role, f"two factors: {stated}")
    return values.pop() if values else 1.0
