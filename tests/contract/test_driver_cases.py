"""Every exchange of tests/cases/modbus ends as its expected.txt says.

A case is a port (port.yaml) and a talk (talk.yaml): requests one after the other, ``wait`` between
them, and in ``hears`` the bytes that arrive so many seconds after the request was put to the
driver. expected.txt has a line per request and one per frame that went out.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from config.points import Table
from config.ports import Port
from edge_agent.drivers.base import UnitAddress
from edge_agent.drivers.modbus_client import ModbusClient
from edge_agent.drivers.timing import line_timing
from edge_agent.errors import DriverError
from tests.fakes.memory_line import MemoryLink, Silent, client_on
from tests.fakes.virtual_loop import run_virtually

CASES = Path(__file__).parent.parent / "cases" / "modbus"


async def put(driver: ModbusClient, step: dict[str, Any], timeout_s: float) -> str:
    asked = step.get("read") or step["write"]
    unit, table, address = asked["unit"], Table(asked.get("table", "holding")), asked["address"]
    words = f"{'read' if 'read' in step else 'write'} unit {unit} {table} {address}: "
    try:
        if "read" in step:
            reply = await driver.read(
                unit, table, address, asked.get("count", 1), timeout_s=timeout_s
            )
        else:
            reply = await driver.write(unit, table, address, asked["values"], timeout_s=timeout_s)
    except DriverError as error:
        return words + error.reason
    return words + " ".join(map(str, reply.values))


async def talk(case: Path) -> list[str]:
    port: Port = TypeAdapter[Any](Port).validate_python(
        yaml.safe_load((case / "port.yaml").read_text("utf-8"))
    )
    steps: list[dict[str, Any]] = yaml.safe_load((case / "talk.yaml").read_text("utf-8"))
    link = MemoryLink(Silent)
    loop = asyncio.get_running_loop()
    lines: list[str] = []

    def late(unit: UnitAddress, after_s: float) -> None:
        lines.append(f"late: unit {unit}, {after_s:.2f} s")

    async with client_on(link, port, on_late_response=late) as driver:
        for step in steps:
            if "wait" in step:
                await asyncio.sleep(step["wait"])
                continue
            for after_s, letters in step.get("hears", {}).items():
                loop.call_later(after_s, link.hear, bytes.fromhex(letters))
            lines.append(await put(driver, step, port.timeout_s))
    # Between two frames there is a silence.
    assert link.shortest_gap_s > line_timing(port).gap_s - 1e-9
    return lines + [f"sent: {frame.hex()}" for frame in link.sent]


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_an_exchange_ends_as_its_case_says(case: Path) -> None:
    expected = (case / "expected.txt").read_text("utf-8").splitlines()
    assert run_virtually(talk(case)) == expected
