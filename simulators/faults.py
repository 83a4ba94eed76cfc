"""What goes wrong between a unit and its master: one decision per request."""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from simulators.line import SILENT, Reply, Responder
from simulators.slave import ILLEGAL_ADDRESS, Bank, exception_reply

_BLOCK = struct.Struct(">BHH")
_SINGLE_WRITES = frozenset({5, 6})
_READS = frozenset({3, 4})
_BANKS = {
    1: Bank.COIL,
    2: Bank.DISCRETE,
    3: Bank.HOLDING,
    4: Bank.INPUT,
    5: Bank.COIL,
    6: Bank.HOLDING,
    15: Bank.COIL,
    16: Bank.HOLDING,
}


class FaultKind(StrEnum):
    """The faults of communication."""

    OFFLINE = "offline"
    """No answer at all."""
    SLOW = "slow"
    """Every answer takes ``seconds`` more."""
    LATE = "late"
    """An answer comes ``seconds`` late with probability ``chance``: after the master gave up."""
    OUT_OF_ORDER = "out_of_order"
    """With probability ``chance`` an answer is held and given ``seconds`` to ``longest_s`` later;
    newer requests are answered meanwhile."""
    FLAPPING = "flapping"
    """Silent for ``seconds``, answering for ``seconds``, and so on."""
    NOISE = "noise"
    """With probability ``chance`` a byte of the reply is corrupted, inserted or lost."""
    ILLEGAL_ADDRESS = "illegal_address"
    """Registers ``address`` .. ``address + count - 1`` of ``table`` are illegal addresses."""
    EXCEPTION = "exception"
    """Requests are refused with exception ``code``, with probability ``chance``."""
    SILENT_ABOVE = "silent_above"
    """Reads of more than ``count`` registers are not answered."""
    CLAMP = "clamp"
    """A register that is written alone takes at most ``count``, and says so."""
    COUNTER = "counter"
    """Register ``address`` counts one every ``seconds`` and is emptied by being read."""

    @classmethod
    def _missing_(cls, value: object) -> "FaultKind | None":
        """Accept the names that estate files of earlier versions have."""
        return _EARLIER_NAMES.get(value) if isinstance(value, str) else None


