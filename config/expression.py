"""Expressions over points: ``run and frequency < 1``. The only importer of simpleeval.

Allowed are numbers, 'words', true, false, point names, ``and or not``, comparisons, ``in``,
``+ - * / %`` and ``abs min max``; everything else is refused when the file is read. Computed points
know ``held_for(condition, seconds)`` as well: whether it has been true for that long.
"""

import ast
import math
import threading
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from config.errors import ConfigError
from config.problems import suggestion
from protocols.reading import Value

_OPERATORS: Final = (
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.Mod,
    ast.Not,
    ast.USub,
    ast.UAdd,
    ast.Eq,
    ast.NotEq,
    ast.Lt,
    ast.LtE,
    ast.Gt,
    ast.GtE,
    ast.In,
    ast.NotIn,
)
_NODES: Final = (
    *_OPERATORS,
    ast.And,
    ast.Or,
    ast.BoolOp,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.Call,
    ast.Tuple,
    ast.List,
)
_FUNCTIONS: Final = MappingProxyType({"abs": abs, "min": min, "max": max})
_HELD: Final = "held_for"
_LONGEST_HELD_S: Final = 86_400
_DEEPEST: Final = 120
"""The evaluator needs a few calls for each level."""
_WORDS: Final = MappingProxyType({"true": True, "false": False})


class _UnknownValueError(Exception):
    """A needed point has no good value; ends the evaluation, never leaves this module."""


class _Known(dict[str, Value]):
    """The values during one evaluation; asking for a missing one ends it."""

    def __missing__(self, name: str) -> Value:
        if name in _WORDS:
            return _WORDS[name]
        raise _UnknownValueError(name)


class Held(NamedTuple):
    """One ``held_for`` of an expression.

    Attributes:
        name: Stands for its result in the expression, and in conditions of those behind it.
        condition: What must be true.
        seconds: For how long.
    """

    name: str
    condition: "Expression"
    seconds: float


class Expression:
    """A checked expression.

    Attributes:
        text: As the file has it.
        names: The points that it reads.
        tree: What it says; ``held_for`` is replaced by the name of its result.
        held: Each ``held_for``, behind those that its condition contains.
    """

    def __init__(
        self, text: str, tree: ast.expr, names: frozenset[str], held: tuple[Held, ...] = ()
    ) -> None:
        import simpleeval  # noqa: PLC0415 (not in a gateway without expressions)

        self.text = text
        self.names = names
        self.tree = tree
        self.held = held
        # simpleeval carries no types; what it gives back is judged below.
        library: Any = simpleeval
        operators = {kind: library.DEFAULT_OPERATORS[kind] for kind in _OPERATORS}
        self._evaluator: Any = library.EvalWithCompoundTypes(
            operators=operators, functions=dict(_FUNCTIONS)
        )
        self._refusal: type[Exception] = library.InvalidExpression
        # The evaluator keeps the values of the running evaluation in itself.
        self._lock = threading.Lock()

    def evaluate(self, values: Mapping[str, Value]) -> bool | float | None:
        """Return the result, or None when it cannot be known.

        It is unknown when a needed value is missing or None (give None for what is not good), when
        words meet numbers, and on a division by zero. ``and`` and ``or`` stop as soon as they know.
        """
        known = _Known({name: value for name, value in values.items() if value is not None})
        with self._lock:
            self._evaluator.names = known
            try:
                result: object = self._evaluator.eval(self.text, previously_parsed=self.tree)
            except (_UnknownValueError, self._refusal, ArithmeticError, TypeError, ValueError):
                return None
        if isinstance(result, bool):
            return result
        if isinstance(result, int | float) and math.isfinite(result):
            return float(result)
        return None


