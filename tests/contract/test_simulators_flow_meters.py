"""Lines of CJ/T 188 meters and M-Bus slaves in an estate: what they answer, what does not fit."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.load import load_agent
from config.ports import ModbusRtuPort
from config.protocol import Protocol
from edge_agent.clock import SystemClock
from edge_agent.drivers.cjt188.client import Cjt188Client
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.mbus.client import MbusClient
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import DeviceGarbageError, DeviceRefusedError, DeviceTimeoutError
from protocols.mbus.addresses import parse_secondary
from simulators.agent_file import agent_file_for, agent_file_text, fixed_addresses
from simulators.equipment.flow_meters import HeatMeter, WaterMeter
from simulators.estate import Estate, Step
from simulators.faults import FaultKind
from simulators.simulation import Address, Simulation

WATER, HEAT, SLAVE = "78330011223344", "11110000000002", "12345678"
LINE = FrameLine(baud=19200, turnaround_s=0.0, late_s=0.0)


def unit(endpoint: str, equipment: str, **wire: Any) -> dict[str, Any]:
    return {
        "endpoint": endpoint,
        "equipment": equipment,
        "name": {"en": "Meter", "zh": "表"},
        **wire,
    }


def estate_of(folder: Path, **units: dict[str, Any]) -> Estate:
    lines = {
        kind: {"kind": f"{kind}_pty", "path": folder / kind, "baud": 19200}
        for kind in ("cjt188", "mbus", "dlt645")
    }
    return Estate.model_validate(
        {"endpoints": {**lines, "other": {"kind": "modbus_tcp"}}, "units": units}
    )


def ignore(event: str, **fields: object) -> None:
    del event, fields


def port_of(address: Address) -> ModbusRtuPort:
    return ModbusRtuPort(kind="modbus_rtu", device=address.path, baud=19200, parity="N")


async def test_water_and_heat_meters_of_an_estate_answer(tmp_path: Path) -> None:
    estate = estate_of(
        tmp_path,
        water=unit("cjt188", "water_meter", cjt188={"address": WATER}),
        heat=unit("cjt188", "heat_meter", cjt188={"address": HEAT, "type": 0x20}),
    )
    async with Simulation(estate, report=ignore) as simulation:
        content = agent_file_for(estate, simulation.addresses)
        assert content["ports"]["cjt188"]["kind"] == "cjt188"
        assert content["devices"]["water"]["meter"] == WATER
        port, thread = port_of(simulation.addresses["cjt188"]), OwnThread()
        async with Cjt188Client(
            open_link=lambda: open_serial(port, thread), line=LINE, clock=SystemClock()
        ) as client:
            simulation.do(Step(unit="water", do="set", point="volume", value=556677.01))
            water = await client.read(0x10, WATER, 0x901F, timeout_s=1)
            assert water.reading.value("volume").value == 556677.01
            simulation.do(Step(unit="water", do="battery_low"))
            water = await client.read(0x10, WATER, 0x901F, timeout_s=1)
            assert water.reading.value("battery_low").value is True
            heat = await client.read(0x20, HEAT, 0x901F, timeout_s=1)
            shown = simulation.get("heat", "heat")
            assert heat.reading.value("heat").value == pytest.approx(shown, abs=0.02)
            simulation.do(Step(unit="heat", do="fault", kind=FaultKind.EXCEPTION, code=4))
            with pytest.raises(DeviceRefusedError, match="status 0004H"):
                await client.read(0x20, HEAT, 0x901F, timeout_s=1)
            simulation.do(Step(unit="water", do="set", point="volume", value=1e9))
            with pytest.raises(DeviceRefusedError):
                await client.read(0x10, WATER, 0x901F, timeout_s=1)


async def test_slaves_of_an_estate_answer(tmp_path: Path) -> None:
    estate = estate_of(
        tmp_path,
        one=unit("mbus", "heat_meter", mbus={"identification": SLAVE, "primary": 5}),
        two=unit("mbus", "heat_meter", mbus={"identification": "12345679"}),
    )
    async with Simulation(estate, report=ignore) as simulation:
        content = agent_file_for(estate, simulation.addresses)
        assert content["devices"]["one"]["meter"] == "1234567892410104"
        port, thread = port_of(simulation.addresses["mbus"]), OwnThread()
        async with MbusClient(
            open_link=lambda: open_serial(port, thread), line=LINE, clock=SystemClock()
        ) as client:
            simulation.do(Step(unit="one", do="set", point="supply_temperature", value=61.5))
            for slave in (5, parse_secondary(SLAVE)):
                reading = await client.read(slave, timeout_s=0.5)
                found = {one.quantity: one.value for one in reading.records if not one.storage}
                assert found["flow_temperature"] == 61.5
                shown = simulation.get("one", "heat")
                assert found["energy"] == pytest.approx(shown, abs=1)
            simulation.do(Step(unit="one", do="fault", kind=FaultKind.OFFLINE))
            with pytest.raises((DeviceTimeoutError, DeviceGarbageError)):
                await client.read(5, timeout_s=0.2)


def test_the_agent_file_of_an_estate_polls_its_meters(tmp_path: Path) -> None:
    heat = unit(
        "cjt188",
        "heat_meter",
        cjt188={"address": HEAT, "type": 0x20, "status_bits": "high"},
        profile="cjt188-heat",
    )
    estate = estate_of(tmp_path, heat=heat)
    content = agent_file_for(estate, fixed_addresses(estate), mqtt={"host": "broker"})
    for name in ("mbus", "dlt645", "other"):
        del content["ports"][name]
    file = tmp_path / "agent.yaml"
    file.write_text(agent_file_text(content), "utf-8")
    device = load_agent(file).devices["heat"]
    assert (device.unit, device.protocol) == (HEAT, Protocol.CJT188)
    assert (device.cjt188.type, device.cjt188.status_bits) == ("20", "high")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cjt188": {"address": WATER[1:]}}, "should match pattern"),
        ({"cjt188": {"address": WATER, "layout": "heta"}}, "no layout; there are: volume"),
        ({"unit": 1}, "needs a unit, or a meter"),
        ({"mbus": {"identification": SLAVE}}, "needs a unit, or a meter"),
        ({"equipment": "pump"}, "only equipment: heat_meter, water_meter"),
        ({"endpoint": "mbus"}, "a mbus_pty has slaves; say mbus"),
        ({"endpoint": "other"}, "a modbus_tcp has units; say unit"),
        ({"endpoint": "dlt645"}, "a dlt645_pty has meters; say meter"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        estate_of(tmp_path, one=unit("cjt188", "water_meter", cjt188={"address": WATER}) | changed)


def test_a_closed_valve_and_a_leak_show_in_the_volume() -> None:
    meter = WaterMeter(seed=1, started_s=0)
    day = 86400.0

    def counted(began_s: float) -> float:
        return float(meter.values(began_s + day)["volume"]) - float(meter.values(began_s)["volume"])

    usual = counted(0)
    assert usual > 0
    meter.happen("leak", day)
    assert counted(day) == pytest.approx(2.5 * usual)
    meter.command("valve", "closed", 2 * day)
    assert counted(2 * day) == 0
    assert meter.values(2 * day)["valve"] == "closed"


def test_heat_follows_the_flow() -> None:
    values = HeatMeter(seed=1, started_s=0).values(3600)
    assert values["heat"] == pytest.approx(1.163 * 17 * float(values["volume"]))
    assert 0 < float(values["power"]) < 30