_EARLIER_NAMES = {
    "dead": FaultKind.OFFLINE,
    "held": FaultKind.OUT_OF_ORDER,
    "hole": FaultKind.ILLEGAL_ADDRESS,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one unit; each kind uses the fields that its description names."""

    kind: FaultKind
    seconds: float = 1.0
    longest_s: float = 0.0
    chance: float = 1.0
    table: Bank = Bank.HOLDING
    address: int = 0
    count: int = 1
    code: int = 4
    since_s: float = 0.0


class Decision(NamedTuple):
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


_WELL = Decision()


@dataclass(slots=True)
class Faults:
    """The faults that a unit has now, at most one of each kind (illegal_address: any number)."""

    rng: random.Random
    active: list[Fault] = field(default_factory=list[Fault])
    _counted: int = 0

    def add(self, fault: Fault) -> None:
        """Add a fault; it replaces the one of its kind."""
        if fault.kind is not FaultKind.ILLEGAL_ADDRESS:
            self.clear(fault.kind)
        if fault.kind is FaultKind.COUNTER:
            self._counted = 0
        self.active.append(fault)

    def clear(self, kind: FaultKind | None = None) -> None:
        """Remove the faults of one kind, or all."""
        self.active = [fault for fault in self.active if kind is not None and fault.kind != kind]

    def decision(self, now_s: float) -> Decision:
        """Decide what happens to a request that arrives now."""
        if not self.active:
            return _WELL
        silent = noisy = False
        delay_s, code = 0.0, 0
        for fault in self.active:
            match fault.kind:
                case FaultKind.OFFLINE:
                    silent = True
                case FaultKind.SLOW | FaultKind.LATE | FaultKind.OUT_OF_ORDER:
                    delay_s += self._delay_s(fault)
                case FaultKind.FLAPPING:
                    silent |= int((now_s - fault.since_s) / fault.seconds) % 2 == 0
                case FaultKind.NOISE:
                    noisy = self.rng.random() < fault.chance
                case FaultKind.EXCEPTION:
                    code = fault.code if self.rng.random() < fault.chance else code
                case _:
                    pass
        return Decision(silent, delay_s, code, noisy)

    def _delay_s(self, fault: Fault) -> float:
        if fault.kind is FaultKind.SLOW:
            return fault.seconds
        if self.rng.random() >= fault.chance:
            return 0.0
        if fault.kind is FaultKind.LATE:
            return fault.seconds
        return self.rng.uniform(fault.seconds, max(fault.seconds, fault.longest_s))

    def is_illegal(self, pdu: bytes) -> bool:
        """Return whether a request touches an illegal register."""
        block = _block(pdu)
        if block is None:
            return False
        bank, address, count = block
        return any(
            fault.kind is FaultKind.ILLEGAL_ADDRESS
            and fault.table is bank
            and fault.address < address + count
            and address < fault.address + fault.count
            for fault in self.active
        )

    def too_long(self, pdu: bytes) -> bool:
        """Return whether a request reads more than this unit answers."""
        block, fault = _block(pdu), self._of(FaultKind.SILENT_ABOVE)
        return (
            fault is not None and block is not None and pdu[0] in _READS and block[2] > fault.count
        )

    def clamped(self, pdu: bytes) -> bytes:
        """Return a request as this unit takes it."""
        fault = self._of(FaultKind.CLAMP)
        if fault is None or len(pdu) != _BLOCK.size or pdu[0] != 6:  # noqa: PLR2004 (function code)
            return pdu
        function, address, value = _BLOCK.unpack(pdu)
        return _BLOCK.pack(function, address, min(value, fault.count))

    def counted(self, pdu: bytes, reply: bytes, now_s: float) -> bytes:
        """Return an answer with what was counted since the register was read last."""
        block, fault = _block(pdu), self._of(FaultKind.COUNTER)
        if fault is None or block is None or pdu[0] not in _READS or reply[0] != pdu[0]:
            return reply
        bank, address, count = block
        if bank is not fault.table or not address <= fault.address < address + count:
            return reply
        total = int((now_s - fault.since_s) / fault.seconds)
        fresh, self._counted = total - self._counted, total
        at = 2 + 2 * (fault.address - address)
        return reply[:at] + (fresh & 0xFFFF).to_bytes(2, "big") + reply[at + 2 :]

    def _of(self, kind: FaultKind) -> Fault | None:
        return next((fault for fault in self.active if fault.kind is kind), None)


class FaultyUnit:
    """Any unit, with faults between it and its master.

    The faults that name registers are of Modbus units only.

    Args:
        inner: The unit.
        seed: Same seed, same faults.
        refusal: Makes the reply that refuses a function or control code with a fault's code.

    Attributes:
        faults: The faults that it has now.
    """

    def __init__(
        self,
        inner: Responder,
        *,
        seed: int,
        refusal: Callable[[int, int], bytes] = exception_reply,
    ) -> None:
        self._inner = inner
        self._refusal = refusal
        self.faults = Faults(random.Random(seed))

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request PDU, or what the faults leave of the answer."""
        decision = self.faults.decision(now_s)
        if decision is _WELL:
            return self._inner.respond(pdu, now_s)
        if decision.silent or not pdu or self.faults.too_long(pdu):
            return SILENT
        pdu = self.faults.clamped(pdu)
        code = decision.code or (ILLEGAL_ADDRESS if self.faults.is_illegal(pdu) else 0)
        reply = Reply(self._refusal(pdu[0], code)) if code else self._inner.respond(pdu, now_s)
        if reply.pdu is not None:
            reply = reply._replace(pdu=self.faults.counted(pdu, reply.pdu, now_s))
        return Reply(reply.pdu, reply.delay_s + decision.delay_s, reply.noisy or decision.noisy)


def _block(pdu: bytes) -> tuple[Bank, int, int] | None:
    """Return table, address and count of a request."""
    if len(pdu) < _BLOCK.size or pdu[0] not in _BANKS:
        return None
    function, address, count = _BLOCK.unpack_from(pdu)
    return _BANKS[function], address, 1 if function in _SINGLE_WRITES else count
