"""The server is killed while people write to an order: nothing half done, no file left over."""

import asyncio
import hashlib
import os
import random
import secrets
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.e2e.plant import Plant
from tests.e2e.test_plans import ESTATE

ROUNDS, PHOTOS = 3, 4
TWO_HOURS_S = 7200
SITE = "riverside"


def photo() -> bytes:
    made = BytesIO()
    Image.frombytes("RGB", (500, 400), secrets.token_bytes(500 * 400 * 3)).save(made, "PNG")
    return made.getvalue()


class Order:
    """An order that somebody works on, and what the server has confirmed of it."""

    def __init__(self, plant: Plant, number: int) -> None:
        self.plant = plant
        self.path = f"work-orders/{number}"
        self.photos: dict[int, bytes] = {}
        self.steps: list[str] = []
        self.asked: dict[str, int] = {}
        """Order of each key under which a resident's request was posted."""
        self.keys: list[str] = []

    async def add(self) -> None:
        content = photo()
        answer = await self.plant.http.post(
            f"/api/v1/{self.path}/files", params={"name": "leak"}, content=content
        )
        if answer.status_code == 201:
            self.photos[answer.json()["id"]] = content

    async def step(self) -> None:
        """Wait for parts and go on, again and again."""
        while True:
            for verb, body in (("wait", {"reason": "parts"}), ("resume", {})):
                answer = await self.plant.http.post(f"/api/v1/{self.path}/{verb}", json=body)
                if answer.status_code == 200:
                    self.steps.append(answer.json()["state"])

    async def ask(self, key: str) -> None:
        """Take a resident's request under a key; a new room for each, so that none joins."""
        self.keys.append(key)
        answer = await self._post_request(key)
        if answer.status_code == 201:
            self.asked[key] = answer.json()["request"]["work_order_id"]

    async def _post_request(self, key: str) -> httpx.Response:
        where = {"site": SITE, "room": key, "fault": "tap"}
        return await self.plant.http.post(
            "/api/v1/repair-requests",
            json=where | {"name": "Li", "phone": "13912345678"},
            headers={"Idempotency-Key": key},
        )

    async def ask_again(self) -> None:
        """Each key that is posted again gives the order that it made, or makes it now."""
        for key in self.keys:
            answer = await self._post_request(key)
            assert answer.status_code == 201, answer.text
            order = answer.json()["request"]["work_order_id"]
            assert self.asked.setdefault(key, order) == order
        requests = await self.plant.items("repair-requests")
        assert sorted(one["work_order_id"] for one in requests) == sorted(self.asked.values())
        assert len(set(self.asked.values())) == len(self.keys)

    async def check(self) -> None:
        """Every photo that was confirmed is there whole, as is every one that is listed."""
        shown = await self.plant.get(self.path)
        listed = {one["id"]: one for one in shown["files"]}
        assert self.photos.keys() <= listed.keys()
        for number, one in listed.items():
            kept = await self.plant.http.get(f"/api/v1/{self.path}/files/{number}")
            assert (kept.status_code, len(kept.content)) == (200, one["size"])
            assert kept.content == self.photos.get(number, kept.content)
            small = await self.plant.http.get(f"/api/v1/{self.path}/files/{number}/thumbnail")
            assert small.headers["content-type"] == "image/jpeg"
        events: list[dict[str, Any]] = shown["events"]
        assert [one["kind"] for one in events].count("file") == len(listed)
        states = [one["to_state"] for one in events if one["from_state"] != one["to_state"]]
        for before, after in pairwise(events):
            assert after["from_state"] == before["to_state"]
        assert shown["state"] == events[-1]["to_state"]
        # Beyond what was confirmed, each kill may have cut off one answer.
        assert 0 <= len(states) - 2 - len(self.steps) <= ROUNDS


async def test_a_kill_while_people_write_to_an_order_leaves_nothing_half_done(
    tmp_path: Path,
) -> None:
    chance = random.Random(5)  # noqa: S311 (a repeatable test)
    async with Plant(tmp_path, estate=ESTATE) as plant:
        await plant.control(do="leak", unit="leak-1")
        found = await plant.eventually(lambda: plant.items("work-orders"))
        order = Order(plant, found[0]["id"])
        await plant.post(f"{order.path}/accept")
        await order.add()
        for number in range(ROUNDS):
            room = await plant.http.put(f"/api/v1/sites/{SITE}/rooms/room-{number}", json={})
            assert room.status_code == 200, room.text
            work = [asyncio.create_task(order.add()) for _ in range(PHOTOS)]
            work.append(asyncio.create_task(order.step()))
            work.append(asyncio.create_task(order.ask(f"room-{number}")))
            await asyncio.sleep(chance.uniform(0.02, 0.5))
            await plant.server.kill()
            ended = await asyncio.gather(*work, return_exceptions=True)
            assert all(one is None or isinstance(one, httpx.TransportError) for one in ended)
            await plant.server.start()
            await order.check()
            await order.ask_again()
        await _no_file_is_left_over(plant, order)


async def _no_file_is_left_over(plant: Plant, order: Order) -> None:
    """Two hours later a start deletes what no row names."""
    folder = next(plant.folder.rglob("attachments"))
    (folder / f"{'0' * 64}").write_bytes(b"of an upload that was cut off")
    (folder / f"{'1' * 64}.partial").write_bytes(b"half")
    for path in folder.iterdir():
        before = path.stat().st_mtime - TWO_HOURS_S
        os.utime(path, (before, before))
    await plant.server.kill()
    await plant.server.start()
    files = (await plant.get(order.path))["files"]
    digests: set[str] = set()
    for one in files:
        kept = await plant.http.get(f"/api/v1/{order.path}/files/{one['id']}")
        digests.add(hashlib.sha256(kept.content).hexdigest())

    async def swept() -> bool:
        return {path.name.partition(".")[0] for path in folder.iterdir()} == digests

    await plant.eventually(swept)
    await order.check()
