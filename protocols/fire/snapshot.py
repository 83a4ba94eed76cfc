"""The open components of a panel as JSON can carry them, and back (pure)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, cast

from protocols.errors import FrameError
from protocols.fire.model import ALL_STATES, Component, Kind, Place, State, StateEvent

_NUMBERS: Final = 7
"""Numbers of a saved place: system, panel, zone, loop, point, component type, states."""


def saved(one: Component) -> list[object]:
    """Return a component as a row: kind, seven numbers, text, time."""
    kind, *numbers = one.place
    moment = one.panel_time.isoformat() if one.panel_time else ""
    return [str(kind), *numbers, one.component_type, int(one.states), one.text, moment]


def mapping(value: object) -> Mapping[str, object]:
    """Return a JSON object; FrameError when it is none."""
    if not isinstance(value, dict):
        raise FrameError(f"snapshot: {value!r:.40} is no object")
    return cast("dict[str, object]", value)


def rows(value: object) -> Sequence[Sequence[object]]:
    """Return the rows of places; FrameError when they are none."""
    if not isinstance(value, list):
        raise FrameError(f"snapshot: {value!r:.40} is no list of places")
    found = cast("list[object]", value)
    for row in found:
        if not isinstance(row, list) or len(cast("list[object]", row)) != _NUMBERS + 3:
            raise FrameError(f"snapshot: {row!r:.80} is no place")
    return cast("Sequence[Sequence[object]]", found)


def restored_event(row: Sequence[object]) -> StateEvent:
    """Return a row as the event that opens its place again; FrameError when it is none."""
    kind, *rest = row
    numbers = [one for one in rest[:_NUMBERS] if isinstance(one, int) and one >= 0]
    text, moment = rest[_NUMBERS:]
    if len(numbers) != _NUMBERS or not isinstance(text, str) or not isinstance(moment, str):
        raise FrameError(f"snapshot: {row!r:.80} is no place")
    *address, component_type, states = numbers
    try:
        place = Place(Kind(str(kind)), *address)
        time = datetime.fromisoformat(moment) if moment else None
    except ValueError as error:
        raise FrameError(f"snapshot: {row!r:.80}: {error}") from None
    return StateEvent(
        place,
        State(states) & ALL_STATES,
        component_type=component_type,
        text=text,
        panel_time=time,
    )
