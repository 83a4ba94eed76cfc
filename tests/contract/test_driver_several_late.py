"""Several late units on one line: no answer goes to another request, no write goes out twice."""

import random
from collections import Counter
from itertools import count

import pytest

from config.points import Table
from config.ports import Framing, ModbusRtuPort, ModbusTcpPort, Port
from edge_agent.drivers.modbus_client import ModbusClient
from edge_agent.errors import DeviceRefusedError, DriverError
from simulators.line import LineTiming
from tests.fakes.memory_line import UNAVAILABLE, LateUnit, MemoryLink, client_on, line_of, value_of
from tests.fakes.virtual_loop import LoopClock, run_virtually

TIMEOUT_S = 0.1
GAP_S = 0.00175 - 1e-6
"""Of a line above 19,200 baud."""
UNITS = (1, 2, 3, 4)
REQUESTS = 150
SEEDS = 15


def port_of(framing: str) -> Port:
    if framing == "mbap":
        return ModbusTcpPort(kind="modbus_tcp", host="memory", timeout_s=TIMEOUT_S)
    return ModbusRtuPort(
        kind="modbus_rtu",
        device="memory",
        baud=115200,
        framing=Framing(framing),
        timeout_s=TIMEOUT_S,
    )


class Account:
    """What was asked, and everything that was wrong with the answers."""

    def __init__(self, driver: ModbusClient, units: dict[int, LateUnit]) -> None:
        self.good = 0
        self.wrong: list[str] = []
        self._driver = driver
        self._units = units
        self._values = count(1)

    async def read(self, unit: int, address: int, size: int) -> None:
        asked = f"unit {unit}, {address}, {size}"
        try:
            reply = await self._driver.read(unit, Table.HOLDING, address, size, timeout_s=TIMEOUT_S)
        except DeviceRefusedError as error:
            if address not in UNAVAILABLE:
                self.wrong.append(f"{asked}: {error}")
        except DriverError:
            return
        else:
            self.good += 1
            expected = [value_of(unit, at) for at in range(address, address + size)]
            if address in UNAVAILABLE or list(reply.values) != expected:
                self.wrong.append(f"{asked}: {list(reply.values)}")

    async def write(self, unit: int, address: int, size: int) -> None:
        values = [next(self._values) for _ in range(size)]
        try:
            await self._driver.write(unit, Table.HOLDING, address, values, timeout_s=TIMEOUT_S)
        except DriverError:
            return
        self.good += 1
        data = b"".join(value.to_bytes(2, "big") for value in values)
        if not any(pdu.endswith(data) for pdu in self._units[unit].written):
            self.wrong.append(f"unit {unit}: {values} were never written to {address}")


def lateness(rng: random.Random) -> float:
    """In time, a little late, or much too late; by units of the timeout."""
    kind = rng.random()
    if kind < 0.4:
        return rng.uniform(0.05, 0.6)
    return rng.uniform(0.9, 2.5) if kind < 0.9 else rng.uniform(2.5, 8)


async def ask_around(seed: int, framing: str) -> tuple[Account, dict[int, LateUnit]]:
    rng = random.Random(seed)  # noqa: S311 (repeatable)
    steady = {unit: lateness(rng) for unit in UNITS}

    def delay_s(unit: int) -> float:
        return TIMEOUT_S * (steady[unit] if rng.random() < 0.7 else lateness(rng))

    units = {
        unit: LateUnit(unit, lambda unit=unit: delay_s(unit), half_duplex=rng.random() < 0.5)
        for unit in UNITS
    }
    link = MemoryLink(line_of(units, framing, LineTiming(baud=115200, turnaround_s=0.001)))
    clock = LoopClock()
    async with client_on(link, port_of(framing)) as driver:
        account = Account(driver, units)
        for _ in range(REQUESTS):
            unit, size = rng.choice(UNITS), rng.choice((1, 1, 2, 7))
            address = rng.choice((100, 200, 300, UNAVAILABLE.start))
            if rng.random() < 0.1:
                await account.write(unit, address, size)
            # Half of the time as a port asks, which passes over what may not be asked yet.
            elif rng.random() < 0.5 or (
                driver.clear_at(unit, Table.HOLDING, address, size) <= clock.monotonic_s()
            ):
                await account.read(unit, address, size)
            await clock.sleep(rng.choice((0.0, 0.0, 0.3, 2.0)) * TIMEOUT_S)
            if link.lost:
                break
    if framing != "mbap" and link.shortest_gap_s < GAP_S:
        account.wrong.append(f"silence of {1000 * link.shortest_gap_s:.2f} ms")
    return account, units


@pytest.mark.long
@pytest.mark.sampled(3)
@pytest.mark.parametrize("framing", ["rtu", "ascii", "mbap"])
def test_whatever_comes_late_no_value_is_another_requests_and_no_write_goes_out_twice(
    framing: str,
) -> None:
    good = 0
    for seed in range(SEEDS):
        account, units = run_virtually(ask_around(seed, framing))
        assert account.wrong == [], f"seed {seed}"
        for unit in units.values():
            assert max(Counter(unit.written).values(), default=0) <= 1, f"seed {seed}"
        good += account.good
    assert good > 300
