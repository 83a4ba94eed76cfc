"""How often the disk stands still, whoever writes to it: what no server can do anything about."""

import asyncio
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.node import now_ms

_EVERY_S = 0.05
_STILL_MS = 100


class Disk:
    """Writes a page durably again and again, in a thread, and keeps when that took long.

    Args:
        folder: On the disk in question.
        still: Gets from when to when a write waited, UTC ms.
    """

    def __init__(self, folder: Path, still: list[tuple[int, int]]) -> None:
        self._still = still
        self._path = folder / "probe"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        await asyncio.to_thread(self._thread.join)

    def _look(self) -> None:
        handle = os.open(self._path, os.O_CREAT | os.O_WRONLY)
        try:
            while not self._over.wait(_EVERY_S):
                began = now_ms()
                os.pwrite(handle, bytes(4096), 0)
                os.fsync(handle)
                if now_ms() - began > _STILL_MS:
                    self._still.append((began, now_ms()))
        finally:
            os.close(handle)
