"""Two ingest shards, two API replicas, one jobs process: nothing lost, nothing doubled."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio
import yaml
from sqlalchemy import select

from plantroom.processes import plantroom_command
from server.assets.model import Site
from server.core.records import Records
from tests.e2e.divided import Api, DividedHouse, divided_house, site_of
from tests.e2e.shared_plant.test_history_exchange import JANUARY, JANUARY_MS
from tests.e2e.test_backup import refused, server_command
from tests.fakes.journaling_node import JournalingNode
from tests.fakes.sparkplug_node import BOOLEAN, DOUBLE, STRING, PlainNode, Tag
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.asyncio(loop_scope="module")]
FEBRUARY = "2026-02-05T08:00:00+08:00"
FIRST, SECOND = site_of(1, 2), site_of(2, 2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DividedHouse]:
    async with divided_house(tmp_path_factory.mktemp("house"), shards=2, apis=2) as running:
        yield running


async def test_a_killed_shard_loses_and_doubles_nothing(house: DividedHouse) -> None:
    one, other = house.apis
    with (
        JournalingNode(house.port, group=FIRST, node="gw", rate=100) as mine,
        JournalingNode(house.port, group=SECOND, node="gw", rate=100) as others,
    ):
        for node in (mine, others):
            await one.eventually(lambda node=node: more(node, 0))
        for _ in range(2):
            before = len(others.acked)
            await house.shards[0].kill()
            await one.eventually(lambda before=before: more(others, before))
            await house.shards[0].start()
            before = len(mine.acked)
            await one.eventually(lambda before=before: more(mine, before))
    for node in (mine, others):
        acked = dict(node.acked)
        for api in (one, other):
            stored = await api.stored(node.key)
            assert len(stored) == len(dict(stored)), "an instant is stored twice"
            assert acked.items() <= dict(stored).items()
    # Each gateway spoke to its own shard alone.
    events = [item for item in await one.items("events") if item["kind"] == "equipment.born"]
    assert len(events) == len({event["subject_id"] for event in events})


async def test_a_site_that_was_born_while_its_shard_was_away_is_found(house: DividedHouse) -> None:
    new = site_of(1, 2, but=FIRST)
    await house.shards[0].kill()
    with JournalingNode(house.port, group=new, node="gw", rate=20) as node:
        await asyncio.sleep(1)
        await house.shards[0].start()
        await house.apis[1].eventually(lambda: more(node, 0))


@pytest.mark.alone
async def test_what_one_api_process_does_the_other_shows_within_a_second(
    house: DividedHouse,
) -> None:
    one, other = house.apis
    with PlainNode(house.port, group=FIRST, node="gw") as node:
        node.birth()
        tags = [
            Tag("Properties/Class", STRING, "fire_panel"),
            Tag("fire", BOOLEAN, value=False),
            Tag("level", DOUBLE, 1.0),
        ]
        node.device_birth("panel", tags)
        key = f"{FIRST}/gw/panel"
        await one.eventually(lambda: one.items("values"))
        heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        stream = asyncio.create_task(follow(other, heard))
        try:
            await other.eventually(lambda: shows(other, key, 1.0))
            node.data("panel", {"level": 2.0})
            await other.eventually(lambda: shows(other, key, 2.0))
            node.data("panel", {"fire": True})
            raised = await until(heard, "alarm.raised")
            alarm = raised["subject_id"]
            began = time.monotonic()
            await one.post(f"alarms/{alarm}/acknowledge", {"comment": "on my way"})
            said = await until(heard, "alarm.acknowledged")
            assert time.monotonic() - began < 1.0
            assert said["subject_id"] == alarm
            assert (await other.get(f"alarms/{alarm}"))["acknowledged_at"]
            # To the other shard the rule of this alarm is unknown, but it is none of its own.
            await house.shards[1].kill()
            await house.shards[1].start()
            await asyncio.sleep(2)
            assert (await other.get(f"alarms/{alarm}"))["active"]
        finally:
            stream.cancel()


@pytest.mark.alone
async def test_a_user_who_is_disabled_elsewhere_is_out_within_a_second(house: DividedHouse) -> None:
    one, other = house.apis
    body = {"name": "eve", "password": "a long password", "role": "operator"}
    user = await one.post("users", body)
    async with httpx.AsyncClient(base_url=str(other.http.base_url)) as browser:
        login = {"name": body["name"], "password": body["password"]}
        assert (await browser.post("/api/v1/session", json=login)).status_code == 200
        assert (await browser.get("/api/v1/session")).status_code == 200
        await one.post(f"users/{user['id']}/disable")
        began = time.monotonic()
        while (await browser.get("/api/v1/session")).status_code != 401:
            assert time.monotonic() - began < 1.0


async def test_two_api_processes_take_no_more_requests_than_one(house: DividedHouse) -> None:
    """A resident's telephone is good for three requests, whichever process is asked."""
    one, other = house.apis
    with PlainNode(house.port, group=FIRST, node="gw") as node:
        node.birth()
        await one.eventually(lambda: has_room(one, "501"))
    path = (await one.post("request-places", {"site": FIRST, "room": "501"}))["path"]
    statuses: list[int] = []
    for api, fault in zip((one, other) * 2, ("tap", "socket", "walls", "lift"), strict=True):
        (token,) = re.findall(r'name="token" value="([^"]+)"', (await api.http.get(path)).text)
        form = {"token": token, "fault": fault, "name": "Li", "phone": "13912345678"}
        statuses.append((await api.http.post(path, data=form)).status_code)
    assert statuses == [303, 303, 303, 429]
    asked = await other.items("repair-requests")
    assert sorted(one["fault"] for one in asked) == ["socket", "tap", "walls"]


