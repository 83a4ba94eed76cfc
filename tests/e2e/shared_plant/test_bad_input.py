"""Garbage of every kind: counted and refused, the processes live, nothing stored is harmed."""

import math
import random

import httpx
import pytest

from protocols.sparkplug import sparkplug_b_pb2 as pb
from tests.e2e.plant import Plant
from tests.fakes.sparkplug_node import DOUBLE, PlainNode, Tag, now_ms

pytestmark = pytest.mark.asyncio(loop_scope="package")
POINT = "bad/node/dev/level"


def _good(value: float, at: int, alias: int = 1) -> bytes:
    payload = pb.Payload(timestamp=at, seq=2)
    payload.metrics.add(alias=alias, timestamp=at, double_value=value)
    return payload.SerializeToString()


async def test_garbage_from_the_broker_is_refused_and_good_data_goes_on(plant: Plant) -> None:
    noise = random.Random(7)  # noqa: S311 (a repeatable test)
    topic = "spBv1.0/bad/DDATA/node/dev"
    with PlainNode(plant.broker.port, group="bad", node="node") as node:
        node.birth()
        node.device_birth("dev", [Tag("level", DOUBLE, 1.0)])
        torn = _good(5.0, now_ms())
        for payload in (
            b"",
            b"\xff" * 100,
            noise.randbytes(2000),
            torn[: len(torn) // 2],
            b'{"json": true}',
            bytes(10_000_000),
            _good(6.0, now_ms(), alias=99),
            _good(7.0, 0),
            _good(8.0, now_ms() + 86_400_000),
            _good(math.nan, now_ms()),
            _good(math.inf, now_ms() + 1),
        ):
            node.raw(topic, payload)
        for strange in (
            "spBv1.0",
            "spBv1.0/bad",
            "spBv1.0/bad/NOPE/node",
            "spBv1.0/STATE/x/y",
            "spBv1.0/bad/DDATA/node/dev/deeper",
            "spBv1.0/bad/NBIRTH/n",
            "hello",
        ):
            node.raw(strange, noise.randbytes(50))
        end = now_ms() + 5
        node.data("dev", {"level": 42.0}, at=end)

        async def arrived() -> bool:
            return (end, 42.0) in await plant.stored(POINT)

        await plant.eventually(arrived)
        values = [value for _, value in await plant.stored(POINT)]
        assert set(values) == {1.0, None, 42.0}
    assert plant.server.running
    count = "riverside/gw-1/counter/count"
    before = len(await plant.stored(count))

    async def goes_on() -> bool:
        return len(await plant.stored(count)) > before

    await plant.eventually(goes_on)
    metrics = (await plant.http.get("/metrics")).text
    assert "rejected" in metrics


async def test_garbage_commands_do_not_harm_the_agent(plant: Plant) -> None:
    noise = random.Random(8)  # noqa: S311 (a repeatable test)
    with PlainNode(plant.broker.port, group="riverside", node="intruder") as node:
        for _ in range(20):
            node.raw("spBv1.0/riverside/NCMD/gw-1", noise.randbytes(200))
            node.raw("spBv1.0/riverside/DCMD/gw-1/pump-1", noise.randbytes(200))
        node.raw("spBv1.0/riverside/DCMD/gw-1/nobody", _good(1.0, now_ms()))
    count = "riverside/gw-1/counter/count"
    before = len(await plant.stored(count))

    async def goes_on() -> bool:
        return len(await plant.stored(count)) > before + 10

    await plant.eventually(goes_on)
    assert plant.agent.running


async def test_a_wrong_token_and_wrong_requests_get_problem_documents(plant: Plant) -> None:
    async with httpx.AsyncClient(base_url=plant.url) as stranger:
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
            answer = await stranger.get("/api/v1/alarms", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
        assert (await stranger.get("/healthz")).status_code == 200
    for path, parameters in (
        ("readings", {}),
        ("readings", {"point": POINT, "from": "yesterday"}),
        ("alarms", {"state": "purple"}),
        ("alarms", {"cursor": "%%%"}),
        ("work-orders", {"limit": "-1"}),
    ):
        answer = await plant.http.get(f"/api/v1/{path}", params=parameters)
        assert answer.status_code == 422, (path, parameters, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await plant.http.get("/api/v1/alarms/999999")).status_code == 404
