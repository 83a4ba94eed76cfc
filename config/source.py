"""Reads a YAML file so that every error can name file and line. The only importer of PyYAML."""

import json
import re
from collections.abc import Iterator, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, Protocol, Self, cast

import yaml

from config.base import Conflict, dotted
from config.errors import ConfigError
from config.keyboard import slips

_TAG: Final = "tag:yaml.org,2002:"
_PLAIN_TAGS: Final = {_TAG + kind for kind in ("map", "seq", "str", "int", "float", "bool", "null")}
_MERGE: Final = _TAG + "merge"
# Far deeper than any file of ours; stops a bracket bomb before it exhausts the stack.
_MAX_DEPTH: Final = 50
_MAX_NODES: Final = 1_000_000

# The parser in C is ten times faster; a build of PyYAML without it still works.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Mark(Protocol):
    """What both parsers' marks have."""

    line: int


class _Loader(_Parser):
    """YAML 1.2 scalars: ``no`` and ``off`` are words, dates are text, ``1e3`` is a number."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 (PyYAML's own mechanism)


_FLOAT: Final = (
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)

for _kind, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    ("float", _FLOAT, "-+0123456789."),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("merge", r"^(?:<<)$", "<"),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(_pattern), list(_first))


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    # YAML 1.1 reads 010 as 8; a register list means ten.
    text = str(loader.construct_scalar(node))
    try:
        return int(text, 16) if text.lower().startswith("0x") else int(text)
    except ValueError:  # thousands of digits
        mark = cast("yaml.Mark | None", node.start_mark)
        problem = "a number with too many digits"
        raise yaml.constructor.ConstructorError(None, None, problem, mark) from None


_Loader.add_constructor(_TAG + "int", _int)


class Document:
    """The plain data of one file, and the line of each part of it."""

    def __init__(self, name: str, *, root: yaml.Node, data: object) -> None:
        self.name = name
        self.data = data
        self._root = root

    @classmethod
    def read(cls, source: Traversable) -> Self:
        """Read a file.

        Raises:
            ConfigError: It is missing, not UTF-8, not YAML, empty, or says a key twice.
        """
        name = str(source)
        text = _text_of(source, name)
        try:
            return cls._parse(name, text)
        except yaml.MarkedYAMLError as error:
            raise ConfigError(f"{name}:{_broken(text, error)}") from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError(f"{name}:{line}: a control character; remove it") from None

    @classmethod
    def _parse(cls, name: str, text: str) -> Self:
        _refuse_depth(name, text)
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None or root.tag == _TAG + "null":
            raise ConfigError(f"{name}: the file is empty; an example is in config/examples")
        if not isinstance(root, yaml.MappingNode):
            line, hint = _slip_near(text, 1, text.count("\n") + 1)
            line = line or _line(root.start_mark)
            raise ConfigError(f"{name}:{line}: expected keys and values at the top{hint}")
        _refuse_endless(name, root)
        problems = sorted(_structure(root, ()))
        if problems:
            raise ConfigError("\n".join(f"{name}:{line}: {what}" for line, what in problems))
        return cls(name, root=root, data=loader.construct_document(root))

    @property
    def json(self) -> str:
        """The data as JSON, the form that pydantic checks strictly and still reads enums from."""
        return json.dumps(self.data)

    def line(self, path: Sequence[str | int]) -> int:
        """Return the line of the deepest part of ``path`` that the file has, 1-based."""
        node, line = self._root, _line(self._root.start_mark)
        for part in path:
            found = _child(node, part)
            if found is None:
                break
            node, line = found
        return line

    def error(self, conflicts: Sequence[Conflict]) -> ConfigError:
        """Return the error that names file, line and path of each conflict, in the file's order."""
        lines = sorted((self.line(at), dotted(at), message) for at, message in conflicts)
        return ConfigError(
            "\n".join(
                f"{self.name}:{line}: {path}: {message}" if path else f"{self.name}: {message}"
                for line, path, message in dict.fromkeys(lines)
            )
        )


def _text_of(source: Traversable, name: str) -> str:
    try:
        raw = source.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{name}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{name}:{line}: not UTF-8 (byte 0x{raw[error.start]:02x}); save the file as UTF-8"
        ) from None


