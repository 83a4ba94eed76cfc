"""Whether a condition has been true for some time, as far as the readings say (pure, ADR-37).

Three answers: true when the readings say so without a gap; false when they say that it was false
within that time; None when neither is known, as after a start or a gap. So a gap never ends what
was true for long, and never makes up what nobody saw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from config.expression import Expression
from protocols.reading import Value

TIME_UNKNOWN: Final = "not_known_for_long_enough"
"""Why an expression has no result: how long its condition has been true is not known yet."""

_MOST_OPEN: Final = 5
"""Results that are not known, of which each may be true or false."""


@dataclass(slots=True)
class Duration:
    """How long one condition has been true.

    Attributes:
        true_since: Since when the readings say so without a gap, UTC ms; None: it is false.
        began: Whether they say that it was false right before.
        last_false: The newest reading that said that it was false, UTC ms.
        last: The newest reading, UTC ms.
    """

    true_since: int | None = None
    began: bool = False
    last_false: int | None = None
    last: int | None = None

    def seen(self, at_ms: int, *, is_true: bool, gap_ms: int, needed_ms: int) -> bool | None:
        """Record one reading and return whether it has been true for so long at its time.

        Args:
            at_ms: Time of the reading, UTC ms.
            is_true: What it says of the condition.
            gap_ms: Readings further apart than this are not one run.
            needed_ms: For how long it must have been true.
        """
        if self.last is not None and self.last - gap_ms <= at_ms < self.last:
            self._late(at_ms, is_true=is_true)
        else:
            self._newest(at_ms, is_true=is_true, gap_ms=gap_ms)
        return self._answer(at_ms, is_true=is_true, needed_ms=needed_ms)

    def _newest(self, at_ms: int, *, is_true: bool, gap_ms: int) -> None:
        last = self.last
        follows = last is not None and last <= at_ms <= last + gap_ms
        if not follows:
            self.true_since = None
            if last is not None and at_ms < last:
                # The clock was set back: what it said before is of another time.
                self.last_false = None
        self.last = at_ms
        if not is_true:
            self.true_since, self.last_false = None, at_ms
        elif self.true_since is None:
            self.true_since = at_ms
            self.began = follows and self.last_false == last

    def _late(self, at_ms: int, *, is_true: bool) -> None:
        """A reading older than the newest can only say that a run began later."""
        if is_true:
            return
        self.last_false = at_ms if self.last_false is None else max(self.last_false, at_ms)
        if self.true_since is not None and self.true_since <= at_ms:
            self.true_since, self.began = self.last, True

    def _answer(self, at_ms: int, *, is_true: bool, needed_ms: int) -> bool | None:
        if not is_true:
            return False
        since, false_at = self.true_since, self.last_false
        if since is not None and at_ms - since >= needed_ms:
            return True
        if since is not None and self.began:
            return False
        return False if false_at is not None and at_ms - false_at <= needed_ms else None


def known_whatever(
    expression: Expression, values: Mapping[str, Value], held: Mapping[str, Value]
) -> bool | float | None:
    """Return the result where it does not depend on what is not known; None where it does.

    Args:
        expression: With ``held_for``.
        values: The values of its points.
        held: The result of each ``held_for``; None: not known.
    """
    open_names = [name for name, value in held.items() if value is None]
    if len(open_names) > _MOST_OPEN:
        return None
    results = {
        expression.evaluate({**values, **held, **dict(zip(open_names, guess, strict=True))})
        for guess in product((False, True), repeat=len(open_names))
    }
    return results.pop() if len(results) == 1 else None


class HeldFor:
    """All ``held_for`` of one expression; its state outlives a single reading."""

    def __init__(self, expression: Expression) -> None:
        self._held = expression.held
        self._durations: Sequence[Duration] = [Duration() for _ in self._held]

    def results(self, values: Mapping[str, Value], at_ms: int, *, gap_s: float) -> dict[str, Value]:
        """Return the result of each by its name; None where it is not known.

        Each is looked at every time, whatever the expression around it needs.
        """
        found: dict[str, Value] = {}
        for one, duration in zip(self._held, self._durations, strict=True):
            is_true = one.condition.evaluate({**values, **found})
            found[one.name] = (
                None
                if is_true is None
                else duration.seen(
                    at_ms,
                    is_true=bool(is_true),
                    gap_ms=round(1000 * gap_s),
                    needed_ms=round(1000 * one.seconds),
                )
            )
        return found
