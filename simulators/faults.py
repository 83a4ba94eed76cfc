"""What goes wrong between a unit and its master: one decision per request. Pure."""

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from simulators.slave import Bank


class FaultKind(StrEnum):
    """The faults of communication."""

    DEAD = "dead"
    """No answer at all."""
    SLOW = "slow"
    """Every answer takes ``seconds`` more."""
    LATE = "late"
    """An answer comes ``seconds`` late with probability ``chance``: after the master gave up."""
    FLAPPING = "flapping"
    """Silent for ``seconds``, answering for ``seconds``, and so on."""
    NOISE = "noise"
    """With probability ``chance`` a byte of the reply is corrupted, inserted or lost."""
    HOLE = "hole"
    """Registers ``address`` .. ``address + count - 1`` of ``table`` are illegal addresses."""
    EXCEPTION = "exception"
    """Every request is refused with exception ``code``."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one unit; each kind uses the fields that its description names."""

    kind: FaultKind
    seconds: float = 1.0
    chance: float = 1.0
    table: Bank = Bank.HOLDING
    address: int = 0
    count: int = 1
    code: int = 4
    since_s: float = 0.0


class Verdict(NamedTuple):
    """What happens to one request.

    Attributes:
        silent: The unit does not answer.
        delay_s: The answer takes this much longer, seconds.
        code: Exception code instead of an answer; 0 = none.
        noisy: The reply is damaged on the wire.
    """

    silent: bool = False
    delay_s: float = 0.0
    code: int = 0
    noisy: bool = False


_WELL = Verdict()


@dataclass(slots=True)
class Faults:
    """The faults that a unit has now, at most one of each kind (holes: any number)."""

    rng: random.Random
    active: list[Fault] = field(default_factory=list[Fault])

    def add(self, fault: Fault) -> None:
        """Add a fault; it replaces the one of its kind."""
        if fault.kind is not FaultKind.HOLE:
            self.clear(fault.kind)
        self.active.append(fault)

    def clear(self, kind: FaultKind | None = None) -> None:
        """Remove the faults of one kind, or all."""
        self.active = [fault for fault in self.active if kind is not None and fault.kind != kind]

    def verdict(self, now_s: float) -> Verdict:
        """Decide what happens to a request that arrives now."""
        if not self.active:
            return _WELL
        silent = noisy = False
        delay_s, code = 0.0, 0
        for fault in self.active:
            match fault.kind:
                case FaultKind.DEAD:
                    silent = True
                case FaultKind.FLAPPING:
                    silent |= int((now_s - fault.since_s) / fault.seconds) % 2 == 0
                case FaultKind.SLOW:
                    delay_s += fault.seconds
                case FaultKind.LATE:
                    delay_s += fault.seconds if self.rng.random() < fault.chance else 0.0
                case FaultKind.NOISE:
                    noisy = self.rng.random() < fault.chance
                case FaultKind.EXCEPTION:
                    code = fault.code
                case FaultKind.HOLE:
                    pass
        return Verdict(silent, delay_s, code, noisy)

    def in_hole(self, bank: Bank, address: int, count: int) -> bool:
        """Tell whether a block touches an illegal hole."""
        return any(
            fault.kind is FaultKind.HOLE
            and fault.table is bank
            and fault.address < address + count
            and address < fault.address + fault.count
            for fault in self.active
        )


def damage(frame: bytes, rng: random.Random) -> bytes:
    """Return the frame with one byte corrupted, inserted or lost, as a disturbed line does it."""
    at = rng.randrange(len(frame))
    match rng.randrange(3):
        case 0:
            return frame[:at] + bytes((frame[at] ^ rng.randrange(1, 256),)) + frame[at + 1 :]
        case 1:
            return frame[:at] + bytes((rng.randrange(256),)) + frame[at:]
        case _:
            return frame[:at] + frame[at + 1 :]