def _refuse_endless(name: str, root: yaml.Node) -> None:
    """An anchor inside itself is endless; anchors of anchors of anchors nearly so."""
    sizes: dict[int, int] = {}
    begun: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            if id(node) in begun:
                line = _line(node.start_mark)
                raise ConfigError(f"{name}:{line}: an anchor that contains itself")
            begun.add(id(node))
            sizes[id(node)] = 1 + sum(size(part) for part in _parts(node))
        return sizes[id(node)]

    if size(root) > _MAX_NODES:
        raise ConfigError(f"{name}: more than {_MAX_NODES:,} values, anchors expanded")


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _refuse_depth(name: str, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Parser):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            line = _line(event.start_mark)
            raise ConfigError(f"{name}:{line}: nested deeper than {_MAX_DEPTH} levels")


def _structure(node: yaml.Node, path: tuple[str | int, ...]) -> Iterator[tuple[int, str]]:
    """Yield (line, message) for what YAML allows and a settings file must not contain."""
    at = dotted(path) or "the file"
    if node.tag not in _PLAIN_TAGS:
        yield (
            _line(node.start_mark),
            f"{at}: the YAML tag {node.tag.removeprefix(_TAG)!r} is refused",
        )
    elif isinstance(node, yaml.MappingNode):
        yield from _keys(node, path)
        for key, value in node.value:
            yield from _structure(value, (*path, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _structure(item, (*path, index))


def _keys(node: yaml.MappingNode, path: tuple[str | int, ...]) -> Iterator[tuple[int, str]]:
    first: dict[str, int] = {}
    for key, _ in node.value:
        line = _line(key.start_mark)
        if not isinstance(key, yaml.ScalarNode) or key.tag not in {*_PLAIN_TAGS, _MERGE}:
            yield line, f"{dotted(path) or 'the file'}: a key must be a word or a number"
            continue
        text = str(key.value)
        if text in first:
            yield line, f"{dotted((*path, text))}: key is already used in line {first[text]}"
        first.setdefault(text, line)


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item, _line(item.start_mark)
    if isinstance(node, yaml.MappingNode):
        # Last first: what the file says itself stands behind what a merge key brought in.
        for key, value in reversed(node.value):
            if str(key.value) == str(part):
                return value, _line(key.start_mark)
    return None


def _line(mark: _Mark | None) -> int:
    return mark.line + 1 if mark else 1


def _broken(text: str, error: yaml.MarkedYAMLError) -> str:
    """Return the line and what is wrong there; a slip of the keyboard may be a line before."""
    line = _line(error.problem_mark or error.context_mark)
    first = _line(error.context_mark) if error.context_mark else line
    problem = error.problem or "not YAML"
    at, hint = _slip_near(text, min(first, line) - 1, line)
    lines = text.splitlines()
    if not hint and first <= len(lines):
        wrong = lines[min(line, len(lines)) - 1]
        indent = wrong[: len(wrong) - len(wrong.lstrip())]
        hint = " (a tab? indent with spaces)" if "\t" in indent else _missing(error, first, lines)
    problem_text = ", ".join(part for part in (error.context, problem) if part)
    return f"{at or line}: broken YAML: {problem_text}{hint}"


def _slip_near(text: str, first: int, last: int) -> tuple[int, str]:
    """Return the first line with a full-width character among these, and which; 0 if none."""
    start = max(0, first - 1)
    for index, what in slips(text.splitlines()[start:last]):
        return start + index + 1, f" ({what})"
    return 0, ""


def _missing(error: yaml.MarkedYAMLError, line: int, lines: Sequence[str]) -> str:
    """Return which quote or colon seems to be missing; ``line``: where the value begins."""
    if "quoted scalar" in (error.context or "") and "end of stream" in (error.problem or ""):
        return f" (the quote of line {line} is not closed)"
    problem_text = lines[line - 1].strip()
    if re.fullmatch(r"[A-Za-z_][\w-]*:[^\s:/].*", problem_text):
        return f" (line {line}: a space is missing after the colon)"
    if "expected ':'" in (error.problem or "") and ":" not in problem_text:
        return f" (line {line}: a colon is missing)"
    return ""


def folder_files(folder: Path, *, option: str) -> list[Path]:
    """Return the YAML files of the folder that an option names, sorted.

    Raises:
        ConfigError: There is no such folder.
    """
    if not folder.is_dir():
        why = "is no folder" if folder.exists() else "does not exist"
        raise ConfigError(f"{option}: the folder {folder} {why}")
    return sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
