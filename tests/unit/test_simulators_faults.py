"""What faults make of a request."""

import random
import struct

import pytest

from simulators.faults import Decision, Fault, FaultKind, Faults, FaultyUnit
from simulators.line import Reply, damage
from simulators.slave import Bank, RegisterSpace, answer

READ = bytes.fromhex("0300000002")
REPLY = b"\x03\x04\x00\x01\x00\x02"


class Healthy:
    def respond(self, pdu: bytes, now_s: float) -> Reply:
        del pdu, now_s
        return Reply(REPLY)


def _with(*faults: Fault) -> FaultyUnit:
    unit = FaultyUnit(Healthy(), seed=1)
    for fault in faults:
        unit.faults.add(fault)
    return unit


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        (Fault(FaultKind.OFFLINE), Reply(None)),
        (Fault(FaultKind.SLOW, seconds=0.4), Reply(REPLY, 0.4)),
        (Fault(FaultKind.LATE, seconds=3), Reply(REPLY, 3)),
        (Fault(FaultKind.LATE, seconds=3, chance=0), Reply(REPLY)),
        (Fault(FaultKind.NOISE), Reply(REPLY, 0.0, noisy=True)),
        (Fault(FaultKind.EXCEPTION, code=6), Reply(b"\x83\x06")),
        (Fault(FaultKind.ILLEGAL_ADDRESS, address=1, count=1), Reply(b"\x83\x02")),
        (Fault(FaultKind.ILLEGAL_ADDRESS, address=2, count=9), Reply(REPLY)),
        (Fault(FaultKind.ILLEGAL_ADDRESS, table=Bank.INPUT, address=0), Reply(REPLY)),
    ],
)
def test_one_fault(fault: Fault, reply: Reply) -> None:
    assert _with(fault).respond(READ, 100.0) == reply


def test_faults_add_up_and_the_newest_of_a_kind_counts() -> None:
    unit = _with(
        Fault(FaultKind.SLOW, seconds=9),
        Fault(FaultKind.SLOW, seconds=0.5),
        Fault(FaultKind.LATE, seconds=2),
        Fault(FaultKind.EXCEPTION, code=4),
    )
    assert unit.respond(READ, 0.0) == Reply(b"\x83\x04", 2.5)


def test_a_flapping_unit_starts_silent_and_changes_with_its_period() -> None:
    unit = _with(Fault(FaultKind.FLAPPING, seconds=10, since_s=100))
    answers = [unit.respond(READ, at).pdu is not None for at in (100, 109, 110, 119, 120, 131)]
    assert answers == [False, False, True, True, False, True]


def test_a_write_into_a_hole_is_refused_even_in_its_last_register() -> None:
    unit = _with(Fault(FaultKind.ILLEGAL_ADDRESS, address=11))
    write = bytes.fromhex("10000A00020400010002")
    assert unit.respond(write, 0.0).pdu == b"\x90\x02"
    assert unit.respond(bytes.fromhex("06000B0001"), 0.0).pdu == b"\x86\x02"
    assert unit.respond(bytes.fromhex("06000A0001"), 0.0).pdu == REPLY


def test_clearing_one_kind_keeps_the_others() -> None:
    faults = Faults(random.Random(1))  # noqa: S311 (noise)
    faults.add(Fault(FaultKind.OFFLINE))
    faults.add(Fault(FaultKind.SLOW, seconds=1))
    faults.clear(FaultKind.OFFLINE)
    assert faults.decision(0.0) == Decision(delay_s=1)
    faults.clear()
    assert faults.decision(0.0) == Decision()


def test_noise_strikes_with_its_probability() -> None:
    unit = _with(Fault(FaultKind.NOISE, chance=0.25))
    struck = sum(unit.respond(READ, 0.0).noisy for _ in range(2000))
    assert 420 < struck < 580


def test_damage_changes_one_byte_and_never_nothing() -> None:
    rng = random.Random(3)  # noqa: S311 (noise)
    frame = bytes(range(20))
    damaged = [damage(frame, rng) for _ in range(300)]
    assert {len(one) for one in damaged} == {19, 20, 21}
    assert frame not in damaged


def registers(*values: int) -> FaultyUnit:
    class Device:
        def __init__(self) -> None:
            self.space = RegisterSpace()
            self.space.banks[Bank.HOLDING].update(enumerate(values))

        def respond(self, pdu: bytes, now_s: float) -> Reply:
            del now_s
            return Reply(answer(self.space, pdu))

    return FaultyUnit(Device(), seed=1)


def read(unit: FaultyUnit, address: int, count: int, now_s: float = 0.0) -> list[int] | None:
    pdu = unit.respond(struct.pack(">BHH", 3, address, count), now_s).pdu
    return None if pdu is None else list(struct.unpack(f">{count}H", pdu[2:]))


def test_a_unit_may_be_silent_above_some_registers() -> None:
    unit = registers(1, 2, 3)
    unit.faults.add(Fault(FaultKind.SILENT_ABOVE, count=2))
    assert read(unit, 0, 2) == [1, 2]
    assert read(unit, 0, 3) is None


def test_a_unit_may_limit_what_is_written_and_says_so() -> None:
    unit = registers(1)
    unit.faults.add(Fault(FaultKind.CLAMP, count=99))
    said = unit.respond(struct.pack(">BHH", 6, 0, 5000), 0.0).pdu
    assert said == struct.pack(">BHH", 6, 0, 99)
    assert read(unit, 0, 1) == [99]


def test_a_counter_is_emptied_by_being_read() -> None:
    unit = registers(1, 2, 3)
    unit.faults.add(Fault(FaultKind.COUNTER, seconds=0.5, address=1))
    assert read(unit, 0, 3, 5.0) == [1, 10, 3]
    assert read(unit, 1, 1, 6.0) == [2]
    assert read(unit, 1, 1, 6.1) == [0]
    assert read(unit, 0, 1, 9.0) == [1]
    assert read(unit, 1, 2, 9.0) == [6, 3]
