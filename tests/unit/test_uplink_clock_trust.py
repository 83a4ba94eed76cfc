"""When a clock is believed, and what stamps are worth before that."""

import pytest

from edge_agent.clock import TRUSTED_FROM_MS
from edge_agent.uplink.clock_trust import ClockTrust
from tests.fakes.agent_clock import FakeClock

NOW = 1_795_000_000_000
SAVED = NOW - 60 * 86_400_000


class Machine:
    """A clock, and whether somebody keeps it right."""

    def __init__(self, now_ms: int, *, believed: bool = False) -> None:
        self.clock = FakeClock(now_ms)
        self.right = False
        self.trust = ClockTrust(
            self.clock, synchronised=lambda: self.right, grace_s=60, believed=believed
        )

    def stamp(self, *, live: bool = False) -> tuple[int, int | None]:
        now_ms = self.clock.now_ms()
        return now_ms, self.trust.boot_offset_of(now_ms, live=live)

    def step_to(self, now_ms: int) -> None:
        self.clock.utc_ms = now_ms


@pytest.mark.parametrize("start_ms", [5_000, SAVED, NOW])
def test_a_plausible_clock_is_not_believed_until_somebody_vouches_for_it(start_ms: int) -> None:
    machine = Machine(start_ms)
    machine.clock.advance(3600)
    machine.trust.look()
    assert not machine.trust.waited_enough
    machine.step_to(NOW)
    machine.right = True
    machine.trust.look()
    assert (machine.trust.synchronised, machine.trust.waited_enough) == (True, True)
    assert machine.stamp()[1] is None


def test_a_clock_that_says_1970_is_wrong_whoever_vouches_for_it() -> None:
    machine = Machine(5_000)
    machine.right = True
    machine.trust.look()
    assert not machine.trust.synchronised


def test_without_ntp_a_clock_is_believed_when_the_broker_was_there_for_the_grace() -> None:
    machine = Machine(SAVED)
    machine.clock.advance(600)
    assert not machine.trust.waited_enough
    machine.trust.broker_reached()
    machine.clock.advance(59)
    machine.trust.broker_reached()
    assert not machine.trust.waited_enough
    machine.clock.advance(1)
    assert (machine.trust.waited_enough, machine.trust.usable) == (True, True)
    assert not machine.trust.synchronised


def test_a_gateway_that_never_has_a_time_connects_and_sends_no_reading_of_1970() -> None:
    machine = Machine(5_000)
    machine.trust.broker_reached()
    machine.clock.advance(60)
    assert machine.trust.waited_enough
    assert not machine.trust.usable
    assert machine.stamp(live=True)[1] is not None


def test_what_was_waited_for_since_the_machine_started_is_not_waited_for_again() -> None:
    assert Machine(SAVED, believed=True).trust.waited_enough


def test_stamps_of_a_believed_clock_are_final_only_when_they_are_sent_at_once() -> None:
    machine = Machine(SAVED, believed=True)
    assert machine.stamp(live=True)[1] is None
    assert machine.stamp(live=False)[1] == SAVED - 1_000_000


def test_a_stamp_from_before_a_step_keeps_the_zero_it_was_made_with() -> None:
    machine = Machine(SAVED)
    stamped, boot_offset_ms = machine.stamp()
    machine.clock.advance(1)
    machine.step_to(NOW)
    machine.trust.look()
    # On its way through the port while the clock was set.
    assert machine.trust.boot_offset_of(stamped + 900, live=False) == boot_offset_ms
    assert machine.stamp()[1] == NOW - 1_001_000


def test_remembered_stamps_are_moved_by_the_step_and_later_ones_are_not() -> None:
    machine = Machine(5_000)
    first, _ = machine.stamp()
    machine.clock.advance(90)
    last, _ = machine.stamp()
    machine.step_to(NOW)
    after, _ = machine.stamp()
    assert machine.trust.final_boot_offset() == NOW - 1_090_000
    shifted = [machine.trust.shifted(at) for at in (first, last, after)]
    assert shifted == [NOW - 90_000, NOW, NOW]
    assert min(shifted) > TRUSTED_FROM_MS


class UneasyClock(FakeClock):
    """Each question takes a few milliseconds on a busy machine."""

    def now_ms(self) -> int:
        self.advance(0.003)
        return super().now_ms()


def test_without_a_step_no_stamp_is_moved_by_a_millisecond() -> None:
    clock = UneasyClock(SAVED)
    trust = ClockTrust(clock, synchronised=lambda: False, grace_s=0, believed=True)
    stamped = []
    for _ in range(50):
        clock.advance(0.7)
        at = clock.utc_ms
        stamped.append((at, trust.boot_offset_of(at, live=False)))
    final_ms = trust.final_boot_offset()
    assert {boot_offset_ms for _, boot_offset_ms in stamped} == {final_ms}
    assert [trust.shifted(at) for at, _ in stamped] == [at for at, _ in stamped]


def test_what_was_sent_is_never_moved() -> None:
    machine = Machine(SAVED, believed=True)
    sent, _ = machine.stamp(live=True)
    machine.clock.advance(10)
    waiting, _ = machine.stamp(live=False)
    machine.step_to(NOW)
    machine.trust.final_boot_offset()
    assert [machine.trust.shifted(at) for at in (sent, waiting)] == [sent, NOW]
