"""Devices for proofs and benchmarks: values that tell which read produced them."""

import math
import struct

from simulators.line import Reply
from simulators.slave import MAX_READ_WORDS, Bank, RegisterSpace, answer

FLOATS = 18
FIRST_FLOAT = 2
_FLOAT_BANK_SIZE = 2 * FLOATS
_READ_HOLDING = 3
_PATTERNS = 16


class Counter:
    """Holding registers 0-1: a uint32 that grows by one with every read of it and never repeats.

    Registers 2-37 carry 18 float32. Float k is ``count + k / 100`` while the count fits a float32
    exactly, so that a master can check that a whole block came from one read.

    Attributes:
        reads: How often the counter was read.
    """

    def __init__(self, *, start: int = 0) -> None:
        self.reads = start
        self._space = RegisterSpace()
        self._fill()

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request PDU; a read of register 0 or 1 counts."""
        del now_s
        if pdu[0] == _READ_HOLDING and pdu[1:3] in {b"\x00\x00", b"\x00\x01"}:
            self.reads = (self.reads + 1) & 0xFFFF_FFFF
            self._fill()
        return Reply(answer(self._space, pdu))

    def _fill(self) -> None:
        base = self.reads % 100_000
        floats = (base + k / 100 for k in range(FLOATS))
        data = struct.pack(f">I{FLOATS}f", self.reads, *floats)
        words = struct.unpack(f">{FIRST_FLOAT + _FLOAT_BANK_SIZE}H", data)
        self._space.banks[Bank.HOLDING].update(enumerate(words))


class BenchDevice:
    """``floats`` float32 in the holding registers from 0 on, answered from frames made beforehand.

    Float 0 counts the reads (exact up to 2^24), the others change with every read.
    """

    def __init__(self, *, floats: int = 20, seed: int = 0) -> None:
        self.reads = 0
        registers = min(2 * floats, MAX_READ_WORDS)
        self._request = struct.pack(">BHH", _READ_HOLDING, 0, registers)
        self._frames = [_frame(floats, seed, step) for step in range(_PATTERNS)]
        self._space = RegisterSpace()
        words = struct.unpack_from(f">{2 * floats}H", self._frames[0], 2)
        self._space.banks[Bank.HOLDING].update(enumerate(words))

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request PDU; the read of the whole block is the fast path."""
        del now_s
        if pdu != self._request:
            return Reply(answer(self._space, pdu))
        self.reads += 1
        frame = self._frames[self.reads % _PATTERNS]
        struct.pack_into(">f", frame, 2, float(self.reads & 0xFF_FFFF))
        return Reply(bytes(frame))


def _frame(floats: int, seed: int, step: int) -> bytearray:
    values = [20 + seed + k + math.sin(step / 3 + k) for k in range(floats)]
    data = struct.pack(f">{floats}f", *values)
    return bytearray(struct.pack(">BB", _READ_HOLDING, len(data)) + data)