def compile_expression(text: str, names: Collection[str], *, timed: bool = False) -> Expression:
    """Return the expression, checked against the known point names.

    Args:
        text: As the file has it.
        names: The points that there are.
        timed: Whether ``held_for`` is allowed: whoever evaluates it knows the time of the values.

    Raises:
        ConfigError: Broken, uses something that is not allowed, or an unknown name; says where.
    """
    body = _parsed(text)
    if _depth(body) > _DEEPEST:
        raise ConfigError(f"{text[:40]!r}...: nested deeper than {_DEEPEST} levels")
    for problem in _problems(text, body, names, timed=timed):
        raise ConfigError(problem)
    used = frozenset(_names_in(body) & set(names))
    if not timed:
        return Expression(text, body, used)
    taken = _HeldTaken(text)
    tree: ast.expr = taken.visit(body)
    return Expression(text, tree, used, tuple(taken.held))


@lru_cache(maxsize=4096)
def words_of(text: str) -> frozenset[str]:
    """Return all names in an expression, known or not; ConfigError when it is none."""
    return frozenset(node.id for node in ast.walk(_parsed(text)) if isinstance(node, ast.Name))


class _HeldTaken(ast.NodeTransformer):
    """Takes each ``held_for`` out of an expression, the innermost first."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.held: list[Held] = []

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id == _HELD):
            return node
        condition, limit = node.args
        seconds = limit.value if isinstance(limit, ast.Constant) else None
        if not isinstance(seconds, int | float):  # checked before
            raise ConfigError(f"{self._text!r}: {_HELD} needs seconds")
        # No point has a blank in its name.
        name = f"{_HELD} {len(self.held)}"
        inner = Expression(self._text, condition, frozenset(_names_in(condition)))
        self.held.append(Held(name, inner, float(seconds)))
        return ast.copy_location(ast.Name(id=name, ctx=ast.Load()), node)


def _names_in(tree: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        hint = " (write == to compare, and or not to combine)" if set(text) & set("=&|!") else ""
        position = min(error.offset or 1, len(text) + 1)
        raise ConfigError(f"{text!r}: broken at position {position}{hint}") from None
    except (RecursionError, MemoryError, ValueError):
        raise ConfigError(f"{text!r}: not an expression") from None


def _depth(body: ast.expr) -> int:
    depth = 0
    level: list[ast.AST] = [body]
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


def _problems(text: str, body: ast.expr, names: Collection[str], *, timed: bool) -> Iterator[str]:
    calls = [node for node in ast.walk(body) if isinstance(node, ast.Call)]
    functions = {node.func for node in calls if not node.keywords}
    for node in ast.walk(body):
        where = f"{text!r}: position {getattr(node, 'col_offset', 0) + 1}"
        if not isinstance(node, _NODES):
            yield f"{where}: {type(node).__name__} is not allowed in an expression"
        elif isinstance(node, ast.Call) and node.func not in functions:
            yield f"{where}: a function takes plain values only"
        elif isinstance(node, ast.Constant) and not isinstance(
            node.value, bool | int | float | str
        ):
            yield f"{where}: only numbers, 'words', true and false are values"
        elif isinstance(node, ast.Call):
            problem = _wrong_call(node, timed=timed)
            if problem:
                yield f"{where}: {problem}"
        elif (
            isinstance(node, ast.Name)
            and node not in functions
            and node.id not in names
            and node.id not in _WORDS
        ):
            known = sorted(names)
            hint = suggestion(node.id, known)
            yield f"{where}: no point {node.id!r}{hint} Known points: {', '.join(known)}"


def _wrong_call(node: ast.Call, *, timed: bool) -> str:
    """Return what is wrong with a call of plain values; empty when nothing is."""
    known = ", ".join((*_FUNCTIONS, _HELD) if timed else _FUNCTIONS)
    if not isinstance(node.func, ast.Name):
        return f"only {known} can be called"
    name = node.func.id
    if name != _HELD:
        return "" if name in _FUNCTIONS else f"no function {name!r}; there are: {known}"
    if not timed:
        return f"{_HELD} stands in computed points only; a rule has on_delay_s"
    match node.args:
        case [_, ast.Constant(value=int() | float() as seconds)] if (
            not isinstance(seconds, bool) and 0 < seconds <= _LONGEST_HELD_S
        ):
            return ""
        case _:
            return (
                f"{_HELD} takes a condition and seconds, a number up to {_LONGEST_HELD_S}: "
                f"{_HELD}(run, 20)"
            )
