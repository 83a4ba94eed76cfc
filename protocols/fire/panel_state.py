"""The open components of fire alarm equipment, folded from its events (pure).

A repeated event changes nothing. At most ``most`` places are kept; when there are more, one without
a fire makes room, and what is not kept is counted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocols.errors import FrameError
from protocols.fire.model import (
    ALL_STATES,
    NO_STATE,
    Change,
    Component,
    FireEvent,
    Kind,
    Place,
    ResetEvent,
    State,
    StateEvent,
    names_of,
)
from protocols.fire.snapshot import mapping, restored_event, rows, saved

MOST_PLACES: Final = 20_000
_VERSION: Final = 1
_CONTROLLERS: Final = (0, 1)
"""System types whose reset resets all that hangs on the panel: general, fire alarm system."""


class ResetScope(StrEnum):
    """Which places a reset concerns."""

    PANEL = "panel"
    """Those with its address; a reset of a system other than the controller: its own alone."""
    ALL = "all"


@dataclass(frozen=True)
class FoldOptions:
    """How events are understood where equipment differs.

    Attributes:
        reset_scope: Which places a reset concerns. Doubtful: devices that send another system
            address with a reset than with their components need ``all``.
        reset_clears: States that a reset ends. Faults and shields stay until they are reported as
            gone, as panels keep them over a reset.
        system_normal_ends_fires: Whether "no fire" of a whole system ends the fires of its
            components. Off: some devices send it before the panel is reset.
        transmitter_reset_resets: Whether a reset of the transmission device counts as one of
            its panels. Off: the standard means the device alone.
    """

    reset_scope: ResetScope = ResetScope.PANEL
    reset_clears: State = (
        State.FIRE
        | State.PREALARM
        | State.SUPERVISORY
        | State.STARTED
        | State.FEEDBACK
        | State.DELAYED
    )
    system_normal_ends_fires: bool = False
    transmitter_reset_resets: bool = False


class PanelState:
    """The open components of a panel, or of all panels behind a transmission device.

    Attributes:
        not_kept: Events that found no room, by the name of the state.
    """

    def __init__(self, options: FoldOptions | None = None, *, most: int = MOST_PLACES) -> None:
        self.not_kept: Counter[str] = Counter()
        self._options = options or FoldOptions()
        self._most = most
        self._fires: dict[Place, Component] = {}
        self._others: dict[Place, Component] = {}
        self._counts: Counter[State] = Counter()
        self._systems: Counter[State] = Counter()

    def __len__(self) -> int:
        return len(self._fires) + len(self._others)

    def fold(self, event: FireEvent) -> Sequence[Change]:
        """Take an event and return what it changed; nothing when it was known."""
        match event:
            case StateEvent():
                return self._fold_states(event)
            case ResetEvent():
                return self._reset(event)
            case _:
                return ()

    def count(self, state: State) -> int:
        """Return at how many components a state holds; systems as a whole are not counted."""
        return self._counts[state]

    def holds(self, state: State) -> bool:
        """Whether a state holds at any component, system or at the transmission device."""
        return bool(self._counts[state] or self._systems[state])

    def holds_at_panel(self, state: State) -> bool:
        """Whether a state holds at a system as a whole or at the transmission device."""
        return bool(self._systems[state])

    def open(self, state: State = ALL_STATES) -> list[Component]:
        """Return the places where one of the states holds: fires first, each in their order."""
        found = [one for one in self._fires.values() if one.states & state]
        return found + [one for one in self._others.values() if one.states & state]

    def summary(self) -> dict[str, int]:
        """Return the count of each state by its name."""
        return {names_of(state)[0]: self._counts[state] for state in State}

    def snapshot(self) -> dict[str, object]:
        """Return all that is open as JSON can carry it."""
        return {
            "version": _VERSION,
            "places": [saved(one) for one in self.open()],
            "not_kept": dict(self.not_kept),
        }

    @classmethod
    def restored(
        cls, snapshot: object, options: FoldOptions | None = None, *, most: int = MOST_PLACES
    ) -> "PanelState":
        """Return the state that a snapshot describes.

        Raises:
            FrameError: It is no snapshot of this version; says what is wrong.
        """
        state = cls(options, most=most)
        parts = mapping(snapshot)
        if parts.get("version") != _VERSION:
            raise FrameError(f"snapshot of version {parts.get('version')!r}, not {_VERSION}")
        for one in rows(parts.get("places")):
            state.fold(restored_event(one))
        for name, number in mapping(parts.get("not_kept", {})).items():
            state.not_kept[name] = number if isinstance(number, int) else 0
        return state

    def _fold_states(self, event: StateEvent) -> Sequence[Change]:
        changes = list(self._end_fires_of(event))
        old = self._fires.get(event.place) or self._others.get(event.place)
        if old is None:
            if event.on:
                changes += self._added(event)
            return changes
        states = old.states & ~event.off | event.on
        kind, text = event.component_type or old.component_type, event.text or old.text
        if states == old.states and (kind, text) == (old.component_type, old.text):
            return changes
        began = event.panel_time if event.on & ~old.states else None
        new = Component(event.place, states, kind, text, began or old.panel_time)
        self._take(old)
        if states:
            self._put(new)
        if states != old.states:
            changes.append(Change(new, states & ~old.states, old.states & ~states))
        return changes

    def _added(self, event: StateEvent) -> Sequence[Change]:
        new = Component(event.place, event.on, event.component_type, event.text, event.panel_time)
        return (*self._make_room(new), Change(new, new.states, NO_STATE)) if self._fits(new) else ()

    def _fits(self, new: Component) -> bool:
        """Whether there is room; what has none is counted."""
        has_room = len(self) < self._most or (State.FIRE in new.states and bool(self._others))
        if not has_room:
            self.not_kept.update(names_of(new.states))
        return has_room

    def _make_room(self, new: Component) -> Sequence[Change]:
        """Keep a place, and forget the oldest without a fire when there are too many."""
        forgotten: list[Change] = []
        if len(self) >= self._most:
            oldest = next(iter(self._others.values()))
            self._take(oldest)
            self.not_kept.update(names_of(oldest.states))
            forgotten.append(Change(oldest._replace(states=NO_STATE), NO_STATE, oldest.states))
        self._put(new)
        return forgotten

    def _put(self, component: Component) -> None:
        group = self._fires if State.FIRE in component.states else self._others
        group[component.place] = component
        self._counter_of(component.place).update(list(component.states))

    def _take(self, component: Component) -> None:
        group = self._fires if State.FIRE in component.states else self._others
        del group[component.place]
        self._counter_of(component.place).subtract(list(component.states))

    def _counter_of(self, place: Place) -> Counter[State]:
        return self._counts if place.kind is Kind.COMPONENT else self._systems

    def _end_fires_of(self, event: StateEvent) -> Sequence[Change]:
        is_system = event.place.kind is Kind.SYSTEM and State.FIRE in event.off
        if not (is_system and self._options.system_normal_ends_fires):
            return ()
        system = (event.place.system, event.place.panel)
        concerned = [
            one for place, one in self._fires.items() if (place.system, place.panel) == system
        ]
        return [self._without(one, State.FIRE) for one in concerned]

    def _reset(self, event: ResetEvent) -> Sequence[Change]:
        ended = self._options.reset_clears
        concerned = [
            one
            for one in self.open(ended)
            if event.all_panels or self._is_concerned(one.place, event.place)
        ]
        return [self._without(one, ended) for one in concerned]

    def _is_concerned(self, place: Place, reset: Place) -> bool:
        if reset.kind is Kind.TRANSMITTER:
            return self._options.transmitter_reset_resets or place.kind is Kind.TRANSMITTER
        if self._options.reset_scope is ResetScope.ALL:
            return True
        if place.kind is Kind.TRANSMITTER:
            return True  # it repeats what its panels say
        same_system = reset.system in _CONTROLLERS or place.system == reset.system
        return place.panel == reset.panel and same_system

    def _without(self, old: Component, ended: State) -> Change:
        new = old._replace(states=old.states & ~ended)
        self._take(old)
        if new.states:
            self._put(new)
        return Change(new, NO_STATE, old.states & ended)
