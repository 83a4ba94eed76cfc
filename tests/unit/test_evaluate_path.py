"""The way of samples through the evaluation stays short enough to be read."""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

from server.alarms.evaluation import engine
from tests.fakes.pump_room import sample
from tests.fakes.rule_bench import Found, RuleBench

ROOT = Path(engine.__file__).parents[3]
MOST_MODULES, MOST_CROSSINGS = 8, 45
"""10 and 58 before the modules of the evaluation were merged."""


class Calls:
    """Which modules of this project are entered, and how often a call leaves one for another."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.crossings = 0

    def follow(self, frame: FrameType, event: str, _argument: object) -> None:
        """Take a call."""
        name = _module(frame) if event == "call" else None
        if name is None:
            return
        self.modules.add(name)
        before = None if frame.f_back is None else _module(frame.f_back)
        self.crossings += before not in {None, name}


def _module(frame: FrameType) -> str | None:
    file = Path(frame.f_code.co_filename)
    if not file.is_relative_to(ROOT):
        return None
    name = file.relative_to(ROOT).as_posix()
    return name if name.startswith(("server/", "config/")) else None


def walked(bench: RuleBench, batch: list[Any]) -> tuple[Calls, list[Found]]:
    path = Calls()
    sys.setprofile(path.follow)
    try:
        step = bench.engine.evaluate(batch)
    finally:
        sys.setprofile(None)
    return path, bench.found(step)


def test_a_batch_of_all_kinds_goes_through_few_modules() -> None:
    """A limit, one with a delay, one with an expression, and a late value."""
    bench = RuleBench()
    well = {"run": True, "pressure": 3.0, "temperature": 50.0, "level": 3.0, "fault": False}
    bench.see_all([*well.items()], 0)
    bench.see("temperature", 50.0, 100)
    now, series = bench.start + 110_000, bench.series
    batch = [
        sample(series["temperature"], 90.0, now),
        sample(series["level"], 0.5, now),
        sample(series["run"], value=True, at=now),
        sample(series["pressure"], 0.1, now),
        sample(series["temperature"], 85.0, bench.start + 60_000, late=True),
    ]
    for one in batch[:4]:
        one.series.last_at, one.series.last_value = one.taken_at, one.value
    path, found = walked(bench, batch)
    assert found == [("raised", "hot", 110, None), ("raised", "no_pressure", 110, None)]
    assert len(path.modules) <= MOST_MODULES, sorted(path.modules)
    assert path.crossings <= MOST_CROSSINGS


def test_a_value_of_now_does_not_meet_what_is_for_late_ones() -> None:
    bench = RuleBench()
    bench.see("temperature", 50.0, 1)
    hot = bench.series["temperature"]
    path, found = walked(bench, [sample(hot, 90.0, bench.start + 2_000)])
    assert found == [("raised", "hot", 2, None)]
    assert "server/alarms/evaluation/reconcile.py" not in path.modules
