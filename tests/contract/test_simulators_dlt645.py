"""A line of meters in an estate: what the file may say, and what the meters answer."""

import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.load import load_agent
from config.ports import ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.dlt645.client import MeterClient
from edge_agent.drivers.dlt645.line import MeterLine
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import DeviceRefusedError, DeviceTimeoutError
from protocols.dlt645.codes import IDENTIFIER_BYTES, Edition
from protocols.dlt645.identifiers import items
from simulators.agent_file import agent_file_for, agent_file_text, fixed_addresses
from simulators.estate import Estate, Step
from simulators.faults import FaultKind
from simulators.simulation import Address, Simulation
from tests.fakes.meter_line import (
    ENERGY,
    OLD,
    PASSWORD,
    STATUS,
    TIMEOUT_S,
    VOLTAGES,
    A,
    meter,
    values_of,
)


def unit(address: str, **meter: Any) -> dict[str, Any]:
    return {
        "endpoint": "meters",
        "equipment": "meter",
        "name": {"en": f"Meter {address}", "zh": f"电表{address}"},
        "meter": {"address": address, **meter},
    }


def estate_of(path: Path, **units: dict[str, Any]) -> Estate:
    return Estate.model_validate(
        {
            "endpoints": {
                "meters": {"kind": "dlt645_pty", "path": path, "baud": 19200},
                "other": {"kind": "modbus_tcp"},
            },
            "units": units,
        }
    )


def ignore(event: str, **fields: object) -> None:
    del event, fields


async def test_the_meters_of_an_estate_answer_and_what_is_done_to_them_shows(
    tmp_path: Path,
) -> None:
    estate = estate_of(
        tmp_path / "line", new=unit(A, phases=1), old=unit(OLD, edition=Edition.E1997)
    )
    async with Simulation(estate, report=ignore) as simulation:
        content = agent_file_for(estate, simulation.addresses)
        given = content["ports"]["meters"]
        assert (given["kind"], content["devices"]["new"]["meter"]) == ("dlt645", A)
        port = ModbusRtuPort(
            kind="modbus_rtu", device=given["device"], baud=given["baud"], parity=given["parity"]
        )
        thread = OwnThread()
        client = MeterClient(
            open_link=lambda: open_serial(port, thread),
            line=MeterLine(baud=19200, turnaround_s=0.0),
            clock=SystemClock(),
        )
        async with client:
            simulation.do(Step(unit="new", do="set", point="voltage_l1", value=100.1))
            assert await values_of(client, A, VOLTAGES) == (100.1, None, None)
            (shown,) = await values_of(client, OLD, 0x9010, Edition.E1997)
            assert shown == pytest.approx(simulation.get("old", "import_energy"), abs=0.02)
            simulation.do(Step(unit="new", do="power_cut"))
            assert await values_of(client, A, 0x02030000) == (0.0,)
            simulation.do(Step(unit="new", do="fault", kind=FaultKind.EXCEPTION, code=2))
            with pytest.raises(DeviceRefusedError, match="no_such_data"):
                await client.read(A, ENERGY, timeout_s=TIMEOUT_S)
            simulation.do(Step(unit="new", do="fault", kind=FaultKind.OFFLINE))
            with pytest.raises(DeviceTimeoutError):
                await client.read(A, ENERGY, timeout_s=0.2)
            simulation.clear()
            assert await values_of(client, A, STATUS) == (0,)


async def test_an_agent_file_is_made_of_an_estate_with_meters(tmp_path: Path) -> None:
    new = unit(A) | {"profile": "dlt645-three-phase"}
    old = unit(OLD, edition=Edition.E1997) | {"profile": "dlt645-1997"}
    estate = estate_of(tmp_path / "line", new=new, old=old)
    other = Address("modbus_tcp", host="localhost", port=502)
    addresses = fixed_addresses(estate) | {"other": other}
    content = agent_file_for(estate, addresses, mqtt={"host": "localhost"})
    file = tmp_path / "agent.yaml"
    file.write_text(agent_file_text(content))
    gateway = load_agent(file)
    assert {one.id: one.unit for one in gateway.devices.values()} == {"new": A, "old": OLD}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"meter": {"address": "20100000012"}}, "should match pattern"),
        ({"unit": 1}, "needs a unit, or a meter"),
        ({"meter": None}, "needs a unit, or a meter"),
        ({"equipment": "pump"}, "only equipment: meter"),
        ({"endpoint": "other"}, "a modbus_tcp has units"),
        ({"meter": None, "unit": 1, "profile": "acrel-dtsd1352"}, "a dlt645_pty has meters"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        estate_of(tmp_path / "line", one=unit(A) | changed)


def test_one_address_twice_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=f"address {A} is taken by 'one'"):
        estate_of(tmp_path / "line", one=unit(A), two=unit(A))


@pytest.mark.seeds(1, 250)
def test_no_request_surprises_a_meter(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (repeatable)
    for edition in Edition:
        one = meter(A, edition=edition, part_bytes=5)
        size = IDENTIFIER_BYTES[edition]
        known = [each.identifier.to_bytes(size, "little") for each in items(edition)]
        for _ in range(100):
            control = rng.choice([0x11, 0x12, 0x13, 0x14, 0x1C, 0x08, 1, 2, 4, rng.randrange(256)])
            parts = [rng.choice(known), PASSWORD.encoded(), bytes(4), rng.randbytes(8)]
            data = b"".join(parts[rng.randrange(4) :])[: rng.randrange(24)]
            reply = one.respond(bytes((control,)) + data, rng.random() * 1e6)
            assert reply.pdu is None or reply.pdu[0] & 0x80
