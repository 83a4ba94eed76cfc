"""One run: the server is killed again and again, while it runs and while it starts."""

import asyncio
import base64
import contextlib
import random
import secrets
import sys
import time
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

import httpx

from plantroom.errors import ChildError
from plantroom.processes import Child, free_port, init_server, plantroom_command
from tests.backing import Backing
from tests.chaos import truth
from tests.chaos.disk import watched_disk
from tests.chaos.node import GROUP, NODE, Node, now_ms
from tests.chaos.operator import Operator
from tests.chaos.plan import PEOPLE, POINTS, write_files
from tests.chaos.receiver import Attempt, FailingReceiver
from tests.chaos.score import Score, Uptime
from tests.chaos.truth import Place, Run, Truth
from tests.e2e.interface import ms
from tests.mosquitto import Mosquitto

DEVICES = 4
"""New ones in each round; each point goes on once, so that there is one truth of each."""
KEPT_ROUNDS = 4
_DRAIN_S = (25.0, 150.0)
"""At least until the last wrong call would have come, at most until the last right one must."""
_VICTIMS = ("server", "store", "both")
_AWAY_S, _WORKS_S = 4.0, 180.0
_STARTS_S = 300.0
"""Longest start of a server on a machine that others use as well."""
_LONG_AGO = "2026-01-01T00:00:00Z"
_LASTS_S = {"trip": (0.5, 6), "slow": (3, 8), "blip": (0.2, 1)}


