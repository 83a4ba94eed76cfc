"""Every table of tests/cases/registers means what its expected.txt says.

A case is points (and computed ones) as in a device file, or ``device`` that names a packaged one,
and in ``cycles`` what the registers carry, address to number; ``null`` refuses the register.
expected.txt has a line for each value of each cycle, in the file's order.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from config.load import load_profiles
from config.points import Table
from config.ports import ModbusTcpPort
from config.profiles import DeviceProfile
from config.protocol import Protocol
from edge_agent.commissioning.unit_reader import UnitReader
from edge_agent.drivers.base import Reply
from edge_agent.drivers.registers.convert import reads_as_written, registers_for
from edge_agent.drivers.registers.driver import RegisterDriver
from edge_agent.errors import DeviceRefusedError
from protocols.reading import Quality, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

CASES = Path(__file__).parent.parent / "cases" / "registers"
PORT = ModbusTcpPort(kind="modbus_tcp", host="127.0.0.1")


class Registers(RegisterDriver):
    """A unit that answers what it holds, 0 elsewhere."""

    def __init__(self, held: dict[int, int | None]) -> None:
        self._held = held

    async def read(
        self, unit: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> Reply:
        del unit, table, timeout_s
        values: Sequence[int | None] = [self._held.get(address + at, 0) for at in range(count)]
        known = [value for value in values if value is not None]
        if len(known) < count:
            raise DeviceRefusedError("unit 1: illegal address", code=2)
        return Reply(known, 1_795_000_000_000, 0.01)


def shown(name: str, reading: Reading) -> str:
    if reading.quality is Quality.GOOD:
        return f"{name}: {reading.value!r}"
    return f"{name}: {reading.quality.name.lower()} ({reading.reason})"


def told(case: dict[str, Any]) -> list[str]:
    given = {"profile": "p", "maker": "m", "model": "m", "class": "c", "source": "s"}
    if "device" in case:
        profile = load_profiles()[case["device"]]
    else:
        file = given | {"confidence": "c", "points": case["points"]}
        profile = DeviceProfile.model_validate(file | {"computed": case.get("computed", {})})
    points = profile.read_points()
    lines: list[str] = []
    for held in case["cycles"]:
        reader = UnitReader(Registers(held), PORT, 1)  # type: ignore[arg-type]
        readings = asyncio.run(reader.points(points, profile.limits, computed=profile.computed))
        lines += [shown(name, reading) for name, reading in readings.items()]
        for name, reading in readings.items():
            point = points.get(name)
            if point and point.writable and reading.quality is Quality.GOOD:
                own = [held.get(point.address + at, 0) or 0 for at in range(point.words)]
                if point.writable.is_plain:
                    # What is written to read so is what was read.
                    assert registers_for(point, reading.value, into=own) == own, name
                elif reading.value in {*point.writable.codes}:
                    written = registers_for(point, reading.value)
                    assert reads_as_written(point, written, own), name
    return lines


def test_each_device_file_has_a_case() -> None:
    cases = {case.name.removeprefix("device_") for case in CASES.iterdir()}
    # Those of meters are read in test_meters_polled.
    registers = {name for name, one in load_profiles().items() if one.protocol is Protocol.MODBUS}
    assert registers - cases == set()


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_registers_mean_what_their_case_says(case: Path) -> None:
    content = yaml.safe_load((case / "case.yaml").read_text("utf-8"))
    assert told(content) == (case / "expected.txt").read_text("utf-8").splitlines()
