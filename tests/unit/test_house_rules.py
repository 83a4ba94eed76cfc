"""What no linter checks: module length, broad excepts, clocks, names."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("config", "edge_agent", "plantroom", "protocols", "server", "simulators", "tests")
GENERATED = {"sparkplug_b_pb2.py"}
VAGUE = {"utils", "helpers", "common", "manager", "misc"}
BOUNDARIES = {
    "server/jobs/poison.py": "a row that meets a bug is due again after every restart",
}
"""Where a bug is kept inside on purpose, and why stopping would be worse."""
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if path.name not in GENERATED and "versions" not in path.parts
)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_is_at_most_300_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_module_has_a_vague_name(path: Path) -> None:
    assert path.stem not in VAGUE


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_broad_except_outside_the_composition_roots(path: Path) -> None:
    if path.name == "app.py" or _name(path) in BOUNDARIES:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            names = (
                {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
                if node.type
                else {""}
            )
            assert not names & {"", "Exception", "BaseException"}, f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_only_the_clock_module_asks_for_the_time(path: Path) -> None:
    if path.name == "clock.py" or path.parts[len(ROOT.parts)] == "tests":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            called = f"{node.value.id}.{node.attr}"
            assert called not in {
                "time.time",
                "time.time_ns",
                "time.monotonic",
                "time.sleep",
                "datetime.now",
                "asyncio.sleep",
            }, f"line {node.lineno}: {called}"


def test_every_package_says_what_it_is() -> None:
    for path in MODULES:
        if path.name == "__init__.py" and path.parts[len(ROOT.parts)] != "tests":
            assert ast.get_docstring(ast.parse(path.read_text())), _name(path)
