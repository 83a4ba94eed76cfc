"""HTTP has a process of its own: readers, its end and the server's end cost no alarm."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from plantroom.processes import plantroom_command
from tests.bench.load_readers import beside_readers, pids
from tests.bench.load_site import Site
from tests.forked import ForkedChild
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.asyncio(loop_scope="module")]
PANELS = 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One site; each test has a gateway of its own and leaves the server running."""
    async with Site(tmp_path_factory.mktemp("site"), child=ForkedChild) as running:
        yield running


def ended(pid: int) -> bool:
    """Whether a process is gone, or dead and only not yet waited for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


async def until(condition: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def reader_of(site: Site) -> int:
    return list(pids(site).values())[-1]


@pytest.mark.alone
async def test_no_alarm_is_lost_beside_readers_streams_and_half_requests(tmp_path: Path) -> None:
    async with Site(tmp_path, child=ForkedChild, hanging=True) as site:
        with site.node("gw") as node:
            outcome = await beside_readers(site, node, await site.panels(node, PANELS))
    assert outcome.lost == 0
    assert len(outcome.latencies) == PANELS
    assert outcome.more["http_statuses"]["200"] > 50
    assert outcome.more["readyz"] == "HTTP/1.1 200 OK"


async def test_a_killed_reader_is_replaced_and_no_alarm_waits_for_it(site: Site) -> None:
    with site.node("gw-of-readers") as node:
        panels = await site.panels(node, PANELS)
        trips = asyncio.create_task(site.trip(node, panels, every_s=(0.1, 0.1)))
        killed: set[int] = set()
        for _ in range(2):
            killed.add(pid := reader_of(site))
            os.kill(pid, signal.SIGKILL)
            await until(lambda: reader_of(site) not in killed)
            # Who connects meanwhile waits; nobody is refused.
            assert await site.knows(f"bench/{node.node}/{panels[0]}")
        outcome = await trips
    metrics = (await site.get("/metrics")).decode()
    assert outcome.lost == 0
    assert "plantroom_web_ended_total 2.0" in metrics
    assert "plantroom_web_process_resident_memory_bytes" in metrics


@pytest.mark.alone
async def test_a_killed_fork_server_is_replaced_with_its_reader(site: Site) -> None:
    forks, reader = pids(site)["forks"], reader_of(site)
    os.kill(forks, signal.SIGKILL)
    await until(lambda: ended(reader), within_s=2)
    assert b"200 OK" in await site.get("/readyz")
    now = pids(site)
    assert now["forks"] != forks
    # What is killed now is forked by the new one.
    os.kill(reader_of(site), signal.SIGKILL)
    assert b"200 OK" in await site.get("/readyz")
    assert pids(site)["forks"] == now["forks"]


@pytest.mark.alone
async def test_a_killed_server_takes_its_reader_with_it_and_the_port_is_free(site: Site) -> None:
    reader = reader_of(site)
    busy = [asyncio.create_task(site.get("/api/v1/events?limit=1000")) for _ in range(20)]
    await site.server.kill()
    await until(lambda: ended(reader), within_s=2)
    await asyncio.gather(*busy, return_exceptions=True)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", site.http_port))
    await site.server.start()
    assert b"200 OK" in await site.get("/readyz")


async def test_a_server_that_starts_the_moment_the_other_is_killed_gets_the_port(
    site: Site,
) -> None:
    for _ in range(3):
        await site.server.kill()
        await site.server.start()
        assert b"200 OK" in await site.get("/readyz")


async def test_the_terminal_signals_both_and_both_leave_quietly(tmp_path: Path) -> None:
    async with Site(tmp_path, child=ForkedChild) as site:
        await site.server.stop()
        reader = 0
        child = ForkedChild(
            "server",
            plantroom_command("server", "run", str(tmp_path / "server.yaml")),
            log=tmp_path / "again.log",
            ready_event="server_ready",
        )
        async with child:
            site.server = child
            reader = reader_of(site)
            os.killpg(child.pid, signal.SIGINT)
            assert await child.wait() == 0
        assert ended(reader)
    lines = (tmp_path / "again.log").read_text().splitlines()
    assert all(line.startswith("{") for line in lines)
    assert not [line for line in lines if '"level": "error"' in line]


async def test_what_a_person_does_is_carried_out_by_the_server_and_read_back(site: Site) -> None:
    with site.node("gw-of-a-person") as node:
        await site.trip(node, await site.panels(node, 1))
    headers = {"Authorization": f"Bearer {site.token}", "Idempotency-Key": "k"}
    url = f"http://127.0.0.1:{site.http_port}"
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE_S) as client:
        listed = (await client.get("/api/v1/alarms", params={"state": "open"})).json()["items"]
        (number,) = [
            one["id"] for one in listed if one["equipment"] == "bench/gw-of-a-person/panel-0"
        ]
        answers = [
            await client.post(f"/api/v1/alarms/{number}/acknowledge", json={"comment": "seen"})
            for _ in range(2)
        ]
        assert [one.status_code for one in answers] == [200, 200]
        assert answers[1].headers["Idempotency-Replayed"] == "true"
        alarm = (await client.get(f"/api/v1/alarms/{number}")).json()
        assert alarm["acknowledged_by"] == "admin"
        wrong = await client.post(f"/api/v1/alarms/{number}/comments", json={"remark": "x"})
        assert wrong.headers["content-type"] == "application/problem+json"
        assert wrong.status_code == 422
        token = (await client.post("/api/v1/tokens", json={"name": "scraper"})).json()
        bearer = {"Authorization": f"Bearer {token['token']}"}
        assert (await client.get("/api/v1/alarms", headers=bearer)).status_code == 200
        await client.delete(f"/api/v1/tokens/{token['id']}")
        # Revoked is revoked at once, whatever was remembered.
        assert (await client.get("/api/v1/alarms", headers=bearer)).status_code == 401
        tried = await client.post("/api/v1/alarm-rules/try", json={"rule": "fire_panel.fire"})
        assert tried.status_code == 200, tried.text
        readings = await client.get(
            "/api/v1/readings", params={"point": "bench/gw-of-a-person/panel-0/fire", "raw": "true"}
        )
        assert [item["value"] for item in readings.json()["items"]] == [False, True]
        point = "bench/gw-of-a-person/panel-0/fire"
        raw = await client.get("/api/v1/trends", params={"point": point, "raw": "true"})
        assert raw.json()["items"][0]["value"] == [False, True]
        shown = ["count", "first", "last", "max"]
        trends = await client.get(
            "/api/v1/trends", params={"point": point, "slices": 1, "show": shown}
        )
        (item,) = trends.json()["items"]
        assert [item[name] for name in shown] == [[2], [False], [True], [1]]
