"""Thirty meters of DL/T 645 on one line, three of them dead, in the time of the loop."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from itertools import pairwise
from random import Random

import pytest

from config.load import load_profiles
from config.point_kinds import identifiers_of
from edge_agent.drivers.base import OnLateResponse, Reply
from edge_agent.drivers.dlt645.driver import MeterDriver
from edge_agent.drivers.dlt645.question import IdentifierQuestion
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from simulators.line import LineTiming
from tests.contract.test_meters_polled import PORT, Silent, of_meter
from tests.fakes.meter_line import link_to, meter, meter_client
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_loop import LoopClock, run_virtually

ADDRESSES = [f"{number:012d}" for number in range(101, 131)]
DEAD = {ADDRESSES[4], ADDRESSES[11], ADDRESSES[19]}
POINTS = ("import_energy", "active_power", "voltage_l1", "current_l1")
SETTLED_S = 120.0


class CountedDriver(MeterDriver):
    """Counts the time that requests without an answer took, by meter, once all has settled."""

    in_vain_s: dict[str, float]

    async def ask(self, unit: str, question: IdentifierQuestion, *, timeout_s: float) -> Reply:
        began = asyncio.get_running_loop().time()
        answered = False
        try:
            reply = await super().ask(unit, question, timeout_s=timeout_s)
            answered = True
            return reply
        finally:
            if not answered and began > SETTLED_S:
                self.in_vain_s[unit] += asyncio.get_running_loop().time() - began


@pytest.mark.long
def test_dead_meters_move_no_other_and_cost_three_percent_at_most() -> None:
    async def work() -> None:
        units = {one: Silent() if one in DEAD else meter(one) for one in ADDRESSES}
        link = link_to(units, LineTiming(baud=2400, turnaround_s=0.1))
        in_vain_s: dict[str, float] = defaultdict(float)

        def open_driver(late: OnLateResponse) -> CountedDriver:
            driver = CountedDriver(meter_client(link, on_late_response=late))
            driver.in_vain_s = in_vain_s
            return driver

        known = identifiers_of(load_profiles()["dlt645-single-phase"].read_points())
        points = {name: known[name] for name in POINTS}
        sink = ListSink()
        port = PortOwner(
            "line",
            settings=PORT,
            devices={f"m{one}": of_meter(one, points, 60.0) for one in ADDRESSES},
            open_driver=open_driver,
            sink=sink,
            health=Health(),
            availability=MemoryAvailability(),
            clock=LoopClock(),
            rng=Random(7),  # noqa: S311 (jitter, not a secret)
        )
        assert 0.6 < port.load < 0.8
        task = asyncio.create_task(port.run())
        await asyncio.sleep(600)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        gaps = [
            later - earlier
            for one in ADDRESSES
            for name in POINTS
            for earlier, later in pairwise(sink.times_s(f"m{one}", name))
        ]
        assert len(gaps) == 27 * len(POINTS) * 9
        assert max(gaps) <= 60.6
        assert in_vain_s.keys() == DEAD
        assert sum(in_vain_s.values()) <= 0.03 * (600 - SETTLED_S)

    run_virtually(work())
