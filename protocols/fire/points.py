"""The open components of a panel as points of the class ``fire_panel``, and in words (pure)."""

from collections.abc import Mapping, Sequence

from protocols.fire.model import NO_STATE, Component, Kind, State
from protocols.fire.panel_state import PanelState
from protocols.gb26875.tables import COMPONENT_TYPES, SYSTEM_TYPES, Term


def points_of(state: PanelState) -> Mapping[str, bool | int]:
    """Return the points by the names of the class ``fire_panel``.

    They are true of what was reported. A panel that does not report its supply, or has not been
    heard yet, has nothing to say about it: who publishes them leaves those points out.
    """
    return {
        "fire": state.holds(State.FIRE),
        "prealarm": state.holds(State.PREALARM),
        "supervisory": state.holds(State.SUPERVISORY),
        "feedback": state.holds(State.FEEDBACK),
        "fault": state.holds(State.FAULT) or state.count(State.MAINS_FAULT) > 0,
        "shielded": state.holds(State.SHIELDED),
        "automatic": not state.holds_at_panel(State.MANUAL),
        "mains": not state.holds_at_panel(State.MAINS_FAULT),
        "backup": not state.holds_at_panel(State.BACKUP_FAULT),
        "bus": not state.holds(State.BUS_FAULT),
        "fire_count": state.count(State.FIRE),
        "fault_count": state.count(State.FAULT),
        "shielded_count": state.count(State.SHIELDED),
        "supervisory_count": state.count(State.SUPERVISORY),
    }


def places_of(state: PanelState) -> Mapping[str, Sequence[Component]]:
    """Return where the states hold, by the names of the class: fires first, then as reported.

    Systems and the transmission device repeat what their components say: they stand there only
    when no component does.
    """
    return {
        "fire_places": _places(state, State.FIRE),
        "fault_places": _places(state, State.FAULT, of_components=State.MAINS_FAULT),
        "shielded_places": _places(state, State.SHIELDED),
        "supervisory_places": _places(state, State.SUPERVISORY),
    }


def name_of(component: Component) -> Term:
    """Return what and where a component is, with the panel's own text, for a message."""
    place, text = component.place, component.text
    if place.kind is Kind.TRANSMITTER:
        return Term("用户信息传输装置", "transmission device")
    table = COMPONENT_TYPES if place.kind is Kind.COMPONENT else SYSTEM_TYPES
    number = component.component_type if place.kind is Kind.COMPONENT else place.system
    kind = table.get(number) or Term(f"类型{number}", f"type {number}")
    zh = f"{place.panel}号主机"
    en = f"panel {place.panel}"
    for value, unit_zh, unit_en in (
        (place.zone, "区", "zone"),
        (place.loop, "回路", "loop"),
        (place.point, "号", "point"),
    ):
        if value:
            zh += f"{value}{unit_zh}"
            en += f" {unit_en} {value}"
    if text == kind.zh:
        text = ""
    return Term(f"{text} {kind.zh} {zh}".strip(), f"{text} {kind.en}, {en}".strip())


def _places(
    state: PanelState, states: State, *, of_components: State = NO_STATE
) -> Sequence[Component]:
    found = state.open(states | of_components)
    components = [one for one in found if one.place.kind is Kind.COMPONENT]
    return components or [one for one in found if one.states & states]
