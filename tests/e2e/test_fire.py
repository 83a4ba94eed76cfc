"""A fire at a simulated panel, through the real processes, to the message with its place."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from plantroom.processes import free_port
from tests.e2e.conftest import ESTATE
from tests.e2e.plant import Plant

PANEL = "fire-panel-1"


class FirePlant(Plant):
    """A plant whose agent also listens for a transmission device, which ``device`` is."""

    def __init__(self, folder: Path) -> None:
        self.fire_port = free_port()
        super().__init__(folder, estate=ESTATE)
        port = str(self.fire_port)
        self.device = self._child(
            "device", "ready", "simulate", "transmission-device", "--port", port, "--heartbeat", "1"
        )

    def _write_agent_file(self) -> None:
        super()._write_agent_file()
        content = yaml.safe_load(self.agent_file.read_text("utf-8"))
        content["ports"]["fire"] = {
            "kind": "gb26875_tcp",
            "host": "127.0.0.1",
            "port": self.fire_port,
        }
        content["devices"][PANEL] = {
            "port": "fire",
            "source": 889,
            "name": {"en": "Fire panel", "zh": "消防主机"},
        }
        self.agent_file.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")

    async def say(self, **order: Any) -> dict[str, Any]:
        """Give the transmission device an order."""
        reader, writer = await asyncio.open_connection(**self.device.ready["control"])
        writer.write(json.dumps(order).encode() + b"\n")
        answer = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()
        assert answer["ok"], answer
        return answer

    async def fires(self, state: str = "open") -> list[dict[str, Any]]:
        """Alarms of the rule about a fire."""
        found = await self.items("alarms", state=state)
        return [one for one in found if one["rule"] == "fire_panel.fire"]

    async def settled(self) -> bool:
        """Whether everything that the device said is confirmed."""
        return (await self.say(do="get"))["waiting"] == 0


@asynccontextmanager
async def fire_plant(folder: Path) -> AsyncIterator[FirePlant]:
    async with FirePlant(folder) as plant, plant.device:
        yield plant


@pytest.mark.timeout(120)
async def test_two_fires_are_told_with_their_places_survive_a_kill_and_end_by_a_reset(
    tmp_path: Path,
) -> None:
    async with fire_plant(tmp_path) as plant:
        await plant.say(do="fire", at=[[10, 2, "1层走廊"], [10, 3, "大堂"]])
        [fire] = await plant.eventually(plant.fires)
        assert fire["severity"] == "urgent"
        assert "1层走廊" in fire["onset_value"]
        assert "大堂" in fire["onset_value"]

        async def told() -> list[str]:
            bodies = [json.dumps(one.body, ensure_ascii=False) for one in plant.receiver.deliveries]
            return [text for text in bodies if "fire_panel.fire" in text]

        [message, *_] = await plant.eventually(told)
        assert "1层走廊" in message
        assert "大堂" in message

        await plant.agent.kill()
        await plant.say(do="fire", at=[[11, 7, "地下车库"]])
        await plant.agent.start()
        await plant.eventually(plant.settled)
        several = "fire_panel.several_fires"

        async def three() -> Any:
            latest = await plant.items("alarms", state="open")
            return {one["rule"] for one in latest} >= {"fire_panel.fire", several}

        await plant.eventually(three)
        assert [one["id"] for one in await plant.fires()] == [fire["id"]]

        await plant.say(do="reset")

        async def over() -> bool:
            return not await plant.fires("active")

        await plant.eventually(over)
        assert len(await plant.fires("all")) == 1


@pytest.mark.timeout(120)
async def test_an_agent_killed_before_it_confirms_has_the_fire_once(
    tmp_path: Path,
) -> None:
    async with fire_plant(tmp_path) as plant:
        await plant.eventually(plant.settled)
        for number in range(1, 6):
            await plant.say(do="fire", at=[[10, number, f"{number}号房间"]])
            await asyncio.sleep(0.004 * number)
            await plant.agent.kill()
            await plant.agent.start()
            await plant.eventually(plant.settled)
            [fire] = await plant.eventually(plant.fires)
            assert "1号房间" in fire["onset_value"]
        assert len(await plant.fires("all")) == 1
