"""Events of fire alarm equipment as one line, for cases and messages of tests."""

from protocols.fire.model import (
    NO_STATE,
    FireEvent,
    InformationEvent,
    MeasurementEvent,
    OperationEvent,
    ResetEvent,
    names_of,
)


def told(event: FireEvent) -> str:
    """Return an event as the cases write it; what ended only where nothing began."""
    place = event.place.key
    match event:
        case ResetEvent():
            return f"{place} reset" + " of all" * event.all_panels
        case MeasurementEvent():
            return f"{place} {event.quantity} {event.value} {event.unit}"
        case OperationEvent():
            return f"{place} {' '.join(event.operations)} by {event.operator}"
        case InformationEvent():
            return f"{place} {event.subject} {event.text}"
        case _:
            moment = event.panel_time.isoformat() if event.panel_time else ""
            what = "on " + (" ".join(names_of(event.on)) or "-")
            if event.on == NO_STATE and event.code:
                what = "off " + " ".join(names_of(event.off))
            return " ".join(part for part in (place, what, event.text, moment) if part)
