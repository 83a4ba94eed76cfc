"""What no linter checks: module length, broad excepts, clocks, names. Each test lists offenders."""

import ast
import gc
import warnings
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from tests.source_files import source_files

ROOT = Path(__file__).parents[2]
PACKAGES = ("config", "edge_agent", "plantroom", "protocols", "server", "simulators", "tests")
GENERATED = {"sparkplug_b_pb2.py"}
FOREIGN = {"versions"}
"""What Alembic has written."""
VAGUE = {"utils", "helpers", "common", "manager", "misc"}
BOUNDARIES = {
    "server/core/isolation.py": "a row that meets a bug is due again after every restart",
}
"""Where a bug is kept inside on purpose, and why stopping would be worse."""
LONG_LINES, MOST_LINES = 300, 400
CLOCK_CALLS = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.sleep",
    "datetime.now",
    "asyncio.sleep",
}
MODULES = sorted(
    path
    for package in PACKAGES
    for path in source_files(ROOT / package, ".py")
    if path.name not in GENERATED and not FOREIGN.intersection(path.parts)
)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def _text(path: Path) -> str:
    return path.read_text("utf-8")


def _nodes(path: Path, words: Collection[str]) -> Iterator[ast.AST]:
    """Yield the syntax tree of a file that has one of the words; most files need no parsing."""
    if not any(word in _text(path) for word in words):
        return
    # CPython 3.11 loses count of its recursion when the collector runs while it parses.
    gc.disable()
    try:
        tree = ast.parse(_text(path))
    finally:
        gc.enable()
    yield from ast.walk(tree)


def _lines(path: Path) -> int:
    return len(_text(path).splitlines())


def _broad_excepts(path: Path) -> Iterator[str]:
    for node in _nodes(path, ("except:", "Exception")):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.walk(node.type) if node.type else ()
            names = {n.id for n in caught if isinstance(n, ast.Name)}
            if node.type is None or names & {"Exception", "BaseException"}:
                yield f"{_name(path)}:{node.lineno}"


def _clock_calls(path: Path) -> Iterator[str]:
    for node in _nodes(path, CLOCK_CALLS):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            called = f"{node.value.id}.{node.attr}"
            if called in CLOCK_CALLS:
                yield f"{_name(path)}:{node.lineno} {called}"


def test_no_module_is_longer_than_400_lines() -> None:
    long = {_name(path): _lines(path) for path in MODULES if _lines(path) > LONG_LINES}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}
    if long:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(f"over {LONG_LINES} lines, consider a split: {long}", stacklevel=1)


def test_no_module_has_a_vague_name() -> None:
    assert [_name(path) for path in MODULES if path.stem in VAGUE] == []


def test_no_broad_except_outside_the_composition_roots() -> None:
    checked = (p for p in MODULES if p.name != "app.py" and _name(p) not in BOUNDARIES)
    assert [found for path in checked for found in _broad_excepts(path)] == []


def test_only_the_clock_module_asks_for_the_time() -> None:
    checked = (
        path
        for path in MODULES
        if path.name != "clock.py" and path.parts[len(ROOT.parts)] != "tests"
    )
    assert [found for path in checked for found in _clock_calls(path)] == []


def test_every_package_says_what_it_is() -> None:
    packages = (
        path
        for path in MODULES
        if path.name == "__init__.py" and path.parts[len(ROOT.parts)] != "tests"
    )
    assert [_name(path) for path in packages if not _text(path).startswith('"""')] == []


def test_the_list_of_decisions_is_complete_and_in_order() -> None:
    folder = ROOT / "docs" / "adr"
    titles = {
        file.name: file.read_text(encoding="utf-8").partition("  ")[0]
        for file in sorted(folder.glob("0*.md"))
    }
    wanted = [
        f"| [{int(name[:4])}]({name}) | {title.partition(': ')[2]} |"
        for name, title in titles.items()
    ]
    rows = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row.startswith("| [")] == wanted