async def test_a_process_without_pages_says_how_it_is(house: DividedHouse) -> None:
    for url in house.health:
        async with httpx.AsyncClient(base_url=url) as anybody:
            ready = (await anybody.get("/readyz")).json()
            assert ready["ok"]
            assert {"ingest", "history", "broker", "records", "alarm_chain"} <= set(ready["parts"])
            assert (await anybody.get("/metrics")).status_code == 401
            assert (await anybody.get("/api/v1/sites")).status_code == 401
            anybody.headers["Authorization"] = f"Bearer {house.token}"
            assert "plantroom_ingest_values_total" in (await anybody.get("/metrics")).text
            assert (await anybody.get("/api/v1/sites")).status_code == 404


async def test_a_shard_has_one_process_and_all_divide_alike(house: DividedHouse) -> None:
    for shard, why in (
        ("1/2", "shard 1/2 is ingested by another process already (plantroom ingest 1/2 on "),
        ("1/3", "another process divides the sites differently (plantroom ingest "),
    ):
        process = await asyncio.create_subprocess_exec(
            *house.process("x", "--roles", "ingest", "--shard", shard).command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 1
        assert why in said.decode()


async def test_readings_of_all_shards_go_to_files_and_come_from_them(
    house: DividedHouse, tmp_path: Path
) -> None:
    api = house.apis[0]
    nodes = [
        JournalingNode(house.port, group=group, node="old", rate=20) for group in (FIRST, SECOND)
    ]
    with nodes[0], nodes[1]:
        for node in nodes:
            await api.eventually(lambda node=node: more(node, 0))
    out = tmp_path / "all.csv"
    await server_command("history", "export", house.file, out)
    rows = out.read_text("utf-8-sig").splitlines()
    for node in nodes:
        place = ",".join(node.key.split("/"))
        assert len([one for one in rows if one.startswith(place)]) >= len(node.acked)
    source = tmp_path / "old.csv"
    lines = [f"{node.key},{JANUARY},{at}" for at, node in enumerate(nodes)]
    source.write_text("\n".join(["key,time,value", *lines]))
    command = ("history", "import", house.file, source)
    for _ in range(2):
        assert "2 readings are in the history" in await server_command(*command)
        for at, node in enumerate(nodes):
            stored = await api.stored(node.key)
            assert stored[0] == (JANUARY_MS, at)
            assert len(set(stored)) == len(stored)
    # One more of each; one shard is away.
    source.write_text(source.read_text().replace(JANUARY, FEBRUARY))
    await house.shards[1].kill()
    said = await refused(*command)
    assert "1 readings belong to shard 2/2, which nobody ingests now: start it" in said
    await house.shards[1].start()
    await server_command(*command)
    for at, node in enumerate(nodes):
        assert (await api.stored(node.key))[1][1] == at


async def test_a_backup_of_a_divided_house_has_its_records_and_files(
    house: DividedHouse, tmp_path: Path
) -> None:
    backups, new = tmp_path / "backups", tmp_path / "new"
    with JournalingNode(house.port, group=FIRST, node="backed-up", rate=20) as node:
        await house.apis[0].eventually(lambda: more(node, 0))
    told = await server_command("backup", house.file, backups)
    assert "the readings are not in it" in told
    sites = await house.apis[0].items("sites")
    assert FIRST in [one["key"] for one in sites]
    new.mkdir()
    with psycopg.connect(
        house.settings["records"]["url"].replace("+psycopg", ""), autocommit=True
    ) as database:
        database.execute("CREATE DATABASE again")
    url = house.settings["records"]["url"].rpartition("/")[0] + "/again"
    file = new / "server.yaml"
    file.write_text(yaml.safe_dump(house.settings | {"records": {"url": url}}))
    told = await server_command("restore", file, backups)
    assert "restore those of their own store" in told
    with Records.open(url, read_only=True) as records:
        found = records.read(lambda session: session.scalars(select(Site.key)).all())
    assert sorted(found) == sorted(one["key"] for one in sites)


async def test_the_doctor_looks_at_every_shard(house: DividedHouse) -> None:
    async def findings() -> list[dict[str, str]]:
        command = plantroom_command("server", "doctor", str(house.file), "--json")
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _ = await child.communicate()
        return [one for one in json.loads(output)["findings"] if one["check"] == "server"]

    told = {one["text"]: one["level"] for one in await findings()}
    for number, shard in enumerate(house.shards, 1):
        assert told[f"shard {number}/2 runs as process {shard.pid}"] == "ok"
    await house.shards[1].kill()
    one, other, *_ = await findings()
    await house.shards[1].start()
    assert one["level"] == "ok"
    assert other["level"] == "fail"
    assert "shard 2/2 is ingested by nobody" in other["text"]
    assert other["advice"] == "start it: systemctl start plantroom-ingest@2-2"


async def more(node: JournalingNode, before: int) -> bool:
    return len(node.acked) > before + 50


async def has_room(api: Api, key: str) -> bool:
    """Whether the first site is there by now, and has that room."""
    answer = await api.http.put(f"/api/v1/sites/{FIRST}/rooms/{key}", json={})
    return answer.status_code == httpx.codes.OK


async def shows(api: Api, equipment: str, value: float) -> bool:
    items = await api.items("values", equipment=equipment)
    return value in [item["value"] for item in items]


async def follow(api: Api, heard: asyncio.Queue[dict[str, Any]]) -> None:
    """Put the events of an open stream into a queue."""
    async with api.http.stream("GET", "/api/v1/stream", timeout=None) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                heard.put_nowait(json.loads(line.removeprefix("data: ")))


async def until(heard: asyncio.Queue[dict[str, Any]], kind: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event = await heard.get()
            if event.get("kind") == kind:
                return event
