"""From a register to a closed work order, through the real processes."""

import asyncio
import secrets
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from plantroom.receiver import Delivery
from tests.e2e.plant import Plant
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="package")
WALK = ["dispatch", "accept", "arrive", "start", "complete", "verify", "call-back", "close"]


def key_of(pump: str) -> str:
    return f"riverside/gw-1/{pump}"


async def open_of(plant: Plant, kind: str, pump: str) -> list[dict[str, Any]]:
    """Open alarms, incidents or work orders of a pump."""
    return [
        one for one in await plant.items(kind, state="open") if one["equipment"] == key_of(pump)
    ]


async def delivered(plant: Plant, pump: str) -> list[Delivery]:
    """What the receiver was sent about a pump."""
    return [
        one
        for one in plant.receiver.deliveries
        if one.body["data"]["incident"]["equipment_key"] == key_of(pump)
    ]


async def test_a_tripped_pump_becomes_one_incident_one_order_and_one_signed_message(
    plant: Plant,
) -> None:
    before = {alarm["id"] for alarm in await plant.items("alarms", state="open")}
    await plant.control(do="trip", unit="pump-1")

    order = (await plant.eventually(lambda: open_of(plant, "work-orders", "pump-1")))[0]
    alarms = [one for one in await plant.items("alarms", state="open") if one["id"] not in before]
    assert {alarm["equipment"] for alarm in alarms} == {key_of("pump-1")}
    assert "heating_pump.fault" in {alarm["rule"] for alarm in alarms}
    detail = await plant.get(f"work-orders/{order['id']}")
    assert {alarm["id"] for alarm in detail["evidence"]} == {
        alarm["id"] for alarm in alarms if alarm["cause"] == order["cause"]
    }
    [message] = await plant.eventually(lambda: delivered(plant, "pump-1"))
    assert message.signed
    assert message.body["type"] == "incident.opened"


async def test_later_alarms_of_the_trip_are_evidence_on_the_same_order(plant: Plant) -> None:
    await plant.control(do="trip", unit="pump-2")

    async def several() -> list[dict[str, Any]]:
        alarms = await open_of(plant, "alarms", "pump-2")
        return alarms if len(alarms) > 1 else []

    alarms = await plant.eventually(several)
    [order] = await open_of(plant, "work-orders", "pump-2")
    detail = await plant.get(f"work-orders/{order['id']}")
    assert {a["id"] for a in detail["evidence"]} == {
        a["id"] for a in alarms if a["cause"] == order["cause"]
    }
    assert len(await open_of(plant, "incidents", "pump-2")) == 1
    assert len(await delivered(plant, "pump-2")) == 1


async def test_an_order_is_walked_to_closed_and_the_alarm_acknowledged(plant: Plant) -> None:
    await plant.control(do="trip", unit="pump-3")
    order = (await plant.eventually(lambda: open_of(plant, "work-orders", "pump-3")))[0]
    alarms = await open_of(plant, "alarms", "pump-3")

    for alarm in alarms:
        answer = await plant.post(f"alarms/{alarm['id']}/acknowledge", {"comment": "on my way"})
        assert answer["acknowledged_by"]
    for step in WALK:
        await plant.post(f"work-orders/{order['id']}/{step}", {"note": step})

    detail = await plant.get(f"work-orders/{order['id']}")
    assert detail["state"] == "closed"
    assert [event["by"] for event in detail["events"]][1:] == ["admin"] * len(WALK)
    await plant.control(do="clear", unit="pump-3")

    async def over() -> bool:
        return not await open_of(plant, "alarms", "pump-3")

    await plant.eventually(over)
    assert await open_of(plant, "incidents", "pump-3") == []


async def test_a_photo_of_megabytes_is_kept_and_the_figures_name_the_order(plant: Plant) -> None:
    await plant.control(do="trip", unit="pump-1")
    order = (await plant.eventually(lambda: open_of(plant, "work-orders", "pump-1")))[0]
    picture = BytesIO()
    noise = Image.frombytes("RGB", (1200, 900), secrets.token_bytes(1200 * 900 * 3))
    noise.save(picture, "PNG")
    path = f"/api/v1/work-orders/{order['id']}/files"
    added = await plant.http.post(path, params={"name": "pump"}, content=picture.getvalue())
    assert (added.status_code, added.json()["size"]) == (201, len(picture.getvalue()))
    assert len(picture.getvalue()) > 3_000_000
    kept = await plant.http.get(f"{path}/{added.json()['id']}")
    assert kept.content == picture.getvalue()
    small = await plant.http.get(f"{path}/{added.json()['id']}/thumbnail")
    assert small.headers["content-type"] == "image/jpeg"
    refused = await plant.http.post(path, params={"name": "x"}, content=b"x" * 10_000_001)
    assert refused.status_code == 413

    report = await plant.get("reports/repairs", site="riverside")
    good = next(one for one in report["figures"] if one["figure"] == "in_order")
    behind = await plant.items("reports/repairs/orders", site="riverside", figure="in_order")
    assert order["id"] in {one["id"] for one in behind}
    assert good["missed"] == len({one["equipment"] for one in behind})


async def test_readings_come_back_in_buckets(plant: Plant) -> None:
    point = "riverside/gw-1/counter/count"

    async def enough() -> bool:
        return len(await plant.stored(point)) >= 10

    await plant.eventually(enough)
    stored = await plant.stored(point)
    answer = await plant.get(
        "readings", point=point, buckets=500, **{"from": "2026-01-01T00:00:00Z"}
    )
    buckets = [bucket for bucket in answer["buckets"] if bucket["count"]]
    assert min(bucket["min"] for bucket in buckets) == stored[0][1]
    assert max(bucket["max"] for bucket in buckets) >= stored[-1][1]
    assert all(bucket["min"] <= bucket["avg"] <= bucket["max"] for bucket in buckets)


async def test_the_stream_delivers_live_and_again_after_last_event_id(plant: Plant) -> None:
    topics = "alarms,work-orders"
    heard = asyncio.create_task(_take(plant, topics, 3))
    await asyncio.sleep(0.5)
    await plant.control(do="trip", unit="pump-4")
    events = await asyncio.wait_for(heard, PATIENCE_S)
    ids = [int(event.id) for event in events]
    assert ids == sorted(set(ids))

    again = await asyncio.wait_for(_take(plant, topics, 2, events[0].id), PATIENCE_S)
    assert [event.id for event in again] == [event.id for event in events[1:]]
    assert [event.data for event in again] == [event.data for event in events[1:]]


async def _take(plant: Plant, topics: str, count: int, last_id: str = "") -> list[Any]:
    events: list[Any] = []
    async for event in plant.stream(topics, last_id):
        events.append(event)
        if len(events) == count:
            break
    return events
