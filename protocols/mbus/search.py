"""The search for slaves by secondary addresses with wildcards (pure).

A selection that several slaves take is acknowledged by all of them, and their telegrams collide.
Then the first open digit of the identification is tried with each of its values.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, TypeAlias

from protocols.mbus.addresses import ID_DIGITS, WILD_DIGIT, SecondaryAddress

_DECIMAL: Final = "0123456789"


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nobody acknowledged the selection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One slave sent its telegram.

    Attributes:
        slave: The address in its header.
    """

    slave: SecondaryAddress


@dataclass(frozen=True, slots=True)
class Collision:
    """The selection was acknowledged, or noise came, and no whole telegram after it."""


Outcome: TypeAlias = Nothing | Answer | Collision


class WildcardSearch:
    """Finds the slaves of a line.

    Select what ``selection`` says, ask for data, tell ``came`` the outcome; until there is none.

    Args:
        within: Where to look.
        digits: What a digit of an identification may be; some slaves have letters A to E.

    Attributes:
        found: Slaves, in the order in which they answered.
        unresolved: Selections that collide though no digit is open: two slaves with one number, or
            a line with too much noise.
        selections: How many outcomes were told.
    """

    def __init__(
        self,
        within: SecondaryAddress | None = None,
        *,
        digits: str = _DECIMAL,
    ) -> None:
        start = within or SecondaryAddress(WILD_DIGIT * ID_DIGITS)
        self.found: list[SecondaryAddress] = []
        self.unresolved: list[SecondaryAddress] = []
        self.selections = 0
        self._digits = digits
        self._open = deque((start,))

    @property
    def selection(self) -> SecondaryAddress | None:
        """What to select next; None: the search is over."""
        return self._open[0] if self._open else None

    def came(self, outcome: Outcome) -> None:
        """Take what the selection brought.

        An answer of a slave that was not selected is one of another selection, or damaged: looked
        at as a collision.
        """
        if not self._open:
            return
        tried = self._open.popleft()
        self.selections += 1
        match outcome:
            case Nothing():
                return
            case Answer(slave) if tried.selects(slave):
                if slave not in self.found:
                    self.found.append(slave)
            case _:
                self._look_closer(tried)

    def _look_closer(self, tried: SecondaryAddress) -> None:
        if not tried.is_wild:
            self.unresolved.append(tried)
            return
        before, _, after = tried.identification.partition(WILD_DIGIT)
        self._open.extendleft(
            SecondaryAddress(before + digit + after, tried.maker, tried.version, tried.medium)
            for digit in reversed(self._digits)
        )
