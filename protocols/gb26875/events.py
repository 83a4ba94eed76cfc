"""Application data units of GB/T 26875.3-2011 as events of fire alarm equipment (pure)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from protocols.fire.model import (
    NO_STATE,
    TRANSMITTER,
    FireEvent,
    InformationEvent,
    Kind,
    MeasurementEvent,
    OperationEvent,
    Place,
    ResetEvent,
    State,
    StateEvent,
)
from protocols.gb26875.tables import (
    ANALOG_TYPES,
    COMPONENT_BITS,
    NORMAL_BIT,
    OPERATIONS,
    RESET_BIT,
    SYSTEM_BITS,
    TRANSMITTER_BITS,
    TRANSMITTER_OPERATIONS,
    AnalogType,
    UnitType,
)
from protocols.gb26875.units import InfoObject, Unit


@dataclass(frozen=True)
class EventOptions:
    """How status words are understood where devices differ.

    Attributes:
        test_from_bit_0: Whether bit 0 = 0 always means a test, as the standard says. Off: only
            when no other bit is set, for devices in use leave it 0 with a true fire.
        words_are_events: Whether a word has the bit of what has just happened alone, and only one
            without any bit ends what was. By the standard a word is the whole state.
    """

    test_from_bit_0: bool = False
    words_are_events: bool = False


def events_of(unit: Unit, options: EventOptions | None = None) -> Sequence[FireEvent]:
    """Return what a unit that goes to the centre reports; nothing for one that comes from it."""
    how = options or EventOptions()
    if unit.type not in _READERS:
        if not unit.data:
            return ()
        return (InformationEvent(TRANSMITTER, "unknown", f"type {unit.type}: {unit.data.hex()}"),)
    reader = _READERS[unit.type]
    return [event for one in unit.objects for event in reader(one, how)]


def _system(one: InfoObject) -> Place:
    return Place(Kind.SYSTEM, one.number("system"), one.number("address"))


def _component(one: InfoObject) -> Place:
    return Place(
        Kind.COMPONENT,
        one.number("system"),
        one.number("address"),
        zone=one.number("zone"),
        point=one.number("point"),
    )


def _moment(one: InfoObject) -> datetime | None:
    return one.time.moment if one.time is not None else None


def _states(word: int, bits: Mapping[int, State], how: EventOptions) -> tuple[State, State]:
    """Return what a status word says that holds, and that does not hold."""
    on = off = NO_STATE
    for bit, state in bits.items():
        if word >> bit & 1:
            on |= state
        else:
            off |= state
    if how.words_are_events and on:
        off = NO_STATE
    is_test = not word & NORMAL_BIT and (how.test_from_bit_0 or not on)
    return (on | State.TEST, off) if is_test else (on, off | State.TEST)


def _system_status(one: InfoObject, how: EventOptions) -> Iterator[FireEvent]:
    place, word = _system(one), one.number("status")
    if word & RESET_BIT:
        yield ResetEvent(place, _moment(one))
    on, off = _states(word, SYSTEM_BITS, how)
    yield StateEvent(place, on, off, panel_time=_moment(one))


def _component_status(one: InfoObject, how: EventOptions) -> Iterator[FireEvent]:
    on, off = _states(one.number("status"), COMPONENT_BITS, how)
    yield StateEvent(
        _component(one),
        on,
        off,
        component_type=one.number("component_type"),
        text=one.description,
        panel_time=_moment(one),
    )


def _analog(one: InfoObject, _: EventOptions) -> Iterator[FireEvent]:
    number = one.number("analog_type")
    kind = ANALOG_TYPES.get(number) or AnalogType(f"analog_{number}", "", 1)
    yield MeasurementEvent(
        _component(one),
        one.number("component_type"),
        kind.quantity,
        round(one.number("number") * kind.step, 2),
        kind.unit,
        _moment(one),
    )


def _operations(one: InfoObject, place: Place, names: Sequence[str]) -> Iterator[FireEvent]:
    flags = one.number("flags")
    done = tuple(name for bit, name in enumerate(names) if flags >> bit & 1)
    yield OperationEvent(place, done, one.number("operator"), _moment(one))
    if "reset" in done:
        yield ResetEvent(place, _moment(one))


def _operation(one: InfoObject, _: EventOptions) -> Iterator[FireEvent]:
    return _operations(one, _system(one), OPERATIONS)


def _transmitter_operation(one: InfoObject, _: EventOptions) -> Iterator[FireEvent]:
    return _operations(one, TRANSMITTER, TRANSMITTER_OPERATIONS)


def _transmitter_status(one: InfoObject, how: EventOptions) -> Iterator[FireEvent]:
    on, off = _states(one.number("status"), TRANSMITTER_BITS, how)
    yield StateEvent(TRANSMITTER, on, off, panel_time=_moment(one))


def _version(one: InfoObject) -> str:
    return f"{one.number('major')}.{one.number('minor')}"


def _time(one: InfoObject) -> str:
    moment = one.clock.moment if one.clock is not None else None
    return moment.isoformat() if moment is not None else ""


def _information(
    place: Callable[[InfoObject], Place], subject: str, text: Callable[[InfoObject], str]
) -> Callable[[InfoObject, EventOptions], Iterator[FireEvent]]:
    def read(one: InfoObject, _: EventOptions) -> Iterator[FireEvent]:
        yield InformationEvent(place(one), subject, text(one), one.number("component_type"))

    return read


def _description(one: InfoObject) -> str:
    return one.description


def _transmitter(_: InfoObject) -> Place:
    return TRANSMITTER


_READERS: Final[Mapping[int, Callable[[InfoObject, EventOptions], Iterator[FireEvent]]]] = {
    UnitType.SYSTEM_STATUS: _system_status,
    UnitType.COMPONENT_STATUS: _component_status,
    UnitType.COMPONENT_ANALOG: _analog,
    UnitType.OPERATION: _operation,
    UnitType.SOFTWARE_VERSION: _information(_system, "version", _version),
    UnitType.SYSTEM_CONFIG: _information(_system, "configuration", _description),
    UnitType.COMPONENT_CONFIG: _information(_component, "configuration", _description),
    UnitType.SYSTEM_TIME: _information(_system, "time", _time),
    UnitType.TRANSMITTER_STATUS: _transmitter_status,
    UnitType.TRANSMITTER_OPERATION: _transmitter_operation,
    UnitType.TRANSMITTER_VERSION: _information(_transmitter, "version", _version),
    UnitType.TRANSMITTER_CONFIG: _information(_transmitter, "configuration", _description),
    UnitType.TRANSMITTER_TIME: _information(_transmitter, "time", _time),
}
