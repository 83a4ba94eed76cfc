"""The valve of a CJ/T 188 meter is commanded as a point is written, with what its file says."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.cjt188 import FieldPoint
from config.meter_ports import Cjt188Port
from edge_agent.commands.result import Status
from edge_agent.commands.rules import Command
from edge_agent.commands.service import CommandService
from edge_agent.errors import CommandError
from edge_agent.health import Health
from protocols.reading import Value
from simulators.cjt188 import MeterSettings, SimulatedMeter, meter_unit, refusal
from simulators.equipment.flow_meters import WaterMeter
from simulators.faults import FaultyUnit
from tests.contract.test_flow_meters_polled import WATER, Polled, device, polling
from tests.fakes.linkage_bench import DiskLedger
from tests.fakes.virtual_loop import LoopClock, run_virtually

ID = f"m{WATER}"
FILE = f"{WATER} 55 99"


class SlowValve(WaterMeter):
    """Its valve is under way for some seconds."""

    def __init__(self, *, seed: int = 1, started_s: float = 0, turning_s: float = 0) -> None:
        super().__init__(seed=seed, started_s=started_s)
        self._turning_s = turning_s
        self._arrives: tuple[float, Value] = (0.0, "open")
        self.told: list[Value] = []

    def command(self, point: str, value: Value, now_s: float) -> bool:
        self._arrives = (now_s + self._turning_s, value)
        self.told.append(value)
        return point == "valve"

    def values(self, now_s: float) -> Mapping[str, Value]:
        if now_s >= self._arrives[0]:
            super().command("valve", self._arrives[1], now_s)
        return super().values(now_s)


def points(**writable: Any) -> dict[str, FieldPoint]:
    return {
        "valve": FieldPoint.model_validate({"field": "valve", "writable": writable}),
        "battery_low": FieldPoint(field="battery_low"),
    }


@asynccontextmanager
async def commanded(
    folder: Path, model: SlowValve, text: str = FILE, codes: Mapping[str, Any] = {}, **writable: Any
) -> AsyncGenerator[Polled]:
    file = folder / "valves"
    file.write_text(text)
    file.chmod(0o600)
    settings = MeterSettings(0x10, WATER, **codes)
    one = SimulatedMeter(WATER, equipment=model, settings=settings, started_s=0)
    line = {meter_unit(0x10, WATER): FaultyUnit(one, seed=1, refusal=refusal)}
    port = Cjt188Port(kind="cjt188", device="/dev/none", valve_code_file=file)
    async with polling([device(WATER, "10", points(**writable))], line, port) as polled:
        await asyncio.sleep(12)
        yield polled


def test_a_valve_is_closed_and_opened_as_a_point_is_written(tmp_path: Path) -> None:
    async def work() -> None:
        model = SlowValve()
        async with commanded(tmp_path, model) as line:
            for value in ("closed", "open"):
                written = await line.port.write(ID, "valve", value)
                assert written.confirmed
                assert written.after is not None
                assert written.after.value == value
        assert model.told == ["closed", "open"]

    run_virtually(work())


def test_a_valve_that_takes_half_a_minute_is_waited_for_and_others_are_read_meanwhile(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with commanded(tmp_path, SlowValve(turning_s=30), look_again_s=40) as line:
            before = len(line.link.sent)
            written = await line.port.write(ID, "valve", "closed")
            assert written.confirmed
            assert len(line.link.sent) > before + 3

    run_virtually(work())


def test_a_valve_that_stays_is_not_confirmed(tmp_path: Path) -> None:
    async def work() -> None:
        async with commanded(tmp_path, SlowValve(turning_s=1e9)) as line:
            written = await line.port.write(ID, "valve", "closed")
            assert not written.confirmed
            assert "another value" in written.reason

    run_virtually(work())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("11110000000002 55 99", "no line for it"),
        (f"{WATER} 55 98", "refused"),
        (f"{WATER} 55 9", "CLOSE is wrong"),
    ],
)
def test_a_command_that_no_meter_takes(tmp_path: Path, text: str, message: str) -> None:
    async def work() -> None:
        model = SlowValve()
        async with commanded(tmp_path, model, text) as line:
            with pytest.raises(CommandError, match=message):
                await line.port.write(ID, "valve", "closed")
        assert model.told == []

    run_virtually(work())


def test_what_a_maker_wants_behind_the_code_is_sent_with_it(tmp_path: Path) -> None:
    async def work() -> None:
        model = SlowValve()
        codes = {"valve_codes": (bytes.fromhex("9912345678"), bytes.fromhex("5512345678"))}
        async with commanded(tmp_path, model, "* 5512345678 9912345678", codes) as line:
            assert (await line.port.write(ID, "valve", "closed")).confirmed
        assert model.told == ["closed"]

    run_virtually(work())


def test_a_valve_keeps_the_rules_of_all_commands(tmp_path: Path) -> None:
    async def work() -> None:
        model, clock = SlowValve(), LoopClock()
        rules: dict[str, Any] = {"interlock": "not battery_low", "min_interval_s": 60}
        async with commanded(tmp_path, model, **rules) as line:
            devices = {ID: line.port.devices[ID].device}
            service = CommandService(
                devices=devices,
                ports={"line": line.port},
                ledger=DiskLedger(),
                health=Health(),
                clock=clock,
            )

            async def told(key: str, value: Value) -> tuple[Status, str]:
                command = Command(key, ID, "valve", value, "operator", clock.now_ms())
                result = await service.execute(command)
                return result.status, result.reason

            assert await told("1", "closed") == (Status.DONE, "")
            assert (await told("2", "open"))[1].startswith("too soon")
            for key, wrong in (("3", "half"), ("4", True), ("5", 1)):
                assert (await told(key, wrong))[1].startswith("expected one of closed, open")
            await asyncio.sleep(60)
            model.happen("battery_low", clock.now_ms() / 1000)
            status, reason = await told("6", "open")
            assert status is Status.REFUSED
            assert "battery_low" in reason
        assert model.told == ["closed"]

    run_virtually(work())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"field": "volume"}, "only field: valve is commanded"),
        ({"field": "status"}, "only field: valve is commanded"),
        ({"writable": {"function": 6}}, "are of registers"),
        ({"writable": {"unlock": {"address": 1, "value": 2}}}, "are of registers"),
    ],
)
def test_what_cannot_be_commanded(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FieldPoint.model_validate({"field": "valve", "writable": {}} | changed)
