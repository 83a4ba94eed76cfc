"""What went wrong in the week before the demo, and what people did about it."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from server.workorders.history import Satisfaction

Verb = Literal["acknowledge", "step"]
ENGINEER: Final = "wang"
LEAD: Final = "li"


class Deed(NamedTuple):
    """One thing that a person did.

    Attributes:
        after_min: Minutes after the fault was announced.
        by: Key of the person.
        verb: ``step`` moves the work order to ``to``.
        to: State of the order.
        reason: Of the step.
        note: What was written.
        satisfaction: What a resident said in a return call.
    """

    after_min: int
    by: str
    verb: Verb
    to: str = ""
    reason: str | None = None
    note: str | None = None
    satisfaction: Satisfaction | None = None

    def due(self, announced_ms: int) -> int:
        """Return when it is done, UTC ms."""
        return announced_ms + self.after_min * 60_000


@dataclass(frozen=True, slots=True)
class Happening:
    """One fault of one simulated unit.

    Attributes:
        day: Days after the week's begin.
        minute: Of that day, from the instant of the week's begin on.
        unit: Name in the estate file.
        event: What happens to its model.
        minutes: How long it lasts.
        deeds: What people did, in order.
    """

    day: int
    minute: int
    unit: str
    event: str
    minutes: int
    deeds: tuple[Deed, ...]


LEFT_OVER: Final = (
    Deed(0, LEAD, "acknowledge"),
    Deed(0, LEAD, "step", "cancelled", reason="other", note="Was repaired with the order before"),
)
"""What becomes of a second alarm, and a second order, of the same fault; at the end of each."""


def _repair(
    arrived: int, done: int, *, wait: int = 0, note: str, call: Satisfaction | None = None
) -> tuple[Deed, ...]:
    """Return the usual way of an order: minutes until arrival and completion, wait for a part."""
    waits = (
        Deed(arrived + 12, ENGINEER, "step", "waiting", reason="parts"),
        Deed(arrived + 12 + wait, ENGINEER, "step", "in_progress"),
    )
    called = Deed(done + 45, LEAD, "step", "called_back", note=None, satisfaction=call)
    return (
        Deed(3, ENGINEER, "acknowledge"),
        Deed(4, ENGINEER, "step", "accepted"),
        Deed(arrived, ENGINEER, "step", "on_site"),
        Deed(arrived + 2, ENGINEER, "step", "in_progress"),
        *(waits if wait else ()),
        Deed(done, ENGINEER, "step", "completed", note=note),
        Deed(done + 30, LEAD, "step", "verified"),
        *((called,) if call else ()),
        Deed(done + 60, LEAD, "step", "closed"),
    )


HAPPENINGS: Final = (
    Happening(0, 187, "pump-3", "trip", 38, _repair(14, 40, note="Impeller freed, seal looked at")),
    Happening(1, 640, "room-3", "cold", 150, _repair(
        55, 170, note="Radiator of the flat vented", call=Satisfaction.SATISFIED)),
    Happening(2, 415, "lift-a", "fault", 65, _repair(
        22, 80, wait=30, note="Door contact of floor 7 replaced")),
    Happening(3, 95, "sump-1", "pump_fault", 50, _repair(
        26, 200, wait=130, note="Capacitor of pump 1 replaced")),
    Happening(4, 1010, "meter-b", "phase_loss", 24, _repair(
        9, 32, note="Fuse of phase L2 replaced")),
    Happening(5, 20, "lift-a", "entrap", 19, _repair(
        17, 70, note="One passenger freed, unharmed", call=Satisfaction.VERY_SATISFIED)),
    Happening(5, 700, "room-1", "frost", 80, (
        Deed(6, ENGINEER, "acknowledge", note="Garage door stands open"),
        Deed(8, ENGINEER, "step", "accepted"),
        Deed(41, ENGINEER, "step", "on_site"),
        Deed(43, ENGINEER, "step", "in_progress"),
        Deed(60, ENGINEER, "step", "completed", note="Drive of the garage door reset"),
    )),
    Happening(6, 260, "pump-3", "trip", 52, _repair(
        16, 75, wait=40, note="Impeller blocked again: filter of the return line cleaned")),
)  # fmt: skip
"""In the order of time."""
