"""Whatever comes late: in the end the record holds the runs that there were."""

import random
from itertools import groupby

import pytest

from server.alarms.evaluation.step import BACKLOG_QUIET_MS
from tests.fakes.rule_bench import Found, RuleBench

HOT, COOL = 90.0, 20.0


class Record:
    """What the rows say after the engine's findings, in the words of the records' functions."""

    def __init__(self) -> None:
        self.runs: list[list[int | None]] = []

    def take(self, found: list[Found]) -> None:
        for kind, _rule, at, until in found:
            if kind == "raised":
                self.runs.append([at, None])
            elif kind == "returned":
                self.open()[1] = at
            elif kind == "earlier_onset":
                self.open()[0] = at
            elif kind == "split":
                self.open()[1] = until
                self.runs.append([at, None])
            elif kind == "earlier_return":
                self.context(at)[1] = at
            else:
                assert until is not None
                self.take_past(at, until)

    def take_past(self, at: int, until: int) -> None:
        if any(on <= at and (off is None or at < off) for on, off in self.runs if on is not None):
            return
        later = [run for run in self.runs if run[0] is not None and at < run[0] <= until]
        if later:
            min(later, key=lambda run: run[0] or 0)[0] = at
        else:
            self.runs.append([at, until])

    def sorted(self) -> list[list[int | None]]:
        return sorted(self.runs, key=lambda run: run[0] or 0)

    def open(self) -> list[int | None]:
        (run,) = [run for run in self.runs if run[1] is None]
        return run

    def context(self, at: int) -> list[int | None]:
        (run,) = [r for r in self.runs if r[0] is not None and r[1] and r[0] < at < r[1]]
        return run


def true_runs(values: list[float]) -> list[list[int | None]]:
    runs: list[list[int | None]] = []
    at = 1
    for value, same in groupby(values):
        length = len(list(same))
        if value == HOT:
            end = at + length
            runs.append([at, end if end <= len(values) else None])
        at += length
    return runs


def agree(found: list[list[int | None]], true: list[list[int | None]]) -> bool:
    """Return whether there is one run for each; their ends are as sharp as what was looked at.

    Values of now that change nothing are never looked at, so a run whose end lies beside the gap
    may begin later than it did, or end later, but never where it is known to be otherwise.
    """
    if len(found) != len(true):
        return False
    following = [*(on for on, _off in true[1:]), 10**6][: len(true)]
    for (on, off), (true_on, true_off), next_on in zip(found, true, following, strict=True):
        assert on is not None
        assert true_on is not None
        assert next_on is not None
        last = 10**6 if true_off is None else true_off
        if not true_on <= on < last or (off is None) is not (true_off is None):
            return False
        if off is not None and not last <= off <= next_on:
            return False
    return True


@pytest.mark.parametrize("seed", range(120))
def test_a_gap_that_is_filled_late_leaves_the_true_runs(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (repeatable, no secret)
    values = [rng.choice((HOT, COOL)) for _ in range(rng.randint(5, 25))]
    stays = rng.random()
    for index in range(1, len(values)):
        if rng.random() < stays:
            values[index] = values[index - 1]
    begin = rng.randint(1, len(values))
    end = rng.randint(begin, len(values))
    now = [at for at in range(1, len(values) + 1) if not begin <= at < end]
    backlog = list(range(begin, end))
    bench, record = RuleBench(), Record()
    while now or backlog:
        late = bool(backlog) and (not now or (now[0] > end and rng.random() < 0.5))
        at = (backlog if late else now).pop(0)
        record.take(bench.see("temperature", values[at - 1], at, late=late))
        if rng.random() < 0.3:
            # The same again, as after a lost acknowledgement.
            record.take(bench.see("temperature", values[at - 1], at, late=late))
    bench.clock.advance(BACKLOG_QUIET_MS / 1000)
    step = bench.engine.end_late_run("pump.hot", bench.series["temperature"].id)
    assert step is not None
    record.take(bench.found(step))
    assert agree(record.sorted(), true_runs(values)), (record.sorted(), values, begin, end)
