"""A server with its history in InfluxDB: killed, stopped and slow, it loses and doubles nothing."""

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plantroom.processes import free_port, plantroom_command
from tests.e2e.house import ServerHouse
from tests.fakes.journaling_node import JournalingNode
from tests.influxdb import temporary_influxdb, v2_in_front_of
from tests.stores import ask_influx

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.timeout(120)


async def acked(node: JournalingNode, least: int) -> bool:
    return len(node.acked) >= least


async def waiting(node: JournalingNode, least: int) -> bool:
    return len(node.waiting) >= least


async def history_works(house: ServerHouse, *, works: bool) -> bool:
    parts = (await house.http.get("/readyz")).json()["parts"]
    return parts["history"] is works


async def test_an_influxdb_that_is_killed_or_hangs_holds_back_acknowledgements_only(
    tmp_path: Path,
) -> None:
    port, folder = free_port(), tmp_path / "influxdb"
    folder.mkdir()
    token = tmp_path / "token"
    token.write_text("secret\n")
    token.chmod(0o600)
    with ExitStack() as stack:
        url = stack.enter_context(v2_in_front_of(f"http://127.0.0.1:{port}"))
        influx = stack.enter_context(ExitStack())

        def start() -> "subprocess.Popen[bytes]":
            return influx.enter_context(temporary_influxdb(port, folder)).process

        process = start()
        ask_influx(url, 'CREATE DATABASE "plantroom"')
        backend = {"kind": "influxdb", "url": url, "token_file": "token", "organisation": "estate"}
        history = {"backend": backend | {"timeout_s": 1}}
        async with ServerHouse(tmp_path, history=history) as house:
            with JournalingNode(house.broker.port, group="full", node="node", rate=100) as node:
                await house.eventually(lambda: acked(node, 200))
                process.send_signal(signal.SIGSTOP)
                await house.eventually(lambda: history_works(house, works=False))
                process.send_signal(signal.SIGCONT)
                await house.eventually(lambda: history_works(house, works=True))

                process.kill()
                await house.eventually(lambda: history_works(house, works=False))
                before = len(node.acked)
                await house.eventually(lambda: waiting(node, 200))
                assert len(node.acked) == before
                influx.close()
                process = start()
                await house.eventually(lambda: acked(node, before + 300))

                await house.server.kill()
                await house.server.start()
                await house.eventually(lambda: acked(node, before + 500))
            stored = await house.eventually(lambda: settled(house, node.key))
            assert len(stored) == len(dict(stored))
            assert node.acked.items() <= dict(stored).items()


async def settled(house: ServerHouse, point: str) -> list[tuple[int, Any]] | None:
    """The readings, once the summaries count as many."""
    stored = await house.stored(point)
    answer = await house.get("readings", point=point, buckets=10)
    counted = sum(one["count"] + one["bad_count"] for one in answer["buckets"])
    return stored if counted == len(stored) else None


async def checked(file: Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *plantroom_command("server", "check", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_the_check_connects_and_says_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    with temporary_influxdb() as server, v2_in_front_of(server.url) as url:
        file.write_text(f"history: {{backend: {{kind: influxdb, url: '{url}', bucket: estate}}}}")
        status, said = await checked(file)
        assert status == 1
        assert "no database 'estate'; there are: none; make it: CREATE DATABASE" in said
        ask_influx(url, 'CREATE DATABASE "estate" WITH DURATION 2000d')
        status, said = await checked(file)
        assert (status, said.splitlines()[-1]) == (
            0,
            "found   InfluxDB 1.6.7~rc0, estate keeps 2000 days",
        )
    status, said = await checked(file)
    assert (status, f"InfluxDB {url}: ConnectError" in said) == (1, True)
