"""Timestamps never run backwards, whatever somebody does to the machine's clock."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config import machine_clock
from edge_agent import clock
from edge_agent.clock import SteadyClock
from tests.fakes.agent_clock import FakeClock


@pytest.fixture
def machine() -> FakeClock:
    return FakeClock()


def test_a_clock_that_goes_forward_is_passed_on(machine: FakeClock) -> None:
    steady = SteadyClock(machine)
    for step_s in (0, 0.5, 86400):
        machine.advance(step_s)
        assert steady.now_ms() == machine.now_ms()
        assert steady.monotonic_s() == machine.monotonic_s()


def test_a_step_back_is_made_good_at_half_speed(machine: FakeClock) -> None:
    steady = SteadyClock(machine)
    before = steady.now_ms()
    machine.utc_ms -= 60_000
    with capture_logs() as logs:
        shown = []
        for _ in range(150):
            machine.advance(1)
            shown.append(steady.now_ms())
    assert shown == sorted(shown)
    assert shown[:3] == [before, before + 500, before + 1000]
    # 60 s are made good after 120 s; from then on it is true again.
    true = [machine.now_ms() - (149 - at) * 1000 for at in range(150)]
    assert shown[110] > true[110]
    assert shown[121:] == true[121:]
    assert [(log["event"], log["held"], round(log["by_s"])) for log in logs] == [
        ("clock_stepped_back", True, 59)
    ]


def test_a_second_step_back_on_the_way_does_not_run_backwards_either(machine: FakeClock) -> None:
    steady = SteadyClock(machine)
    shown = [steady.now_ms()]
    for step_s in range(200):
        if step_s in {5, 20}:
            machine.utc_ms -= 30_000
        machine.advance(1)
        shown.append(steady.now_ms())
    assert shown == sorted(shown)
    assert shown[-1] == machine.now_ms()


def test_a_clock_that_was_hours_ahead_is_believed_at_once(machine: FakeClock) -> None:
    steady = SteadyClock(machine)
    steady.now_ms()
    machine.utc_ms -= 3_600_000
    with capture_logs() as logs:
        assert steady.now_ms() == machine.now_ms()
        machine.advance(1)
        assert steady.now_ms() == machine.now_ms()
    assert [(log["event"], log["held"]) for log in logs] == [("clock_stepped_back", False)]


def test_jitter_of_milliseconds_is_not_worth_a_word(machine: FakeClock) -> None:
    steady = SteadyClock(machine)
    steady.now_ms()
    machine.utc_ms -= 20
    with capture_logs() as logs:
        steady.now_ms()
    assert logs == []


async def test_sleep_is_the_machine_s(machine: FakeClock) -> None:
    await SteadyClock(machine).sleep(0)


@pytest.mark.parametrize(
    ("kernel", "timesyncd", "right"),
    [(0, False, True), (4, False, True), (5, False, False), (5, True, True), (-1, False, False)],
)
def test_a_clock_is_right_when_the_kernel_or_timesyncd_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kernel: int,
    timesyncd: bool,  # noqa: FBT001
    right: bool,  # noqa: FBT001
) -> None:
    flag = tmp_path / "synchronized"
    if timesyncd:
        flag.touch()
    monkeypatch.setattr(machine_clock, "_TIMESYNCD_SAYS", flag)
    monkeypatch.setattr(machine_clock, "_kernel_clock_state", lambda: kernel)
    assert machine_clock.synchronised() is right


def test_the_kernel_answers_whether_its_clock_is_right() -> None:
    assert machine_clock._kernel_clock_state() in range(6)


def test_a_boot_has_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert clock.boot_id() == clock.boot_id() != ""
    monkeypatch.setattr(clock, "_BOOT_ID", tmp_path / "none")
    # Nobody can tell: each process counts as a boot of its own.
    assert clock.boot_id() != clock.boot_id()
