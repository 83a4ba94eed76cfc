"""The search for devices of a line by addresses with wildcards (pure).

An address that several devices take is answered by all of them, and their answers collide. Then the
narrower ones below it are tried.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

Address = TypeVar("Address")


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nobody answered."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[Address]):
    """One device answered.

    Attributes:
        address: Its own, without wildcards.
    """

    address: Address


@dataclass(frozen=True, slots=True)
class Collision:
    """Somebody answered, or noise came, and nothing whole."""


Outcome: TypeAlias = Nothing | Answer[Address] | Collision


class WildcardSearch(Generic[Address]):
    """Finds the devices of a line.

    Ask for ``wanted``, tell ``came`` the outcome; until there is none.

    Args:
        start: Where to look.
        closer: Returns the narrower addresses below one; none: it has no wildcard any more.
        fits: Whether a device with the second address answers to the first.

    Attributes:
        found: Devices, in the order in which they answered.
        unresolved: Addresses without a wildcard that collide all the same: two devices with one
            address, or a line with too much noise.
        asked: How many outcomes were told.
    """

    def __init__(
        self,
        start: Address,
        *,
        closer: Callable[[Address], Sequence[Address]],
        fits: Callable[[Address, Address], bool],
    ) -> None:
        self.found: list[Address] = []
        self.unresolved: list[Address] = []
        self.asked = 0
        self._closer = closer
        self._fits = fits
        self._open = deque((start,))

    @property
    def wanted(self) -> Address | None:
        """What to ask for next; None: the search is over."""
        return self._open[0] if self._open else None

    @property
    def left(self) -> int:
        """How many addresses are to be asked at least."""
        return len(self._open)

    def came(self, outcome: Outcome[Address]) -> None:
        """Take what the question brought.

        An answer of a device that was not asked is one to another question, or damaged: looked at
        as a collision.
        """
        if not self._open:
            return
        tried = self._open.popleft()
        self.asked += 1
        match outcome:
            case Nothing():
                return
            case Answer(address) if self._fits(tried, address):
                if address not in self.found:
                    self.found.append(address)
            case _:
                self._look_closer(tried)

    def _look_closer(self, tried: Address) -> None:
        narrower = self._closer(tried)
        if narrower:
            self._open.extendleft(reversed(narrower))
        else:
            self.unresolved.append(tried)
