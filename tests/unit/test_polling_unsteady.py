"""Units that answer most of the time are read nearly every period, and cost the others nothing."""

from itertools import pairwise
from random import Random

import pytest

from config.ports import ModbusTcpPort
from edge_agent.errors import DeviceGarbageError, DeviceTimeoutError
from edge_agent.polling.port_time import PortLoad
from tests.fakes.driver import Asked, FakeDriver, FakeUnit
from tests.fakes.port_bench import Bench, alive, port_manager, running

SECONDS = 120
TIMEOUT_S = 0.4


class LossyLine(FakeDriver):
    """Some units miss some requests, or are damaged.

    Attributes:
        misses: Share of its requests that a unit does not answer, or answers damaged.
    """

    rng = Random(0)  # noqa: S311 (repeatable)
    misses: dict[int, float]
    damages: dict[int, float]

    async def _reach(self, asked: Asked) -> tuple[FakeUnit, float]:
        if self.rng.random() < self.misses.get(asked.unit, 0.0):
            self.asked.append(asked)
            await self._clock.sleep(asked.timeout_s)
            raise DeviceTimeoutError(f"unit {asked.unit}: no answer in time")
        found = await super()._reach(asked)
        if self.rng.random() < self.damages.get(asked.unit, 0.0):
            raise DeviceGarbageError(f"unit {asked.unit}: noise")
        return found


def lossy(seed: int, misses: dict[int, float], damages: dict[int, float]) -> type[LossyLine]:
    found = {"rng": Random(seed), "misses": misses, "damages": damages}  # noqa: S311 (repeatable)
    return type("Lossy", (LossyLine,), found)


def figures(bench: Bench, name: str, period_s: float, begin_s: float) -> tuple[float, float]:
    """Share of the periods in which a device was read, and the longest gap, seconds."""
    times = [at for at in bench.sink.times_s(name, "p") if at >= begin_s]
    met = {int((at - begin_s) / period_s) for at in times}
    end_s = bench.clock.now_ms() / 1000
    longest_s = max(later - earlier for earlier, later in pairwise([begin_s, *times, end_s]))
    return len(met) * period_s / SECONDS, longest_s


@pytest.mark.seeds(2, 20)
@pytest.mark.parametrize("period_s", [1.0, 5.0])
async def test_units_that_answer_nine_in_ten_are_not_forgotten(seed: int, period_s: float) -> None:
    ill = {3: 0.1, 6: 0.1, 9: 0.1, 11: 0.05, 12: 0.05}
    units = alive(12)
    units[2].offline = True
    bench = Bench(
        port_manager(12, period_s=period_s),
        units,
        driver=lossy(seed, ill, {7: 0.2}),
        seed=seed,
        settings=ModbusTcpPort(kind="modbus_tcp", host="127.0.0.1", timeout_s=TIMEOUT_S),
    )
    async with running(bench):
        await bench.clock.run_for(20)
        begin_s = bench.clock.now_ms() / 1000
        await bench.clock.run_for(SECONDS)
    for number in (*ill, 7):
        share, longest_s = figures(bench, f"d{number}", period_s, begin_s)
        assert share >= 0.85, number
        assert longest_s <= 3 * period_s + 5, number
    healthy = sorted(g for number in (1, 4, 5, 8, 10) for g in bench.gaps_s(f"d{number}")[5:])
    # The first answer that is missed in ten minutes is waited for in its turn.
    assert healthy[int(0.9 * len(healthy))] <= period_s + 0.05
    assert healthy[-1] <= period_s + TIMEOUT_S


async def test_a_unit_that_answers_gets_the_whole_timeout() -> None:
    units = alive(4)
    settings = ModbusTcpPort(kind="modbus_tcp", host="127.0.0.1", timeout_s=TIMEOUT_S)
    async with running(Bench(port_manager(4), units, settings=settings)) as bench:
        for turn in range(40):
            units[3].response_s = 0.225 if turn % 10 == 9 else 0.01
            await bench.clock.run_for(1)
    assert {reading.reason for _, reading in bench.sink.log} == {""}
    assert max(bench.gaps_s("d3")) <= 1.3


async def test_a_unit_that_dies_is_down_soon_and_asked_every_period_for_a_minute() -> None:
    units = alive(4)
    async with running(Bench(port_manager(4, period_s=2.0), units)) as bench:
        await bench.clock.run_for(70)
        units[2].offline = True
        await bench.clock.run_for(10)
        assert not bench.health.devices["d2"].up
        before = len(bench.driver.asked)
        await bench.clock.run_for(40)
        asked = [one.at_s for one in bench.driver.asked[before:] if one.unit == 2]
        assert max(later - earlier for earlier, later in pairwise(asked)) <= 4.1
        units[2].offline = False
        await bench.clock.run_for(4)
        assert bench.health.devices["d2"].up
    assert max(bench.gaps_s("d1")[2:]) <= 2.05


def test_a_port_is_full_by_what_is_answered() -> None:
    load = PortLoad(share=0.2)
    assert load.has_spare_time(0.0)
    for second in range(60):
        load.add(float(second), 0.9)
    assert not load.has_spare_time(60.0)
    assert load.has_spare_time(80.0)
