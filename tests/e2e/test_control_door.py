"""The door of a server that runs: only for its user, and whatever its folder is called."""

import asyncio
import stat
import threading
from pathlib import Path

import pytest

from server.control.place import SOCKET
from server.control.visitor import visit
from server.core.errors import InvalidError, StoreError
from server.history.base import Batch
from tests.e2e.house import ServerHouse


async def test_a_door_of_its_own_for_each_data_folder(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30) / "data"
    async with ServerHouse(tmp_path, data_dir=str(data)) as house:
        door = data / SOCKET
        assert stat.S_IMODE(door.stat().st_mode) == 0o600
        await asyncio.to_thread(ask_everything, data)
        await house.server.kill()
        with visit(data) as nobody:
            assert nobody is None
        await house.server.start()
        await asyncio.to_thread(ask_everything, data)
        await house.server.stop()
        assert not door.exists()


def ask_everything(data: Path) -> None:
    with visit(data) as server:
        assert server is not None
        batch = Batch()
        for number in range(3):
            batch.add(77, 1_000_000 + number, number)
        server.append(batch)
        server.append(batch)
        rows = server.raw(77, 0, 2_000_000, 10)
        assert [row.value for row in rows] == [0, 1, 2]
        with pytest.raises(InvalidError, match="of another version"):
            server.ask("paint", {})
        copy = server.ask("copy", {}).head
        assert Path(copy["records"]).exists()
        with visit(data) as other:
            assert other is not None
            with pytest.raises(Exception, match="another backup of this server is being made"):
                other.ask("copy", {})
    wait_until_gone(Path(copy["records"]).parent)


def wait_until_gone(folder: Path) -> None:
    waiting = threading.Event()
    for _ in range(200):
        if not folder.exists():
            return
        waiting.wait(0.05)
    pytest.fail(f"{folder} is still there")


async def test_a_server_that_ends_meanwhile_is_told(tmp_path: Path) -> None:
    async with ServerHouse(tmp_path) as house:
        with visit(tmp_path / "data") as server:
            assert server is not None
            await house.server.kill()
            with pytest.raises(StoreError, match=r"is gone|did not answer"):
                await asyncio.to_thread(server.ask, "copy", {}, timeout_s=5)
