"""Two mappings that change while the agent runs, read as one."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

_Value = TypeVar("_Value")


class Joined(Mapping[str, _Value]):
    """What is in either of two mappings with different keys."""

    def __init__(self, first: Mapping[str, _Value], second: Mapping[str, _Value]) -> None:
        self._first = first
        self._second = second

    def __getitem__(self, name: str) -> _Value:
        return self._first[name] if name in self._first else self._second[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._first
        yield from self._second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)
