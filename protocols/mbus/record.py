"""One value of an M-Bus telegram, as the agent names it."""

from dataclasses import dataclass
from enum import StrEnum

from protocols.reading import Value


class Function(StrEnum):
    """Which value of a quantity it is."""

    INSTANTANEOUS = "instantaneous"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    ERROR_STATE = "error_state"
    """The value while the meter had an error."""


@dataclass(frozen=True, slots=True)
class Record:
    """One value.

    Attributes:
        storage: 0: now; 1, 2, ...: stored values, as of a billing date.
        tariff: 0: total.
        subunit: Part of the device.
        function: Which value of the quantity.
        quantity: Of its VIF: ``energy``, ``volume``, ``flow_temperature`` and so on.
        vif: VIF and VIFE as on the wire, hexadecimal: the exact name of the quantity.
        value: In ``unit``; text for a date and time (ISO 8601, the meter's own clock) and for text;
            None: not available.
        unit: The one unit of the quantity; empty where there is none.
        problem: Why the value is not available.
    """

    storage: int
    tariff: int
    subunit: int
    function: Function
    quantity: str
    vif: str
    value: Value
    unit: str = ""
    problem: str = ""
