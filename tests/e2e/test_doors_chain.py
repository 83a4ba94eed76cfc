"""A door through the real processes: forced to the alarm, unlocked over HTTP, an agent killed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import ESTATE
from tests.e2e.plant import Plant

KEY = "8f0e5a7fc1b44f6b9c3a1d2e4f506172"
DOOR = "riverside/gw-1/door"
UNLOCK = f"{DOOR}/unlock"


class DoorPlant(Plant):
    """A plant whose agent also has a line with a simulated reader."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, estate=ESTATE)
        self.readers = self._child(
            "readers", "ready", "simulate", "osdp-reader", str(self.tty), "--reader", f"1:{KEY}"
        )

    @property
    def tty(self) -> Path:
        return self.folder / "doors.tty"

    def _write_agent_file(self) -> None:
        super()._write_agent_file()
        keys = self.folder / "keys"
        keys.write_text(f"1 {KEY}\n")
        keys.chmod(0o600)
        content = yaml.safe_load(self.agent_file.read_text("utf-8"))
        content["ports"]["doors"] = {
            "kind": "osdp",
            "device": str(self.tty),
            "key_file": "keys",
            "readers": {1: {}},
        }
        name = {"en": "Door", "zh": "门"}
        content["devices"]["door"] = {
            "port": "doors",
            "unit": 1,
            "profile": "osdp-door",
            "name": name,
        }
        self.agent_file.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")

    async def say(self, **order: Any) -> dict[str, Any]:
        """Give the simulated reader an order."""
        reader, writer = await asyncio.open_connection(**self.readers.ready["control"])
        writer.write(json.dumps(order | {"address": 1}).encode() + b"\n")
        answer = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()
        assert answer["ok"], answer
        return answer

    def panels(self) -> list[int]:
        """Processes of OSDP whose parent the agent is, or was."""
        found: list[int] = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes()
                group = (path.parent / "environ").read_bytes()
            except OSError:
                continue
            if b"edge_agent.drivers.osdp" in line and str(self.folder).encode() in group:
                found.append(int(path.parent.name))
        return found

    def kept(self) -> dict[str, bytes]:
        """Logs and journals by their names."""
        files = [*self.folder.glob("*.log"), *self.folder.glob("journal*")]
        return {one.name: one.read_bytes() for one in files}

    async def unlock_point(self) -> dict[str, Any] | None:
        points = await self.items("points", equipment=DOOR)
        return next((one for one in points if one["key"] == UNLOCK), None)


async def test_a_door_is_forced_unlocked_and_survives_its_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By it the processes of this test are told from those of others.
    monkeypatch.setenv("PLANTROOM_TEST_FOLDER", str(tmp_path))
    plant = DoorPlant(tmp_path)
    async with plant.readers, plant:
        point = await plant.eventually(plant.unlock_point)
        values = {"value": True, "reason": "a parcel"}

        async def unlocked() -> bool:
            return (await plant.say(do="get"))["outputs"][0] == 1

        given = await plant.post(f"points/{point['id']}/commands", values)
        await plant.eventually(unlocked)

        async def settled() -> Any:
            command = await plant.get(f"commands/{given['id']}")
            return command if command["settled_at"] else None

        assert (await plant.eventually(settled))["state"] == "done"
        await plant.say(do="card", facility=52, number=22136)

        async def read() -> bool:
            return "****2136" in [value for _, value in await plant.stored(f"{DOOR}/last_card")]

        await plant.eventually(read)
        # 15 s without a permission are known, then somebody opens.
        await asyncio.sleep(22)
        await plant.say(do="input", number=0, on=True)

        async def forced() -> list[dict[str, Any]]:
            alarms = await plant.items("alarms", state="open")
            return [one for one in alarms if one["rule"] == "access_control.forced"]

        [alarm] = await plant.eventually(forced)
        assert alarm["severity"] == "high"

        [panel] = plant.panels()
        await plant.agent.kill()

        async def gone() -> bool:
            return panel not in plant.panels()

        await plant.eventually(gone)
        await plant.agent.start()

        async def one_again() -> bool:
            return len(plant.panels()) == 1

        await plant.eventually(one_again)
        for name, kept in plant.kept().items():
            assert KEY.encode() not in kept, name
            assert b"22136" not in kept, name
