"""Each fact of polling has one owner: a field is changed in the module that declares it."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import edge_agent.polling

ROOM = Path(edge_agent.polling.__file__).parent
MUTATORS = {
    *("add", "append", "clear", "discard", "extend", "insert", "pop", "popleft", "remove"),
    *("setdefault", "update"),
}
# The state of a search is kept with its scan class, and changed by the search only.
SEARCH = {"search", "heard", "silent_pieces", "silent_search", "pieces_due_at"}


def trees() -> dict[str, ast.Module]:
    return {path.name: ast.parse(path.read_text("utf-8")) for path in ROOM.glob("*.py")}


def declared(tree: ast.Module) -> Iterator[str]:
    """The fields that a module's classes declare."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    yield line.target.id


def changed(tree: ast.Module) -> Iterator[ast.Attribute]:
    """The attributes of other objects than ``self`` that a module assigns or mutates."""
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            targets = [node.func.value] if node.func.attr in MUTATORS else []
        for target in targets:
            for one in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(one, ast.Attribute) and not is_self(one.value):
                    yield one


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def test_a_field_is_changed_only_by_its_owner() -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for name, tree in trees().items():
        for field in declared(tree):
            owners[field].add(name)
    for field in SEARCH:
        owners[field] = {"search.py"} | (owners[field] - {"scan_class.py"})
    found = [
        f"{name}:{one.lineno} changes {ast.unparse(one)} of {sorted(owners[one.attr])}"
        for name, tree in trees().items()
        for one in changed(tree)
        if one.attr in owners and name not in owners[one.attr]
    ]
    assert found == []
