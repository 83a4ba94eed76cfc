"""A gateway that dies is one alarm, and a changed rule holds within a second; real processes."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import ServerHouse
from tests.e2e.interface import ms
from tests.fakes.sparkplug_node import BOOLEAN, DOUBLE, INT64, STRING, PlainNode, Tag, now_ms, pb

PUMPS = ("pump1", "pump2", "pump3")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[ServerHouse]:
    async with ServerHouse(tmp_path, alarms={"suppression_delay_s": 2, "recover_s": 3}) as running:
        yield running


async def change(house: ServerHouse, rule: str, changes: dict[str, Any]) -> None:
    answer = await house.http.put(
        f"/api/v1/alarm-rules/{rule}",
        json={"changes": changes, "reason": "test"},
        headers={"If-Match": '"0"'},
    )
    assert answer.status_code == 200, answer.text


def bear(node: PlainNode, pressure: float = 100.0) -> None:
    node.birth()
    for pump in PUMPS:
        tags = [
            Tag("Properties/Class", STRING, "heating_pump"),
            Tag("inlet_pressure", DOUBLE, pressure),
            Tag("run", BOOLEAN, value=True),
        ]
        node.device_birth(pump, tags)


def die(node: PlainNode) -> None:
    """What the broker publishes for a node that is gone."""
    will = pb.Payload(timestamp=now_ms())
    will.metrics.add(name="bdSeq", datatype=INT64, long_value=0)
    node.raw(f"spBv1.0/{node.group}/NDEATH/{node.node}", will.SerializeToString())


async def alarms(house: ServerHouse, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await house.get("alarms", **query))["items"]
    return found


@pytest.mark.alone
async def test_a_changed_rule_holds_within_a_second(house: ServerHouse) -> None:
    rule = "heating_pump.inlet_pressure_low"
    with PlainNode(house.broker.port, group="estate", node="gw") as node:
        bear(node)

        async def known() -> bool:
            return len((await house.get("equipment"))["items"]) > len(PUMPS)

        await house.eventually(known)
        assert await alarms(house) == []
        await change(house, rule, {"condition": {"limit": 150}, "on_delay_s": 0})
        found = await house.eventually(lambda: alarms(house))
        assert {one["rule"] for one in found} == {rule}
        changed_at = ms((await house.get(f"alarm-rules/{rule}/versions"))["items"][0]["at"])
        for one in found:
            raised = (await house.get(f"alarms/{one['id']}"))["changes"][0]
            assert ms(raised["recorded_at"]) - changed_at < 1000


async def test_a_gateway_that_dies_and_returns_is_one_alarm(house: ServerHouse) -> None:
    await change(house, "heating_pump.unreachable", {"on_delay_s": 1})
    await change(house, "gateway.unreachable", {"on_delay_s": 2})
    with PlainNode(house.broker.port, group="estate", node="gw") as node:
        bear(node)

        async def known() -> bool:
            return len((await house.get("equipment"))["items"]) > len(PUMPS)

        await house.eventually(known)
        die(node)

        async def hidden() -> bool:
            found = await alarms(house, state="suppressed")
            causes = [one["suppressed_by"] for one in found]
            return causes == ["gateway:estate/gw"] * len(PUMPS)

        await house.eventually(hidden)

        async def announced() -> list[str]:
            found = [one for one in await alarms(house) if one["announced_at"] is not None]
            return [one["rule"] for one in found]

        assert await house.eventually(announced) == ["gateway.unreachable"]
        assert len((await house.get("incidents"))["items"]) == 1
        bear(node)

        async def over() -> bool:
            return {one["state"] for one in await alarms(house)} == {"returned_unacknowledged"}

        await house.eventually(over)
        assert [one["rule"] for one in await alarms(house)] == ["gateway.unreachable"]
        assert len((await house.get("incidents", state="all"))["items"]) == 1
