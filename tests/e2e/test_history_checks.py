"""``plantroom server check`` connects to the store of the history and says what is wrong."""

import asyncio
import re
from pathlib import Path

from plantroom.processes import plantroom_command
from tests.influxdb import temporary_influxdb, v2_in_front_of
from tests.stores import ask_influx
from tests.victoria import temporary_victoria


async def checked(file: Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *plantroom_command("server", "check", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_an_influxdb_without_the_database_and_one_with_it(tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    with temporary_influxdb() as server, v2_in_front_of(server.url) as url:
        file.write_text(f"history: {{backend: {{kind: influxdb, url: '{url}', bucket: estate}}}}")
        status, said = await checked(file)
        assert status == 1
        assert "no database 'estate'; there are: none; make it: CREATE DATABASE" in said
        ask_influx(url, 'CREATE DATABASE "estate" WITH DURATION 2000d')
        status, said = await checked(file)
        assert status == 0
        assert "found   InfluxDB 1.6.7~rc0, estate keeps 2000 days" in said.splitlines()
    status, said = await checked(file)
    assert (status, f"InfluxDB {url}: ConnectError" in said) == (1, True)


async def test_a_victoriametrics_with_other_flags_and_with_the_right_ones(tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    with temporary_victoria(flags=("-retentionPeriod=1y",)) as server:
        file.write_text(f"history: {{backend: {{kind: victoriametrics, url: '{server.url}'}}}}")
        status, said = await checked(file)
        assert status == 1
        assert "it keeps readings for 365 days: -retentionPeriod=1825d" in said
        assert "what is written twice would count twice: -dedup.minScrapeInterval=1ms" in said
    with temporary_victoria() as server:
        file.write_text(f"history: {{backend: {{kind: victoriametrics, url: '{server.url}'}}}}")
        status, said = await checked(file)
        assert status == 0
        assert re.search("^found   VictoriaMetrics .*keeps 36500 days$", said, re.MULTILINE)
    status, said = await checked(file)
    assert (status, f"VictoriaMetrics {server.url}: " in said) == (1, True)
