"""How often the disk stands still, whoever writes to it: what no server can do anything about."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.chaos.node import now_ms

_EVERY_S = 0.05
_STILL_MS = 100


@asynccontextmanager
async def watched_disk(folder: Path, still: list[tuple[int, int]]) -> AsyncGenerator[None]:
    """Write a page there durably again and again; ``still`` gets when that took long, UTC ms."""
    over = threading.Event()
    look = asyncio.create_task(asyncio.to_thread(_look, folder / "probe", still, over))
    try:
        yield
    finally:
        over.set()
        await look


def _look(probe: Path, still: list[tuple[int, int]], over: threading.Event) -> None:
    handle = os.open(probe, os.O_CREAT | os.O_WRONLY)
    try:
        while not over.wait(_EVERY_S):
            began = now_ms()
            os.pwrite(handle, bytes(4096), 0)
            os.fsync(handle)
            ended = now_ms()
            if ended - began > _STILL_MS:
                still.append((began, ended))
    finally:
        os.close(handle)
