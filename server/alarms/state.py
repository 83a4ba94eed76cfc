"""The ISA-18.2 alarm: facts, what may happen to them, and the name that follows from them.

Pure: the functions take facts and return facts. Names as in OPC UA Part 9.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from server.core.errors import ConflictError


class AlarmState(StrEnum):
    """The derived name."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    LATCHED = "latched"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"


@dataclass(frozen=True, slots=True)
class Shelf:
    """An operator put the alarm aside for a while."""

    until: int
    """UTC ms."""
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class OutOfService:
    """Maintenance took the alarm out."""

    until: int
    """UTC ms."""
    by: str


@dataclass(frozen=True, slots=True)
class AlarmFacts:
    """What is true of one alarm; the name is never stored."""

    active: bool = False
    acknowledged: bool = True
    latching: bool = False
    """Property of the rule: stays until it is reset."""
    latched: bool = False
    life_safety: bool = False
    shelf: Shelf | None = None
    suppressed_by: str | None = None
    out_of_service: OutOfService | None = None

    @property
    def state(self) -> AlarmState:
        """The name; shelved, suppressed and out of service go before active and acknowledged."""
        if self.out_of_service is not None:
            return AlarmState.OUT_OF_SERVICE
        if self.suppressed_by is not None:
            return AlarmState.SUPPRESSED
        if self.shelf is not None:
            return AlarmState.SHELVED
        if not self.acknowledged:
            return AlarmState.UNACKNOWLEDGED if self.active else AlarmState.RETURNED_UNACKNOWLEDGED
        if self.active:
            return AlarmState.ACKNOWLEDGED
        return AlarmState.LATCHED if self.latched else AlarmState.NORMAL

    @property
    def over(self) -> bool:
        """Nothing is left to do, so the occurrence may be closed."""
        return self.acknowledged and not self.active and not self.latched

    @property
    def announced(self) -> bool:
        """People hear of it."""
        return self.shelf is None and self.suppressed_by is None and self.out_of_service is None


def activate(facts: AlarmFacts) -> AlarmFacts:
    """The condition became true; an active alarm stays as it is, acknowledgement included."""
    if facts.active:
        return facts
    return replace(facts, active=True, acknowledged=False, latched=facts.latched or facts.latching)


def return_to_normal(facts: AlarmFacts) -> AlarmFacts:
    """The condition became false; an unacknowledged alarm never disappears by that."""
    return replace(facts, active=False)


def acknowledge(facts: AlarmFacts) -> AlarmFacts:
    """An operator has seen it."""
    return replace(facts, acknowledged=True)


def reset(facts: AlarmFacts) -> AlarmFacts:
    """Release the latch; refused while the condition lasts."""
    if facts.active and facts.latched:
        raise ConflictError("the alarm is still active; a latch is reset after the return")
    return replace(facts, latched=False)


def shelve(facts: AlarmFacts, shelf: Shelf) -> AlarmFacts:
    """Put it aside; refused for life safety."""
    _refuse_life_safety(facts, "shelved")
    return replace(facts, shelf=shelf)


def unshelve(facts: AlarmFacts) -> AlarmFacts:
    """Take it back, by hand or because its time is over; what is still active announces again."""
    if facts.shelf is None:
        return facts
    return replace(facts, shelf=None, acknowledged=facts.acknowledged and not facts.active)


def suppress(facts: AlarmFacts, cause: str) -> AlarmFacts:
    """Suppress it under a named cause; it is still evaluated. Refused for life safety."""
    _refuse_life_safety(facts, "suppressed")
    return replace(facts, suppressed_by=cause)


def release(facts: AlarmFacts) -> AlarmFacts:
    """The cause is gone; what is still active announces."""
    if facts.suppressed_by is None:
        return facts
    return replace(facts, suppressed_by=None, acknowledged=facts.acknowledged and not facts.active)


def take_out_of_service(facts: AlarmFacts, order: OutOfService) -> AlarmFacts:
    """Maintenance begins; refused for life safety, whose loop is watched by people meanwhile."""
    _refuse_life_safety(facts, "taken out of service")
    return replace(facts, out_of_service=order)


def put_in_service(facts: AlarmFacts) -> AlarmFacts:
    """Maintenance is over; what is still active announces."""
    if facts.out_of_service is None:
        return facts
    return replace(facts, out_of_service=None, acknowledged=facts.acknowledged and not facts.active)


def retire(facts: AlarmFacts) -> AlarmFacts:
    """Its equipment is gone for good: nothing is left to do. Life safety wants to be seen first."""
    if facts.life_safety and not facts.acknowledged:
        raise ConflictError("an alarm of life safety is open on it; acknowledge it first")
    return AlarmFacts(latching=facts.latching, life_safety=facts.life_safety)


def _refuse_life_safety(facts: AlarmFacts, what: str) -> None:
    if facts.life_safety:
        raise ConflictError(f"an alarm of life safety is never {what}")
