"""Points that others of the same device make: computed by an expression, or scaled by them."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from math import prod
from typing import Final, TypeAlias, TypeVar

from pydantic import Field

from config.base import Conflict
from config.errors import ConfigError
from config.expression import Expression, compile_expression, words_of
from config.listening import HeardPoint
from config.point_kinds import AnyPoint, PlacedPoint
from config.points import DataType
from config.problems import suggestion
from config.reporting import Reporting

Placed = TypeVar("Placed", bound=PlacedPoint)


class Computed(Reporting):
    """A value that an expression makes of other points of the device, once in each of their cycles.

    It is as good as the worst point of its expression, and as new as the newest. It follows those
    that are read at the shortest period; others count with their last reading.
    """

    expression: str = Field(
        min_length=1,
        max_length=500,
        description="Numbers, point names, + - * / %, comparisons, and or not, abs min max: "
        "'import_energy - export_energy'; held_for(condition, seconds) is whether the condition "
        "has been true for so long.",
    )


class TimedComputed(Computed):
    """A computed point of a device whose periods are known."""

    period_s: float = Field(gt=0, description="How often it is computed, seconds.")


Reported: TypeAlias = AnyPoint | TimedComputed | HeardPoint
"""What has a value at an interval, read or computed."""


class Result(StrEnum):
    """What a point or an expression yields."""

    NUMBER = "number"
    STATE = "state"
    WORD = "word"


_STATES: Final = frozenset({DataType.BOOL, DataType.BIT})
_WORDS: Final = frozenset({DataType.ENUM, DataType.STRING, DataType.DATETIME})

_HEARD: Final = {"count": Result.NUMBER, "state": Result.STATE, "text": Result.WORD}


def derived_conflicts(
    points: Mapping[str, AnyPoint], computed: Mapping[str, Computed]
) -> Iterator[Conflict]:
    """Return what is wrong with factors and expressions: names, types, points that need themselves.

    The path of each begins with ``points`` or ``computed``.
    """
    found = [*_factor_conflicts(points), *_expression_conflicts(points, computed)]
    if not found:
        found = [*_circles(points, computed)] or [*_type_conflicts(points, computed)]
    yield from found


def with_ratios(points: Mapping[str, AnyPoint], ratios: Mapping[str, float]) -> dict[str, AnyPoint]:
    """Return the points with the ratios that the installation sets made part of their scale."""
    return {name: _with_ratios(point, ratios) for name, point in points.items()}


def _with_ratios(point: AnyPoint, ratios: Mapping[str, float]) -> AnyPoint:
    fixed = [ratios[name] for name in point.ratio_from if name in ratios]
    if not fixed:
        return point
    rest = tuple(name for name in point.ratio_from if name not in ratios)
    return point.model_copy(update={"scale": prod(fixed, start=point.scale), "ratio_from": rest})


def needs_of(
    name: str, points: Mapping[str, AnyPoint], computed: Mapping[str, Computed]
) -> frozenset[str]:
    """Return the points that a point is directly made of, besides its own registers."""
    if name in computed:
        words = words_of(computed[name].expression)
        return frozenset(word for word in words if word in points or word in computed)
    return frozenset(points[name].factors) if name in points else frozenset()


def all_needs_of(
    names: Collection[str], points: Mapping[str, AnyPoint], computed: Mapping[str, Computed]
) -> list[str]:
    """Return these points and all that they are made of, each behind what it is made of.

    Points that need each other were refused when the file was loaded.
    """
    found: dict[str, None] = {}
    open_names = list(names)[::-1]
    while open_names:
        name = open_names[-1]
        missing = [one for one in needs_of(name, points, computed) if one not in found]
        if name in found or not missing:
            found[open_names.pop()] = None
        else:
            open_names += sorted(missing)
    return list(found)


def class_points(points: Mapping[str, Placed], period_s: float) -> dict[str, Placed]:
    """Return the points that are read at this period: its own, and the factors of them."""
    own = [name for name, point in points.items() if (point.period_s or 1.0) == period_s]
    wanted = set(with_factors(points, own))
    return {name: point for name, point in points.items() if name in wanted}


def with_factors(points: Mapping[str, AnyPoint], names: Sequence[str] | set[str]) -> list[str]:
    """Return these points and what scales them."""
    return all_needs_of([name for name in names if name in points], points, {})


def expression_of(computed: Computed, names: Collection[str]) -> Expression:
    """Return the checked expression; ConfigError when it is none."""
    return compile_expression(computed.expression, names, timed=True)


def results_of(
    points: Mapping[str, AnyPoint], computed: Mapping[str, Computed]
) -> dict[str, Result | ConfigError]:
    """Return what each point yields, or why its expression yields nothing."""
    results: dict[str, Result | ConfigError] = {}
    for name in all_needs_of([*points, *computed], points, computed):
        if name in points:
            results[name] = _result_of_point(points[name])
            continue
        try:
            results[name] = _result_of_expression(name, points, computed, results)
        except ConfigError as error:
            results[name] = error
    return results


def _result_of_expression(
    name: str,
    points: Mapping[str, AnyPoint],
    computed: Mapping[str, Computed],
    results: Mapping[str, Result | ConfigError],
) -> Result:
    expression = expression_of(computed[name], points.keys() | computed.keys())
    # What is wrong already is told where it is wrong.
    found = {one: results[one] for one in expression.names}
    known = {one: r if isinstance(r, Result) else Result.NUMBER for one, r in found.items()}
    words = {one: words_to_compare(points, one) for one in expression.names}
    return result_of(expression, known, words)


def heard_results(reported: Mapping[str, Reported]) -> dict[str, Result]:
    """Return what the points yield that a device tells by itself."""
    return {
        name: _HEARD[point.kind]
        for name, point in reported.items()
        if isinstance(point, HeardPoint)
    }


def words_to_compare(points: Mapping[str, AnyPoint], name: str) -> frozenset[str]:
    """Return the words that a point may have; none where they are not known, or it has no words."""
    enum = points[name].enum if name in points else None
    # Any word may stand for what is not listed.
    return frozenset(enum.values()) if enum and not points[name].otherwise else frozenset()


def result_of(
    expression: Expression, known: Mapping[str, Result], words: Mapping[str, frozenset[str]]
) -> Result:
    """Return what an expression yields.

    Args:
        expression: The expression.
        known: What each of its points yields.
        words: The words that a point may have.

    Raises:
        ConfigError: Its parts do not go together.
    """
    return _Typing(expression, known, words).result


def _factor_conflicts(points: Mapping[str, AnyPoint]) -> Iterator[Conflict]:
    for name, point in points.items():
        for factor in point.factors:
            key = "ratio_from" if factor in point.ratio_from else "scale_from"
            key = "decimals_from" if factor == point.decimals_from else key
            at = ("points", name, key)
            if factor not in points:
                known = sorted(points)
                hint = suggestion(factor, known)
                yield Conflict(at, f"no point {factor!r}{hint} Points here: {', '.join(known)}")
            elif _result_of_point(points[factor]) is not Result.NUMBER:
                yield Conflict(
                    at, f"{factor} is of type {points[factor].type}; a factor is a number"
                )
            elif points[factor].clear_on_read:
                yield Conflict(
                    at, f"{factor} is emptied by being read; the next read has no factor"
                )


def _expression_conflicts(
    points: Mapping[str, AnyPoint], computed: Mapping[str, Computed]
) -> Iterator[Conflict]:
    for name, one in computed.items():
        if name in points:
            yield Conflict(
                ("computed", name), "is a point with registers as well; choose another name"
            )
        try:
            expression = expression_of(one, points.keys() | computed.keys())
        except ConfigError as error:
            yield Conflict(("computed", name, "expression"), str(error))
            continue
        if not expression.names:
            message = f"{one.expression!r} names no point of the device"
            yield Conflict(("computed", name, "expression"), message)


def _circles(
    points: Mapping[str, AnyPoint], computed: Mapping[str, Computed]
) -> Iterator[Conflict]:
    needs = {name: needs_of(name, points, computed) for name in [*points, *computed]}
    for name in needs:
        way = _way_back(name, needs)
        if way:
            at = ("computed", name, "expression") if name in computed else ("points", name)
            yield Conflict(at, f"needs itself: {' -> '.join(way)}")


def _way_back(name: str, needs: Mapping[str, frozenset[str]]) -> list[str]:
    ways = [[name]]
    seen: set[str] = set()
    for way in ways:
        for other in sorted(needs[way[-1]]):
            if other == name:
                return [*way, name]
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []


def _type_conflicts(
    points: Mapping[str, AnyPoint], computed: Mapping[str, Computed]
) -> Iterator[Conflict]:
    results = results_of(points, computed)
    for name, one in computed.items():
        result = results[name]
        if isinstance(result, ConfigError):
            yield Conflict(("computed", name, "expression"), str(result))
            continue
        if result is Result.WORD:
            message = f"{one.expression!r} is text; expected a number or a state"
            yield Conflict(("computed", name, "expression"), message)
        problem = one.wrong_reporting(state=result is not Result.NUMBER)
        if problem:
            yield Conflict(("computed", name), problem)


def _result_of_point(point: AnyPoint) -> Result:
    if point.enum is not None or point.type in _WORDS:
        return Result.WORD
    return Result.STATE if point.type in _STATES else Result.NUMBER


class _Typing:
    """Finds what an expression yields, from what its points yield."""

    def __init__(
        self,
        expression: Expression,
        known: Mapping[str, Result],
        words: Mapping[str, frozenset[str]],
    ) -> None:
        self._text = expression.text
        self._known = known
        self._words = words
        for one in expression.held:
            if self._of(one.condition.tree) is not Result.STATE:
                raise self._error(one.condition.tree, "held_for needs a state: compare it")
        self.result = self._of(expression.tree)

    def _of(self, node: ast.expr) -> Result:
        match node:
            case ast.Constant(value=value):
                return _result_of_value(value)
            case ast.Name(id=name):
                return self._known.get(name, Result.STATE)
            case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return self._states(node)
            case ast.Call(func=ast.Name(id=function), args=parts):
                return self._call(node, function, parts)
            case ast.UnaryOp() | ast.BinOp():
                return self._counted(_operands(node))
            case ast.Compare():
                return self._comparison(node)
            case _:
                raise self._error(node, "a list stands only behind in")

    def _call(self, node: ast.expr, function: str, parts: Sequence[ast.expr]) -> Result:
        if (len(parts) == 1) is not (function == "abs") or not parts:
            wanted = "one value" if function == "abs" else "two values or more"
            raise self._error(node, f"{function} takes {wanted}")
        return self._counted(parts)

    def _counted(self, parts: Sequence[ast.expr]) -> Result:
        # States count as 0 and 1: how many pumps run.
        for part in parts:
            if self._of(part) is Result.WORD:
                raise self._error(part, "is text; expected a number")
        return Result.NUMBER

    def _states(self, node: ast.BoolOp | ast.UnaryOp) -> Result:
        for part in node.values if isinstance(node, ast.BoolOp) else [node.operand]:
            found = self._of(part)
            if found is not Result.STATE:
                raise self._error(part, f"is a {found}; and, or, not need a state: compare it")
        return Result.STATE

    def _comparison(self, node: ast.Compare) -> Result:
        flat: list[ast.expr] = [node.left]
        for operator, part in zip(node.ops, node.comparators, strict=True):
            among = isinstance(operator, ast.In | ast.NotIn)
            if among is not isinstance(part, ast.Tuple | ast.List):
                raise self._error(part, "a list stands behind in, and in needs a list: (1, 2)")
            flat += part.elts if isinstance(part, ast.Tuple | ast.List) else [part]
        results = {self._of(part) for part in flat}
        if Result.WORD in results and len(results) > 1:
            raise self._error(flat[0], "text is compared with what is no text")
        names = [one.id for one in flat if isinstance(one, ast.Name)]
        known = frozenset(word for name in names for word in self._words.get(name, ()))
        for one in flat:
            if (
                known
                and isinstance(one, ast.Constant)
                and isinstance(one.value, str)
                and one.value not in known
            ):
                allowed = ", ".join(sorted(known))
                raise self._error(one, f"{one.value!r} is no word of this point: {allowed}")
        return Result.STATE

    def _error(self, node: ast.expr, message: str) -> ConfigError:
        return ConfigError(f"{self._text!r}: position {node.col_offset + 1}: {message}")


def _result_of_value(value: object) -> Result:
    if isinstance(value, bool):
        return Result.STATE
    return Result.WORD if isinstance(value, str) else Result.NUMBER


def _operands(node: ast.UnaryOp | ast.BinOp) -> list[ast.expr]:
    return [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right]
