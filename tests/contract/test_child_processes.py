"""Child processes of the demo and the end-to-end tests never outlive their owner."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import pytest

from plantroom.processes import Child

SLOW = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(60)"


async def test_a_start_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    child = Child("slow", [sys.executable, "-c", SLOW], log=tmp_path / "log", ready_event="never")
    starting = asyncio.create_task(child.start())
    while not child.tail:
        await asyncio.wait({starting}, timeout=0.01)
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    assert not child.running
    with pytest.raises(ProcessLookupError):
        os.kill(int(child.tail), 0)
