"""Which failed reports the panel of a line takes as refused, over a library that is acted."""

import os
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from edge_agent.drivers.osdp.panel import Panel
from protocols.osdp.cards import CardMask
from protocols.osdp.notes import Kind, Line, LineReader, Note, Presence, Status

ADDRESS = 1
OK, FAILED = 0, 1
LOCAL, INPUTS, OUTPUTS, READERS = 1, 2, 3, 4
HEARD = bytes([0x53, 0x80 + ADDRESS])


def _nothing(number: int, command: Mapping[str, Any], done: int) -> None:
    del number, command, done


class ActedPanel:
    """One reader as ``osdp_sys`` shows it; it answers each report unless told otherwise."""

    def __init__(self, infos: list[dict[str, Any]]) -> None:
        (info,) = infos
        self.channel = info["channel"]
        self.there = self.secure = False
        self.enabled = True
        self.failing: set[int] = set()
        self.breaks_channel = False
        self.asked: list[int] = []
        self._waiting: list[dict[str, Any]] = []
        self._over: Callable[[int, Mapping[str, Any], int], None] = _nothing

    def set_event_callback(self, take: Callable[[int, Mapping[str, Any]], int]) -> None:
        del take

    def set_command_completion_callback(
        self, take: Callable[[int, Mapping[str, Any], int], None]
    ) -> None:
        self._over = take

    def refresh(self) -> None:
        self.channel.read(64)
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            failed = command["type"] in self.failing
            if failed and self.breaks_channel:
                self.secure = False
            self._over(0, command, FAILED if failed else OK)
            if failed:  # libosdp gives a reader up for any command that fails.
                self.there = self.secure = False

    def submit_command(self, number: int, command: dict[str, Any]) -> bool:
        assert number == 0
        self.asked.append(command["type"])
        self._waiting.append(command)
        return True

    def status(self) -> int:
        return int(self.there)

    def sc_status(self) -> int:
        return int(self.secure)

    def is_pd_enabled(self, number: int) -> bool:
        return number == 0 and self.enabled

    def check_capability(self, number: int, capability: int) -> tuple[int, int]:
        return number, capability


class Bench:
    """The panel of a line with one reader, and a clock."""

    def __init__(self, fd: int, hears: Callable[[], int]) -> None:
        self.said: list[Note] = []
        self.now_s = 100.0
        self._hears = hears
        made: list[ActedPanel] = []

        def control_panel(infos: list[dict[str, Any]]) -> ActedPanel:
            made.append(ActedPanel(infos))
            return made[0]

        library: Any = SimpleNamespace(
            STATUS_REPORT_LOCAL=LOCAL,
            STATUS_REPORT_INPUT=INPUTS,
            STATUS_REPORT_OUTPUT=OUTPUTS,
            STATUS_REPORT_REMOTE=READERS,
            CMD_STATUS=10,
            CMD_OUTPUT=11,
            CAP_CONTACT_STATUS_MONITORING=1,
            CAP_OUTPUT_CONTROL=2,
            FLAG_ENABLE_NOTIFICATION=1,
            FLAG_INSTALL_MODE=2,
            FLAG_ENFORCE_SECURE=4,
            LOG_CRIT=2,
            set_loglevel=str,
            ControlPanel=control_panel,
        )
        reader = LineReader(ADDRESS, bytes(16), install=True)
        line = Line("", 9600, "N", 1, (reader,), CardMask.HASH, b"salt")
        self.panel = Panel(library, fd, line, say=self.said.append, now_s=lambda: self.now_s)
        (self.reader,) = made

    def comes(self) -> list[int]:
        """The reader comes; returns which reports it is asked for."""
        self.reader.there = self.reader.secure = True
        self.reader.asked.clear()
        for _ in range(8):
            self._hears()
            self.panel.step()
            self.now_s += 0.01
        return list(self.reader.asked)

    def goes(self) -> None:
        """It goes, for a reason of its own."""
        self.reader.there = self.reader.secure = False
        self.panel.step()

    @property
    def refused(self) -> list[Kind]:
        return [one.kind for one in self.said if isinstance(one, Status) and one.values is None]


@pytest.fixture
def bench() -> Iterator[Bench]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield Bench(reading, lambda: os.write(writing, HEARD))
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("breaks_channel", [True, False])
def test_a_failure_at_the_restart_of_the_channel_is_no_refusal(
    bench: Bench, *, breaks_channel: bool
) -> None:
    bench.reader.failing, bench.reader.breaks_channel = {LOCAL}, breaks_channel
    assert bench.comes() == [LOCAL]
    bench.reader.failing = set()
    assert bench.comes() == [LOCAL, INPUTS, OUTPUTS, READERS]
    assert bench.refused == []
    assert Presence(ADDRESS, online=True) in bench.said


def test_failures_of_a_broken_channel_never_become_a_refusal(bench: Bench) -> None:
    bench.reader.failing, bench.reader.breaks_channel = {LOCAL}, True
    assert [bench.comes() for _ in range(4)] == [[LOCAL]] * 4
    assert bench.refused == []


def test_two_failures_in_a_row_are_a_refusal_and_cost_no_third_connection(bench: Bench) -> None:
    bench.reader.failing = {INPUTS}
    assert [bench.comes() for _ in range(2)] == [[LOCAL, INPUTS]] * 2
    assert bench.refused == [Kind.INPUTS]
    assert bench.comes() == [LOCAL, OUTPUTS, READERS]
    assert Presence(ADDRESS, online=True) in bench.said


def test_an_answer_between_two_failures_makes_them_single(bench: Bench) -> None:
    for failing in ({INPUTS}, set[int](), {INPUTS}):
        bench.reader.failing = failing
        assert INPUTS in bench.comes()
        bench.now_s += 31.0
    assert bench.refused == []


def test_a_reader_that_comes_back_after_a_loss_of_its_own_is_asked_for_all_again(
    bench: Bench,
) -> None:
    bench.reader.failing = {INPUTS}
    for _ in range(3):
        bench.comes()
    bench.reader.failing = set()
    bench.goes()
    assert bench.comes() == [LOCAL, INPUTS, OUTPUTS, READERS]
