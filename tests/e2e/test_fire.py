"""A fire at a simulated panel, through the real processes, to the message with its place."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from plantroom.processes import Child, free_port
from tests.bench.fire import measure
from tests.bench.measure import percentile, rss_mb
from tests.e2e.conftest import ESTATE
from tests.e2e.plant import Plant

HERE, PANEL = "riverside/gw-1", "fire-panel-1"


class HeardPlant(Plant):
    """A plant whose agent also hears the equipment that the process ``device`` is."""

    device: Child
    port: dict[str, Any]
    source: dict[str, Any]

    def _write_agent_file(self) -> None:
        super()._write_agent_file()
        content = yaml.safe_load(self.agent_file.read_text("utf-8"))
        content["ports"]["fire"] = self.port
        name = {"en": "Fire panel", "zh": "消防主机"}
        content["devices"][PANEL] = {"port": "fire", "name": name, **self.source}
        self.agent_file.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")

    async def say(self, **order: Any) -> dict[str, Any]:
        """Give the equipment an order."""
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

    async def told(self) -> list[str]:
        """Messages about a fire."""
        bodies = [json.dumps(one.body, ensure_ascii=False) for one in self.receiver.deliveries]
        return [text for text in bodies if '"cause": "fire"' in text]

    async def over(self) -> bool:
        """Whether no fire is active."""
        return not await self.fires("active")


class FirePlant(HeardPlant):
    """With a transmission device that connects by TCP."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, estate=ESTATE)
        number = free_port()
        self.port = {"kind": "gb26875_tcp", "host": "127.0.0.1", "port": number}
        self.source = {"source": 889}
        about = ("--port", str(number), "--heartbeat", "1")
        self.device = self._child("device", "ready", "simulate", "transmission-device", *about)


class PanelPlant(HeardPlant):
    """With a GST panel on a serial line, or a transmission device on one."""

    def __init__(self, folder: Path, kind: str) -> None:
        super().__init__(folder, estate=ESTATE)
        line = folder / "fire-line"
        self.port = {"kind": kind, "device": str(line)}
        if kind == "fire_panel":
            self.port |= {"format": "gst200", "polls_every_s": 0.2}
            self.source = {}
            about = ("fire-panel", str(line), "--format", "gst200")
        else:
            self.source = {"source": 889}
            about = ("transmission-device", "--line", str(line), "--heartbeat", "1")
        self.device = self._child("device", "ready", "simulate", *about)


@asynccontextmanager
async def fire_plant(folder: Path) -> AsyncIterator[FirePlant]:
    async with FirePlant(folder) as plant, plant.device:
        yield plant


async def test_two_fires_are_told_with_their_places_survive_a_kill_and_end_by_a_reset(
    tmp_path: Path,
) -> None:
    async with fire_plant(tmp_path) as plant:
        await plant.say(do="fire", at=[[10, 2, "1层走廊"], [10, 3, "大堂"]])
        [fire] = await plant.eventually(plant.fires)
        assert fire["severity"] == "urgent"
        assert "1层走廊" in fire["onset_value"]
        assert "大堂" in fire["onset_value"]

        [message, *_] = await plant.eventually(plant.told)
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

        # The third came later than the first two: it has a message of its own.
        async def told_of_the_third() -> list[str]:
            return [text for text in await plant.told() if "地下车库" in text]

        assert "1层走廊" in (await plant.eventually(told_of_the_third))[0]

        await plant.say(do="reset")

        await plant.eventually(plant.over)
        assert len(await plant.fires("all")) == 1


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


async def test_a_panel_that_repeats_one_event_ten_thousand_times_costs_nothing_and_no_fire(
    tmp_path: Path,
) -> None:
    async with fire_plant(tmp_path) as plant:
        await plant.say(do="fire", at=[[10, 2, "1层走廊"]])
        await plant.eventually(plant.fires)
        await plant.eventually(plant.settled)
        before_mb = rss_mb(plant.agent.pid)
        await plant.say(do="repeat", times=10_000)
        await plant.say(do="garbage", hex="404001020304" * 50)
        await plant.say(do="fire", at=[[10, 3, "大堂"]])
        await plant.eventually(plant.settled, within_s=180)

        async def both() -> bool:
            values = await plant.stored(f"{HERE}/{PANEL}/fire_count")
            return values[-1][1] == 2

        await plant.eventually(both)
        [fire] = await plant.fires("all")
        assert "1层走廊" in fire["onset_value"]
        counts = [value for _, value in await plant.stored(f"{HERE}/{PANEL}/fire_count")]
        assert [value for value in counts if value] == [1, 2]
        assert rss_mb(plant.agent.pid) < before_mb + 8
        answer = await plant.say(do="get")
        assert answer["counts"]["confirmed"] >= 10_002


async def test_a_panel_on_a_serial_line_is_heard_over_garbage_and_a_kill_and_reset(
    tmp_path: Path,
) -> None:
    async with PanelPlant(tmp_path, "fire_panel") as plant, plant.device:
        await plant.say(do="garbage", hex="ff5151003130")
        await plant.say(do="fire", loop=3, point=1205, text="大堂")
        [fire] = await plant.eventually(plant.fires)
        assert fire["severity"] == "urgent"
        assert "大堂" in fire["onset_value"]
        [message, *_] = await plant.eventually(plant.told)
        assert "大堂" in message

        await plant.say(do="fire", loop=3, point=1206, text="车库")
        await plant.agent.kill()
        await plant.agent.start()
        await plant.eventually(plant.settled)
        [fire_again] = await plant.fires("all")
        assert fire_again["id"] == fire["id"]

        async def both() -> bool:
            return (await plant.last_stored(f"{HERE}/{PANEL}/fire_count"))[1] == 2

        await plant.eventually(both)
        await plant.say(do="reset")
        await plant.eventually(plant.over)


async def test_a_transmission_device_on_a_serial_line_is_heard(tmp_path: Path) -> None:
    async with PanelPlant(tmp_path, "gb26875_serial") as plant, plant.device:

        async def heard() -> bool:
            return "confirmed" in (await plant.say(do="get"))["counts"]

        await plant.eventually(heard)
        await plant.say(do="fire", at=[[10, 2, "1层走廊"], [10, 3, "大堂"]])
        [message, *_] = await plant.eventually(plant.told)
        assert "1层走廊" in message
        assert "大堂" in message
        await plant.eventually(plant.settled)
        await plant.say(do="reset")
        await plant.eventually(plant.over)


@pytest.mark.alone
async def test_a_fire_is_told_within_a_second(tmp_path: Path) -> None:
    """The figure of a hundred is made by ``make bench``; here few fires, and time to spare."""
    took = await measure(tmp_path, devices=20, lines=5)
    for times in took.values():
        assert percentile(times, 50) < 1000, took
        assert max(times) < 5000, took
