"""Random walks of one linkage against a plain model of a cause, a run, a latch and a bound."""

import random
from dataclasses import dataclass, field

import pytest

from tests.fakes.linkage_bench import LinkageBench


@dataclass
class Model:
    """What must have happened, from the readings alone; one second per step."""

    delay_s: int
    latch: bool
    max_runs: int
    within_s: int
    now_s: int = 0
    true_for: int | None = None
    spent: bool = False
    latched: bool = False
    truth: bool | None = None
    runs: list[int] = field(default_factory=list[int])

    def read(self, *, truth: bool | None) -> None:
        self.truth = truth
        if truth is None:
            self.true_for = None
        elif not truth:
            self.true_for = None
            self.spent = self.spent and self.latched
        else:
            self.true_for = 0 if self.true_for is None else self.true_for + 1
            if self.true_for >= self.delay_s and not self.spent:
                self.spent = True
                if sum(at > self.now_s - self.within_s for at in self.runs) < self.max_runs:
                    self.runs.append(self.now_s)
                    self.latched = self.latch

    def restart(self) -> None:
        self.true_for = self.truth = None

    def reset(self) -> bool:
        if self.spent and self.truth is not False:
            return False
        self.spent = self.latched = False
        return True


@pytest.mark.seeds(3, 60)
async def test_every_run_has_a_cause_of_its_own(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (a search, no secret)
    options = {
        "delay_s": rng.choice([0, 0, 2, 5]),
        "latch": rng.random() < 0.4,
        "max_runs": rng.choice([1, 2, 50]),
        "within_s": rng.choice([10, 40, 1000]),
    }
    model, bench = Model(**options), LinkageBench(**options)
    await bench.start()
    truth: bool | None = False
    for _ in range(150):
        await bench.wait(1)
        model.now_s += 1
        if rng.random() < 0.3:
            truth = rng.choice([True, False, None, True, False])
        event = rng.random()
        if event < 0.04:
            await bench.kill()
            await bench.start()
            model.restart()
        elif event < 0.06:
            await bench.reload(**options)
        elif event < 0.1:
            before = len(model.runs)
            done = (await bench.person(True, "x", "reset")).status.value == "done"  # noqa: FBT003
            assert done is model.reset()
            if done:
                # Runs are counted anew.
                model.runs = [-(10**6)] * before
        await bench.read(leak=truth)
        model.read(truth=truth)
        assert len(bench.writes) == len(model.runs), (options, bench.said())
        assert bench.said("latched")[-1] is model.latched
    await bench.kill()


@pytest.mark.seeds(3, 60)
async def test_killed_anywhere_no_command_goes_out_twice_for_one_cause(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (a search, no secret)
    commands = [
        {"device": "valve", "point": "open", "value": False},
        {"device": "pump", "point": "run", "value": False},
    ]
    bench = LinkageBench(commands=commands, retry_s=rng.choice([0, 10]), max_runs=1000)
    await bench.start()
    await bench.read(leak=False)
    for _ in range(30):
        before = len(bench.writes)
        # One cause, with commands held up, devices away and kills in between.
        for _ in range(rng.randrange(1, 8)):
            if rng.random() < 0.5:
                bench.other.go.clear()
            else:
                bench.other.go.set()
            bench.other.up = rng.random() < 0.8
            bench.clock.advance(1)
            await bench.read(leak=rng.choice([True, True, True, None]))
            if rng.random() < 0.4:
                await bench.kill()
                await bench.start()
        during = bench.writes[before:]
        assert len(during) == len(set(during)) <= 2
        bench.other.go.set()
        await bench.cycles(2, leak=False)
        await bench.settle()
        assert len(set(bench.writes[before:])) == len(bench.writes[before:])
    await bench.kill()
