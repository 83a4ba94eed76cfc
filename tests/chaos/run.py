"""One run: the server is killed again and again, while it runs and while it starts."""

import asyncio
import base64
import contextlib
import random
import secrets
import sys
import time
from pathlib import Path

import httpx

from plantroom.errors import ChildError
from plantroom.processes import Child, free_port, init_server, plantroom_command
from tests.chaos import truth
from tests.chaos.disk import watched_disk
from tests.chaos.node import Node, now_ms
from tests.chaos.operator import Operator
from tests.chaos.plan import PEOPLE, POINTS, write_files
from tests.chaos.receiver import Attempt, FailingReceiver
from tests.chaos.score import Score, Uptime
from tests.chaos.truth import Run, Truth
from tests.mosquitto import Mosquitto

DEVICES = 4
"""New ones in each round; each point goes on once, so that there is one truth of each."""
KEPT_ROUNDS = 4
_DRAIN_S = (25.0, 150.0)
"""At least until the last wrong call would have come, at most until the last right one must."""
_LASTS_S = {"trip": (0.5, 6), "slow": (3, 8), "blip": (0.2, 1)}


class Chaos:
    """A broker, a server, a node with a plan, a receiver that fails, somebody who answers."""

    def __init__(self, folder: Path, *, rounds: int, seed: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.random = random.Random(seed)  # noqa: S311 (repeatable, no secret)
        self.runs: list[Run] = []
        self.up = Uptime()
        self.port = free_port()
        self.killed_in_start = 0
        self._switches: list[tuple[float, str, str, bool]] = []
        self._onsets: dict[tuple[str, str], int] = {}
        self._since = 0
        self._operator: Operator | None = None

    async def run(self) -> dict[str, Score]:
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
            # Ten thousand values a second from other devices.
            load = Child(
                "load",
                [sys.executable, "-m", "tests.bench.chain", str(broker.port)],
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
                        await self._kill(server)
                        await self._restart(server, node)
                        self._tell(number + 1)
                    receiver.patient = True
                    await self._drain(node, self._truth(node, operator, receiver))
                finally:
                    node.close()
                    await self._kill(server)
            found = self._truth(node, operator, receiver)
            with truth.open_records(self.folder / "data" / "records.sqlite") as database:
                return {
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
        await server.start()
        self._since = now_ms()

    async def _kill(self, server: Child) -> None:
        at = now_ms()
        if self._since:
            self.up.spans.append((self._since, at))
        self._since = 0
        await server.kill()

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
        start = asyncio.create_task(self._start(server))
        while not start.done():
            await self._step(node)
        await start

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

    async def _people(self, token: str) -> None:
        url = f"http://127.0.0.1:{self.port}/api/v1/"
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=url, headers=headers) as http:
            for path, body in PEOPLE.items():
                answer = await http.put(path, json=body)
                assert answer.status_code < 300, answer.text
