"""A fire alarm panel as the agent hears it: events to readings of its points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from config.gateway import ResolvedDevice
from config.listening import SENTRY_MISSED
from edge_agent.health import Health
from edge_agent.polling.changes import ChangeFilter
from edge_agent.polling.sink import ReadingSink
from edge_agent.polling.units import UnitState
from protocols.errors import FrameError
from protocols.fire.model import NO_STATE, Component, FireEvent, Kind, ResetEvent, State, StateEvent
from protocols.fire.panel_state import FoldOptions, PanelState
from protocols.fire.points import name_of, places_of, points_of
from protocols.fire.snapshot import mapping
from protocols.fire.words import words_of
from protocols.reading import Quality, Reading, Value

if TYPE_CHECKING:
    from edge_agent.polling.device import Observer

_MOST_TOLD: Final = 20
_ONCE_SAID: Final = {
    "automatic": State.MANUAL,
    "mains": State.MAINS_FAULT,
    "backup": State.BACKUP_FAULT,
    "bus": State.BUS_FAULT,
}
"""Points about which a panel that never reports the state says nothing."""


@dataclass(slots=True)
class HeardUnit:
    """A transmission device; it is not asked, so there is no time of an answer."""

    number: int | str
    state: UnitState = UnitState.UNKNOWN
    response_s: float | None = None
    failures: int = 0


class HeardPanel:
    """What one source has said, as readings.

    Attributes:
        up: Whether it is heard; None until it was, or was not for too long.
        latest: The last reading of each point, reported or not.
        state: Its open components.
        sentry_missed: Whether the last inspection of the sentry was not answered; None before the
            first.
        observer: Told of every reading, reported or not, after it was handed over.
    """

    def __init__(
        self,
        device: ResolvedDevice,
        *,
        options: FoldOptions,
        language: Literal["zh", "en"],
        sink: ReadingSink,
        health: Health,
    ) -> None:
        self.device = device
        self.unit = HeardUnit(device.unit)
        self.up: bool | None = None
        self.latest: dict[str, Reading] = {}
        self.state = PanelState(options)
        self.sentry_missed: bool | None = None
        self.observer: Observer | None = None
        self._options = options
        self._language = language
        self._sink = sink
        self._health = health
        self._counts = health.requests.of(device.port)
        self._heard = {
            outcome: health.heard.labels(device.port, outcome)
            for outcome in ("changed", "repeated")
        }
        self._filter = ChangeFilter(device.heard)
        self._said = NO_STATE
        self._passed: list[dict[str, Value]] = []
        self._news: list[str] = []

    def fold(self, events: Sequence[FireEvent]) -> bool:
        """Take events in their order; returns whether they changed what is kept on disk."""
        changed = has_new_fire = False
        for event in events:
            if has_new_fire and self._ends_fires(event):
                # It began and ended in one message: both are told.
                self._passed.append(self._values())
                has_new_fire = False
            changes = self.state.fold(event)
            has_new_fire |= any(State.FIRE in change.on for change in changes)
            is_new = self._note_said(event) or bool(changes)
            self._news += [getattr(one, self._language) for one in words_of(event, changes)]
            changed |= is_new
            self._heard["changed" if is_new else "repeated"].inc()
        return changed

    def publish(self, at_ms: int) -> None:
        """Hand over what is worth reporting, while it is heard."""
        passed, self._passed = self._passed, []
        if self._news:
            news, self._news = _listed(self._news[:_MOST_TOLD], len(self._news)), []
            self._hand_over([Reading("event", news, Quality.GOOD, at_ms)])
        for values in (*passed, self._values()):
            readings = [Reading(name, value, Quality.GOOD, at_ms) for name, value in values.items()]
            self._hand_over(readings)

    def came_up(self, at_ms: int) -> None:
        """Record that it is heard."""
        if self.up:
            return
        self.up, self.unit.state = True, UnitState.ONLINE
        self._filter.forget()
        self._health.device(self.device.id, up=True, at=at_ms)
        self._sink.device_up(self.device.id, at_ms)

    def went_down(self, at_ms: int, *, reason: str, error: str) -> None:
        """Record that it is not heard: every point is stale once, then the device is down."""
        if self.up is False:
            return
        if self.up:
            self._hand_over(
                [
                    last._replace(quality=Quality.STALE, value=None, taken_at=at_ms, reason=reason)
                    for last in self.latest.values()
                ]
            )
        self.up, self.unit.state = False, UnitState.OFFLINE
        self._health.device(self.device.id, up=False, at=at_ms, reason=reason, error=error)
        self._sink.device_down(self.device.id, at_ms, reason)

    def snapshot(self) -> dict[str, object]:
        """Return what must outlive the process, as JSON can carry it."""
        return {"said": int(self._said), "state": self.state.snapshot()}

    def restore(self, snapshot: object) -> None:
        """Go on from a snapshot.

        Raises:
            FrameError: It is none.
        """
        parts = mapping(snapshot)
        said = parts.get("said")
        if not isinstance(said, int):
            raise FrameError(f"snapshot: said is {said!r:.40}, expected a number")
        self.state = PanelState.restored(parts.get("state"), self._options)
        self._said = State(said)

    def _ends_fires(self, event: FireEvent) -> bool:
        match event:
            case ResetEvent():
                return True
            case StateEvent() if State.FIRE in event.off:
                return event.place.kind is Kind.SYSTEM or any(
                    one.place == event.place for one in self.state.open(State.FIRE)
                )
            case _:
                return False

    def _note_said(self, event: FireEvent) -> bool:
        if not isinstance(event, StateEvent):
            return False
        if event.place.kind is Kind.COMPONENT:
            return False
        before = self._said
        self._said |= event.on | event.off
        return self._said != before

    def _values(self) -> dict[str, Value]:
        # The places first: they are known when the rule looks at the state.
        found: dict[str, Value] = {
            **{name: self._names_of(open_) for name, open_ in places_of(self.state).items()},
            **points_of(self.state),
        }
        for name, state in _ONCE_SAID.items():
            if found[name] is True and state not in self._said:
                del found[name]
        if self.sentry_missed is not None and SENTRY_MISSED in self.device.heard:
            found[SENTRY_MISSED] = self.sentry_missed
        return found

    def _names_of(self, components: Sequence[Component]) -> str:
        names = [getattr(name_of(one), self._language) for one in components[:_MOST_TOLD]]
        return _listed(names, len(components))

    def _hand_over(self, readings: Sequence[Reading]) -> None:
        self.latest.update((reading.point, reading) for reading in readings)
        picked = self._filter.pick(readings) if self.up else []
        if picked:
            self._counts.readings += len(picked)
            self._sink.publish(self.device.id, picked)
        if self.observer is not None:
            self.observer(self.device.id, readings)


def _listed(first: Sequence[str], of: int) -> str:
    """Return the first of them, and how many more there are."""
    more = [f"+{of - len(first)}"] if of > len(first) else []
    return "; ".join([*first, *more])
