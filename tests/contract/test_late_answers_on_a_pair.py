"""What comes late on a pair of several protocols is never taken for another one's answer."""

import asyncio
from contextlib import suppress
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from config.ports import Port
from edge_agent.drivers.base import UnitAddress
from edge_agent.errors import DeviceTimeoutError, DriverError
from edge_agent.planners import planner_of
from protocols.reading import Value
from tests.contract.test_meters_polled import Silent
from tests.fakes.stairwell import ASKED, DEVICES, PORTS, RIGHT, SHARED, AskedPair, pair_of, units_of
from tests.fakes.virtual_loop import LoopClock, run_virtually

if TYPE_CHECKING:
    from simulators.line import Responder

MOMENTS_S = [0.9 + 0.04 * number for number in range(30)]
"""When a late answer begins, after its request."""


async def _after_a_late_answer(
    port: Port, late: str, asked: str, delay_s: float, *, silent: bool
) -> tuple[Value, list[UnitAddress]]:
    """Return what ``asked`` is said to have answered while the answer of ``late`` was due."""
    heard: list[UnitAddress] = []
    quiet: dict[str, Responder] = {asked: Silent()} if silent else {}
    pair = pair_of(port, units_of({late: [delay_s], asked: [0.3]}, quiet))
    asked_pair = AskedPair(port, pair, heard)
    value: Value = None
    async with asked_pair.driver:
        with suppress(DeviceTimeoutError):
            assert await asked_pair.value(late) == RIGHT[late]
        with suppress(DriverError):
            value = await asked_pair.value(asked)
        await asyncio.sleep(2)
        # And whatever happened: both are asked again as if nothing had.
        assert await asked_pair.value(late) == RIGHT[late]
        if not silent:
            assert await asked_pair.value(asked) == RIGHT[asked]
    return value, heard


@pytest.mark.size(6, 1)
@pytest.mark.parametrize("name", PORTS)
@pytest.mark.parametrize(("late", "asked"), list(permutations(RIGHT, 2)))
def test_a_late_answer_is_never_that_of_another_protocol(
    name: str, late: str, asked: str, size: int
) -> None:
    """Each ``size``-th moment."""

    async def work() -> None:
        port, right, moments_s = PORTS[name], 0, MOMENTS_S[::size]
        for delay_s in moments_s:
            value, _ = await _after_a_late_answer(port, late, asked, delay_s, silent=False)
            assert value in {None, RIGHT[asked]}, delay_s
            right += value is not None
            # Nobody answers: whatever is taken for an answer is another's.
            value, _ = await _after_a_late_answer(port, late, asked, delay_s, silent=True)
            assert value is None, delay_s
        # Only where both talk at once an answer is lost.
        assert right >= len(moments_s) / 2

    run_virtually(work())


@pytest.mark.parametrize(("late", "asked"), list(permutations(RIGHT, 2)))
def test_at_the_same_settings_a_late_answer_is_found_in_the_others_turn(
    late: str, asked: str
) -> None:
    async def work() -> None:
        value, heard = await _after_a_late_answer(SHARED, late, asked, 1.6, silent=True)
        assert value is None
        assert heard == [DEVICES[late].unit]

    run_virtually(work())


def test_what_is_outstanding_of_one_protocol_holds_nobody_of_another_up() -> None:
    async def work() -> None:
        pair = pair_of(SHARED, units_of(silent={"dlt645": Silent()}))
        asked_pair = AskedPair(SHARED, pair, [])
        async with asked_pair.driver:
            with pytest.raises(DeviceTimeoutError):
                await asked_pair.value("dlt645")
            now_s = LoopClock().monotonic_s()
            for framing, device in DEVICES.items():
                planner = planner_of(device, SHARED)
                question = planner.alone(ASKED[framing])
                afresh_s = asked_pair.driver.ask_afresh_at(device.unit, question)
                assert (afresh_s > now_s) is (framing == "dlt645")
                if framing != "dlt645":
                    assert await asked_pair.value(framing) == RIGHT[framing]

    run_virtually(work())
