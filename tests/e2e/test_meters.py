"""Meters on lines of their own, read and commanded by an agent: M-Bus, CJ/T 188, DL/T 645."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.plant import Plant

HEAT, WATER = "riverside/gw-1/heat-a", "riverside/gw-1/water-a"
FLAT = "riverside/gw-1/flat-a"
ESTATE: dict[str, Any] = {
    "endpoints": {
        "heat-meters": {"kind": "mbus_pty", "path": "heat-line", "baud": 9600},
        "water-meters": {"kind": "cjt188_pty", "path": "water-line", "baud": 9600},
        "flat-meters": {"kind": "dlt645_pty", "path": "flat-line", "baud": 9600},
    },
    "units": {
        "heat-a": {
            "endpoint": "heat-meters",
            "mbus": {"identification": "24110001"},
            "equipment": "heat_meter",
            "profile": "mbus-heat",
            "name": {"en": "Heat meter of house A", "zh": "A座热量表"},
        },
        "water-a": {
            "endpoint": "water-meters",
            "cjt188": {"address": "00112024000001"},
            "equipment": "water_meter",
            "profile": "cjt188-water",
            "name": {"en": "Water meter of house A", "zh": "A座总水表"},
        },
        "flat-a": {
            "endpoint": "flat-meters",
            "meter": {"address": "000024111201", "phases": 1, "level": 4, "password": "271828"},
            "equipment": "meter",
            "profile": "dlt645-single-phase",
            "name": {"en": "Meter of flat A", "zh": "A室电表"},
        },
    },
}


POINTS: dict[str, Any] = {
    "heat-a": {"heat_energy": {"quantity": "energy", "unit": "kWh", "period_s": 1}},
    "water-a": {"valve": {"field": "valve", "period_s": 1, "writable": {}}},
    "flat-a": {
        "relay": {
            "identifier": "04000503",
            "bit": 4,
            "inverted": True,
            "period_s": 1,
            "writable": {"min_interval_s": 0},
        },
        "active_power": {"identifier": "02030000", "period_s": 1},
    },
}


class MeterPlant(Plant):
    """Its gateway may move the valve of the water meter and the relay of the electricity meter."""

    def _write_agent_file(self) -> None:
        super()._write_agent_file()
        codes = self.folder / "valves"
        codes.write_text("* 55 99\n")
        codes.chmod(0o600)
        content = json.loads(self.agent_file.read_text())
        content["ports"]["water-meters"]["valve_code_file"] = str(codes)
        self.tell_passwords("271828")
        content["ports"]["flat-meters"]["password_file"] = str(self.passwords)
        # The device files read meters each five minutes.
        for device, points in POINTS.items():
            content["devices"][device]["points"] = points
        self.agent_file.write_text(json.dumps(content))

    @property
    def passwords(self) -> Path:
        """The file of what meters want before they obey."""
        return self.folder / "meters"

    def tell_passwords(self, digits: str) -> None:
        self.passwords.write_text(f"000024111201 04 {digits} 0000002A\n")
        self.passwords.chmod(0o600)


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    lines = {
        name: endpoint | {"path": str(tmp_path / endpoint["path"])}
        for name, endpoint in ESTATE["endpoints"].items()
    }
    async with MeterPlant(tmp_path, estate=ESTATE | {"endpoints": lines}) as plant:
        yield plant


async def online(plant: Plant, device: str) -> bool:
    rows = await plant.items("equipment")
    return any(row["key"] == device and row["online"] for row in rows)


async def point(plant: Plant, device: str, name: str) -> dict[str, Any] | None:
    points = await plant.items("points", equipment=device)
    return next((one for one in points if one["key"] == f"{device}/{name}"), None)


async def commanded(plant: Plant, point: dict[str, Any], *, value: object) -> dict[str, Any]:
    """Give a command as a person does; returns what became of it."""
    assert point["writable"]
    given = await plant.post(
        f"points/{point['id']}/commands", {"value": value, "reason": "a pipe has burst"}
    )

    async def settled() -> dict[str, Any] | None:
        command = await plant.get(f"commands/{given['id']}")
        return command if command["settled_at"] else None

    return await plant.eventually(settled)


async def test_an_m_bus_slave_is_read_lost_and_found_again(plant: Plant) -> None:
    energy = await plant.eventually(lambda: plant.stored(f"{HEAT}/heat_energy"))
    assert all(value > 0 for _, value in energy)
    await plant.eventually(lambda: plant.stored(f"{HEAT}/supply_temperature"))
    await plant.control(do="fault", unit="heat-a", kind="offline")

    async def gone() -> bool:
        return not await online(plant, HEAT)

    await plant.eventually(gone)
    await plant.control(do="clear", unit="heat-a")
    await plant.eventually(lambda: online(plant, HEAT))


async def test_a_person_closes_the_valve_of_a_water_meter(plant: Plant) -> None:
    valve = await plant.eventually(lambda: point(plant, WATER, "valve"))
    command = await commanded(plant, valve, value="closed")
    assert (command["state"], command["after"]) == ("done", "closed")

    async def closed() -> bool:
        return (await plant.last_stored(f"{WATER}/valve"))[1] == "closed"

    await plant.eventually(closed)


async def test_a_person_trips_and_closes_the_relay_of_an_electricity_meter(
    plant: MeterPlant,
) -> None:
    relay = await plant.eventually(lambda: point(plant, FLAT, "relay"))
    tripped = await commanded(plant, relay, value=False)
    assert (tripped["state"], tripped["after"]) == ("done", False)

    async def nothing_flows() -> bool:
        return (await plant.last_stored(f"{FLAT}/active_power"))[1] == 0

    await plant.eventually(nothing_flows)
    # A password that the meter does not know, then a file that others may read: it stays open.
    plant.tell_passwords("111111")
    refused = await commanded(plant, relay, value=True)
    assert refused["state"] == "refused"
    assert "not_authorised" in refused["refusal"]
    plant.tell_passwords("271828")
    plant.passwords.chmod(0o644)
    refused = await commanded(plant, relay, value=True)
    assert refused["state"] == "refused"
    assert "0600" in refused["refusal"]
    plant.passwords.chmod(0o600)
    closed = await commanded(plant, relay, value=True)
    assert (closed["state"], closed["before"], closed["after"]) == ("done", False, True)
