"""Which number stands for which point; kept for ever, because old rows carry them."""

from collections.abc import Mapping

from edge_agent.journal.base import Alias
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.payload import name_metrics


class AliasBook:
    """Numbers given so far.

    Attributes:
        news: Those that are not on disk yet.
    """

    def __init__(self, known: Mapping[int, Alias]) -> None:
        self._numbers = {alias: number for number, alias in known.items()}
        self._next = max(known, default=0) + 1
        self.news: list[tuple[int, Alias]] = []

    def number(self, wanted: Alias) -> int:
        """Return the number of an alias, a new one on first use."""
        number = self._numbers.get(wanted)
        if number is None:
            number = self._numbers[wanted] = self._next
            self._next += 1
            self.news.append((number, wanted))
        return number

    def all(self) -> dict[int, Alias]:
        """Return every number ever given."""
        return {number: alias for alias, number in self._numbers.items()}

    def by_name(self, fragment: bytes) -> bytes:
        """Return a fragment whose points are named, for a journal with other numbers."""
        names = {
            number: (alias.point, DataType(alias.datatype))
            for alias, number in self._numbers.items()
        }
        return name_metrics(fragment, names)