class Chaos:
    """A broker, a server, a node with a plan, a receiver that fails, somebody who answers."""

    def __init__(
        self, folder: Path, *, rounds: int, seed: int, backing: Backing | None = None
    ) -> None:
        """Prepare; ``backing`` is a store that is killed as well."""
        self.folder = folder
        self.backing = backing
        self.rounds = rounds
        self.random = random.Random(seed)  # noqa: S311 (repeatable, no secret)
        self.runs: list[Run] = []
        self.up = Uptime()
        self.port = free_port()
        self.killed_in_start = 0
        self._away: list[tuple[int, int]] = []
        self._switches: list[tuple[float, str, str, bool]] = []
        self._onsets: dict[tuple[str, str], int] = {}
        self._since = 0
        self._operator: Operator | None = None

    async def run(self) -> dict[str, Score]:
        """Kill for so many rounds, let all arrive, and judge."""
        with contextlib.nullcontext() if self.backing is None else self.backing.running():
            return await self._run({} if self.backing is None else self.backing.settings)

    async def _run(self, stores: dict[str, Any]) -> dict[str, Score]:
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        receiver = FailingReceiver(secret, chance=self._chance(), heard=self._on_call)
        disk = watched_disk(self.folder, self.up.still)
        async with disk, Mosquitto(self.folder / "broker") as broker, receiver:
            file = write_files(
                self.folder,
                broker_port=broker.port,
                http_port=self.port,
                url=receiver.url,
                secret=secret,
                stores=stores,
            )
            token = await init_server(
                file,
                user="admin",
                password_file=self.folder / "password",
                log=self.folder / "init.log",
            )
            server = Child(
                "server",
                plantroom_command("server", "run", str(file)),
                log=self.folder / "server.log",
                ready_event="server_ready",
            )
            node, operator = Node(broker.port), Operator(self.port, token, chance=self._chance())
            self._operator = operator
            # Ten thousand values a second from other devices, or as many as the store can take.
            period_s = "1.0" if "history" in stores else "0.2"
            load = Child(
                "load",
                [sys.executable, "-m", "tests.bench.chain", str(broker.port), period_s],
                log=self.folder / "load.log",
                ready_event="ready",
            )
            async with operator, load:
                try:
                    await self._start(server)
                    await self._people(token)
                    node.birth()
                    for number in range(self.rounds):
                        await self._live(node, number, self.random.uniform(0.2, 2.5))
                        await self._strike(server, node)
                        self._tell(number + 1)
                    receiver.patient = True
                    await self._drain(node, self._truth(node, operator, receiver))
                    stored = await self._stored(token, {key[:2] for key in node.heard})
                finally:
                    node.close()
                    await self._kill(server)
            found = self._truth(node, operator, receiver)
            url = stores.get("records", {}).get(
                "url", f"sqlite:///{self.folder}/data/records.sqlite"
            )
            with truth.open_records(url) as database:
                return {
                    "readings": found.readings(stored),
                    "alarms": found.alarms(database),
                    "steps": found.steps(),
                    "messages": found.messages(database),
                }

    def _truth(self, node: Node, operator: Operator, receiver: FailingReceiver) -> Truth:
        """What is known so far; it goes on by itself."""
        return Truth(
            runs=self.runs,
            heard=node.heard,
            answers=operator.answers,
            attempts=receiver.attempts,
            resent=node.resent,
            up=self.up,
            away=self._away,
        )

    def _tell(self, done: int) -> None:
        if done % max(1, self.rounds // 10) == 0:
            print(f"{done} of {self.rounds} rounds, {len(self.runs)} points on and off", flush=True)

    def _chance(self) -> random.Random:
        return random.Random(self.random.random())  # noqa: S311 (repeatable, no secret)

    def _on_call(self, attempt: Attempt) -> None:
        if self._operator is not None:
            self._operator.on_call(attempt)

    async def _start(self, server: Child) -> None:
        await server.start(timeout_s=_STARTS_S)
        self._since = now_ms()

    async def _kill(self, server: Child) -> None:
        self._end_life()
        await server.kill()

    def _end_life(self) -> None:
        if self._since:
            self.up.spans.append((self._since, now_ms()))
        self._since = 0

    async def _strike(self, server: Child, node: Node) -> None:
        """Kill the server, its store, or both at once; they come back."""
        victim = "server" if self.backing is None else self.random.choice(_VICTIMS)
        if victim != "store":
            await self._kill(server)
        if self.backing is not None and victim != "server":
            self._end_life()
            went = now_ms()
            self.backing.kill()
            patience = time.monotonic() + self.random.uniform(0, _AWAY_S)
            while time.monotonic() < patience:
                await self._step(node)
            await self._meanwhile(node, asyncio.to_thread(self.backing.start))
            self._away.append((went, now_ms()))
        if victim != "store":
            await self._restart(server, node)
        if self.backing is not None:
            self._since = 0
            await self._meanwhile(node, self._works())
            self._since = now_ms()

    async def _meanwhile(self, node: Node, work: Coroutine[Any, Any, None]) -> None:
        """Wait for something; the node goes on."""
        task = asyncio.create_task(work)
        while not task.done():
            await self._step(node)
        await task

    async def _works(self) -> None:
        """Wait until the server and its stores can do everything."""
        async with httpx.AsyncClient() as http, asyncio.timeout(_WORKS_S):
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    answer = await http.get(f"http://127.0.0.1:{self.port}/readyz")
                    if answer.is_success:
                        return
                await asyncio.sleep(0.05)

    async def _restart(self, server: Child, node: Node) -> None:
        """Start it again; one time in three it is killed in the middle of that."""
        if self.random.random() < 1 / 3:
            self.killed_in_start += 1
            patience = time.monotonic() + self.random.uniform(0.05, 2.0)
            start = asyncio.create_task(self._start(server))
            while not start.done() and time.monotonic() < patience:
                await self._step(node)
            await self._kill(server)
            with contextlib.suppress(ChildError):
                await start
            if self._since:
                await self._kill(server)
        await self._meanwhile(node, self._start(server))

    async def _live(self, node: Node, number: int, seconds: float) -> None:
        """A round: new devices, whose points go on at random and mostly off again."""
        for index in range(DEVICES):
            device = f"r{number}-{index}"
            node.add(device, POINTS)
            begin = time.monotonic()
            for point in POINTS:
                on_s = begin + self.random.uniform(0.05, seconds + 1)
                self._switches.append((on_s, device, point, True))
                if point == "blip" or self.random.random() < 0.6:
                    off_s = on_s + self.random.uniform(*_LASTS_S[point])
                    self._switches.append((off_s, device, point, False))
            if number >= KEPT_ROUNDS:
                self._retire(node, f"r{number - KEPT_ROUNDS}-{index}")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self._step(node)

    def _retire(self, node: Node, device: str) -> None:
        """No births any more; a switch that is still to come keeps the device."""
        if not any(switch[1] == device for switch in self._switches):
            node.forget(device)

    async def _step(self, node: Node) -> None:
        now = time.monotonic()
        self._switches.sort()
        while self._switches and self._switches[0][0] <= now:
            _due, device, point, on = self._switches.pop(0)
            at = node.switch(device, point, on=on)
            if on:
                self._onsets[device, point] = at
            else:
                self.runs.append(Run(device, point, self._onsets.pop((device, point)), at))
        node.tick()
        await asyncio.sleep(0.02)

    async def _drain(self, node: Node, found: Truth) -> None:
        """Let everything arrive and every delay and wait be over."""
        least, most = (time.monotonic() + seconds for seconds in _DRAIN_S)
        while self._switches or node.unacked:
            await self._step(node)
        node.repeat()
        for (device, point), onset in self._onsets.items():
            self.runs.append(Run(device, point, onset, None))
        look = 0.0
        while time.monotonic() < most:
            await self._step(node)
            if time.monotonic() > max(least, look):
                look = time.monotonic() + 2
                if not found.missing():
                    return

    async def _stored(self, token: str, places: Iterable[Place]) -> dict[Place, list[int]]:
        """When the readings of each point were taken, as the server gives them."""
        stored: dict[Place, list[int]] = {}
        async with self._client(token) as http:
            for device, point in places:
                key = f"{GROUP}/{NODE}/{device}/{point}"
                asked = {"point": key, "from": _LONG_AGO, "raw": "true"}
                answer = await http.get("readings", params=asked)
                assert answer.is_success, answer.text
                stored[device, point] = [ms(one["taken_at"]) for one in answer.json()["items"]]
        return stored

    def _client(self, token: str) -> httpx.AsyncClient:
        url = f"http://127.0.0.1:{self.port}/api/v1/"
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=url, headers=headers, timeout=30)

    async def _people(self, token: str) -> None:
        async with self._client(token) as http:
            for path, body in PEOPLE.items():
                answer = await http.put(path, json=body)
                assert answer.status_code < 300, answer.text
