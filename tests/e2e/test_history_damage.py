"""A server whose history is damaged starts, says so everywhere, and goes on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import ServerHouse

WEBHOOK = {
    "name": "house",
    "url": "http://127.0.0.1:9/hook",
    "secret_file": "secret",
    "allow_private": True,
}


async def noted(house: ServerHouse) -> dict[str, Any]:
    for _ in range(100):
        health = (await house.http.get("/readyz")).json()
        if "history" in health["notes"]:
            return health
        await asyncio.sleep(0.1)
    pytest.fail(str(health))


async def test_a_damaged_history_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    async with ServerHouse(tmp_path, messages={"webhooks": [WEBHOOK]}) as house:
        file = tmp_path / "data" / "history" / "history.duckdb"
        await house.server.stop()
        file.write_bytes(b"\xff" * 20_000)
        await house.server.start()
        health = await noted(house)
        assert health["parts"]["history"]
        assert "history.duckdb.damaged-1" in health["notes"]["history"]
        events = (await house.get("events", topic="alarms"))["items"]
        (event,) = [one for one in events if one["kind"] == "history.damaged"]
        assert event["payload"]["moved_to"] == "history.duckdb.damaged-1"
        (message,) = (await house.get("messages"))["items"]
        assert (message["kind"], message["receiver"]) == ("history.damaged", "house")
        figures = (await house.http.get("/metrics")).text
        assert "plantroom_history_damaged_files 1.0" in figures
        aside = file.with_name("history.duckdb.damaged-1")
        assert aside.read_bytes() == b"\xff" * 20_000
        aside.unlink()
        for _ in range(100):
            if "history" not in (await house.http.get("/readyz")).json()["notes"]:
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the note never ends")
