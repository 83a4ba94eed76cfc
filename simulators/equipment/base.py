"""What every model of equipment offers."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

from protocols.reading import Value


class Equipment(Protocol):
    """One piece of plant. Its values are a function of its state, the time and its seed.

    Attributes:
        events: What can happen to it, besides ``clear``.
    """

    events: ClassVar[frozenset[str]]

    def __init__(self, *, seed: int, started_s: float) -> None: ...

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Return the value of each canonical point, in the unit of the equipment class."""
        ...

    def happen(self, event: str, now_s: float) -> None:
        """Let one of ``events``, or ``clear``, begin now."""
        ...

    def command(self, point: str, value: Value, now_s: float) -> bool:
        """Obey a written value; False when the model has nothing that reacts to it."""
        ...
