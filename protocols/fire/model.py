"""What fire alarm equipment reports, the same for each protocol (pure).

The states are those of GB/T 26875.3-2011, 8.2.1; a panel with another protocol maps its events to
them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag, StrEnum
from typing import Final, NamedTuple, TypeAlias


class State(IntFlag):
    """States that may hold at once. The numbers stand in snapshots and are never changed."""

    FIRE = 1
    FAULT = 2
    SHIELDED = 4
    SUPERVISORY = 8
    STARTED = 16
    FEEDBACK = 32
    DELAYED = 64
    MAINS_FAULT = 128
    BACKUP_FAULT = 256
    BUS_FAULT = 512
    MANUAL = 1024
    CONFIG_CHANGED = 2048
    TEST = 4096
    LINK_FAULT = 8192
    """The transmission device cannot reach the centre."""
    LINE_FAULT = 16384
    """The line from the panel to the transmission device is broken."""
    PREALARM = 32768


NO_STATE: Final = State(0)
ALL_STATES: Final = State(2 * State.PREALARM - 1)


def names_of(states: State) -> tuple[str, ...]:
    """Return the names of states in small letters, as ``("fire", "shielded")``."""
    return tuple(str(state.name).lower() for state in State if state in states)


def states_of(names: Iterable[str]) -> State:
    """Return the states with these names, as ``names_of`` has them."""
    states = NO_STATE
    for name in names:
        states |= State[name.upper()]
    return states


class Kind(StrEnum):
    """What a place is."""

    COMPONENT = "component"
    """A detector, button, module and so on."""
    SYSTEM = "system"
    """A panel or a system of it as a whole."""
    TRANSMITTER = "transmitter"
    """The user information transmission device itself."""


class Place(NamedTuple):
    """What an event is about; equal places are the same component.

    Attributes:
        system: System type of GB/T 26875.3, 0 = general.
        panel: System address or number of the panel.
        zone: Zone (floor); 0 when the protocol has none.
        loop: Loop or card; 0 when the protocol has none.
        point: Number within zone and loop.
    """

    kind: Kind
    system: int = 0
    panel: int = 0
    zone: int = 0
    loop: int = 0
    point: int = 0

    @property
    def key(self) -> str:
        """A name that is unlike for unlike places, as ``component-1-1-10-0-2``."""
        return f"{self.kind}-{self.system}-{self.panel}-{self.zone}-{self.loop}-{self.point}"


TRANSMITTER: Final = Place(Kind.TRANSMITTER)


@dataclass(frozen=True, slots=True)
class StateEvent:
    """States of a place that are reported as holding or as no longer holding.

    Attributes:
        on: States that hold from now on.
        off: States that no longer hold; what is in neither stays as it was.
        component_type: Component type of GB/T 26875.3; 0 = general or not known.
        text: Description by the panel; empty when there is none.
        panel_time: Local time by the clock of the equipment; None when it says none that exists.
        code: The event as the panel numbers it; empty for GB/T 26875.3.
    """

    place: Place
    on: State = NO_STATE
    off: State = NO_STATE
    component_type: int = 0
    text: str = ""
    panel_time: datetime | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class ResetEvent:
    """A panel was reset: what it had reported as an alarm is over, what is still so comes again.

    Attributes:
        all_panels: Whether all panels of the connection are meant: the message names none.
    """

    place: Place
    panel_time: datetime | None = None
    all_panels: bool = False


@dataclass(frozen=True, slots=True)
class MeasurementEvent:
    """A measured value of a component.

    Attributes:
        quantity: Name of the quantity, as ``temperature``.
        unit: Unit of ``value``.
    """

    place: Place
    component_type: int
    quantity: str
    value: float
    unit: str
    panel_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class OperationEvent:
    """Somebody operated the equipment.

    Attributes:
        operations: What was done, as ``silence``.
        operator: Number of the operator by the equipment; 0 when it says none.
    """

    place: Place
    operations: tuple[str, ...]
    operator: int = 0
    panel_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class InformationEvent:
    """What the equipment says about itself: version, configuration, time.

    Attributes:
        subject: One of version, configuration, time, unknown.
    """

    place: Place
    subject: str
    text: str
    component_type: int = 0


FireEvent: TypeAlias = (
    StateEvent | ResetEvent | MeasurementEvent | OperationEvent | InformationEvent
)


class Component(NamedTuple):
    """A place at which something holds.

    Attributes:
        component_type: Component type of GB/T 26875.3; 0 = general or not known.
        panel_time: Local time of the equipment when the newest of its states began.
    """

    place: Place
    states: State
    component_type: int = 0
    text: str = ""
    panel_time: datetime | None = None


class Change(NamedTuple):
    """What an event changed at one place.

    Attributes:
        component: The place afterwards; its states are 0 when nothing holds any more.
    """

    component: Component
    on: State
    off: State
