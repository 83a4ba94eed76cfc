"""Whatever is asked of the history, and however slowly it is read: memory has a bound."""

import asyncio
import socket
import time
from itertools import count
from pathlib import Path

import httpx
import pytest

from server.core.instant import rfc3339
from tests.bench.history import HistorySite
from tests.bench.history_stores import SLOW
from tests.bench.load_clients import request
from tests.bench.load_readers import pids
from tests.bench.year import DAY_MS, Estate, write_days
from tests.e2e.test_backup import server_command
from tests.fakes.sparkplug_node import now_ms

POINTS = 100
"""Of which each has spoken every second of a day: 8.6 million readings."""
EXPORTED = 5
MOST_MB = {"server": 700, "web": 500}
"""DuckDB's 256 in the server's; docs/scaling.md names both."""
READERS, SECONDS = 6, 15.0
UNREAD, UNREAD_S = 40, 15.0
"""So often each question is asked by somebody who reads nothing, and for so long."""


@pytest.mark.alone
async def test_memory_has_a_bound_whatever_is_asked_of_the_history(tmp_path: Path) -> None:
    today = now_ms() // DAY_MS
    folder = tmp_path / "history"
    write_days(folder, today - 1, 1, Estate(slow=SLOW, period_s=300, fast=POINTS))
    async with HistorySite(tmp_path, history={"path": str(folder)}) as site:
        questions = heaviest(today * DAY_MS)
        async with asyncio.TaskGroup() as readers:
            tasks = [readers.create_task(read_on(site, first)) for first in range(READERS)]
        statuses = [status for task in tasks for status in task.result()]
        words = [
            word
            for number in range(SLOW + 1, SLOW + EXPORTED + 1)
            for word in ("--point", f"year/gw/plant/p{number}")
        ]
        out = tmp_path / "all.csv"
        await server_command("history", "export", tmp_path / "server.yaml", out, *words)
        unread = [ask_and_leave(site.http_port, site.token, path) for path in questions * UNREAD]
        await asyncio.sleep(UNREAD_S)
        for one in unread:
            one.close()
        running = pids(site)
        peaks = {"server": peak_mb(running["server"]), "web": peak_mb(running["reader"])}
    print(f"{peaks} MB, {len(statuses)} answers")  # noqa: T201 (shown with -s)
    assert statuses.count(200) >= len(questions)
    assert set(statuses) <= {200, 429, 503}
    assert all(peaks[name] < most for name, most in MOST_MB.items()), peaks


def heaviest(end: int) -> list[str]:
    """The largest of what may be asked; each has a few megabytes."""
    day = f"from={rfc3339(end - DAY_MS)}&to={rfc3339(end)}"
    points = "&".join(f"point={SLOW + number}" for number in range(1, POINTS + 1))
    every = "show=min&show=avg&show=max&show=first&show=last&show=count&show=bad_count"
    return [
        f"trends?{points}&width_s=60&{every}&{day}",
        f"trends?point={SLOW + 5}&raw=true&{day}",
        f"trends/export?{points}&width_s=60&{day}",
        f"trends/export?point={SLOW + 6}&raw=true&{day}",
        f"trends/workbook?{points}&width_s=60&show=avg&{day}",
        f"readings?point={SLOW + 7}&raw=true&limit=10000&{day}",
    ]


def ask_and_leave(port: int, token: str, path: str) -> socket.socket:
    """Ask and read nothing of the answer."""
    one = socket.create_connection(("127.0.0.1", port))
    one.sendall(request(path, token))
    return one


async def read_on(site: HistorySite, first: int) -> list[int]:
    """Ask one question after the other for some seconds; return the status of each answer."""
    questions, statuses = heaviest(now_ms() // DAY_MS * DAY_MS), list[int]()
    headers = {"Authorization": f"Bearer {site.token}"}
    ends = time.monotonic() + SECONDS
    async with httpx.AsyncClient(headers=headers, timeout=120) as client:
        for number in count(first):
            if time.monotonic() > ends:
                return statuses
            path = questions[number % len(questions)]
            answer = await client.get(f"{site.url}/api/v1/{path}")
            statuses.append(answer.status_code)
    raise AssertionError


def peak_mb(pid: int) -> int:
    """The largest resident memory that a process has had, megabytes of 1,048,576 bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) // 1024
