"""``python -m tests.chaos ROUNDS``: the server is killed at random moments, again and again.

A real broker, a real server, a node that knows which alarms must exist. Afterwards nothing may be
lost or doubled: alarms, escalation steps, messages.
"""

import asyncio
import base64
import random
import secrets
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import yaml

from plantroom.processes import Child, free_port, init_server, plantroom_command
from plantroom.receiver import Receiver
from tests.bench.chain import LOAD_DEVICES, TAGS, _load
from tests.chaos import truth
from tests.chaos.node import Node, now_ms
from tests.chaos.truth import Run, Score, Uptime
from tests.fakes.sparkplug_node import DOUBLE, STRING, PlainNode, Tag
from tests.mosquitto import Mosquitto

DEVICES = 4
"""New ones in each round; each point goes on once, so that there is one truth of each."""
KEPT_ROUNDS = 4
POINTS = list(truth.DELAY_MS)
_WORDS = {"en": "Chaos", "zh": "混乱"}


def _rule(point: str, delay_ms: int) -> dict[str, object]:
    return {
        "name": {"en": point, "zh": "报警"},
        "condition": {"kind": "state", "point": point, "equals": True},
        "severity": "high",
        "cause": point,
        "on_delay_s": delay_ms / 1000,
    }


CLASS = {
    "class": "chaos",
    "name": _WORDS,
    "trade": "heating",
    "points": {point: {"name": _WORDS, "kind": "state"} for point in POINTS},
    "rules": {point: _rule(point, delay) for point, delay in truth.DELAY_MS.items()},
}
PEOPLE = {
    "persons/wang": {"name": "Wang", "channels": [{"channel": "webhook", "address": "chaos"}]},
    "rosters/all": {
        "name": "All",
        "shifts": [{"start": "08:00", "end": "08:00", "persons": ["wang"]}],
    },
    "escalation-policies/chaos": {
        "steps": [{"after_s": 0, "who": ["on_duty"]}, {"after_s": 3, "who": ["person:wang"]}],
        "accept_holes": True,
    },
}


class Chaos:
    """One run."""

    def __init__(self, folder: Path, *, rounds: int, seed: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.random = random.Random(seed)  # noqa: S311 (repeatable, no secret)
        self.runs: list[Run] = []
        self.up = Uptime()
        self.port = free_port()
        self._switches: list[tuple[float, str, str, bool]] = []
        self._onsets: dict[tuple[str, str], int] = {}

    async def run(self) -> dict[str, Score]:
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        receiver = Receiver(secret, now_ms=now_ms)
        async with Mosquitto(self.folder / "broker") as broker, receiver:
            file = self._files(broker.port, receiver.url, secret)
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
            await server.start()
            await self._people(token)
            since = now_ms()
            node = Node(broker.port)
            node.birth()
            load = PlainNode(broker.port, group="load", node="gw")
            stop = threading.Event()
            thread = threading.Thread(target=_load, args=(load, stop, []), daemon=True)
            try:
                _births(load)
                thread.start()
                for number in range(self.rounds):
                    await self._live(node, number, self.random.uniform(0.2, 2.5))
                    await server.kill()
                    self.up.spans.append((since, now_ms()))
                    start = asyncio.create_task(server.start())
                    while not start.done():
                        await self._step(node)
                    await start
                    since = now_ms()
                stop.set()
                await self._drain(node)
            finally:
                stop.set()
                thread.join()
                node.close()
                load.close()
            self.up.spans.append((since, now_ms()))
            await server.stop()
            with truth.open_records(self.folder / "data" / "records.sqlite") as database:
                return {
                    "alarms": truth.alarms(database, self.runs, node.acked, self.up),
                    "steps": truth.steps(database, self.up),
                    "messages": truth.messages(database, receiver.deliveries),
                }

    async def _live(self, node: Node, number: int, seconds: float) -> None:
        """A round: new devices, whose points go on at random and mostly off again."""
        for index in range(DEVICES):
            device = f"r{number}-{index}"
            node.add(device, POINTS)
            begin = time.monotonic()
            for point in POINTS:
                on_s = begin + self.random.uniform(0.05, seconds + 1)
                self._switches.append((on_s, device, point, True))
                lasts = {"trip": (0.5, 6), "slow": (3, 8), "blip": (0.2, 1)}[point]
                if point == "blip" or self.random.random() < 0.6:
                    off_s = on_s + self.random.uniform(*lasts)
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

    async def _drain(self, node: Node) -> None:
        """Let everything arrive and every delay and wait be over."""
        end = time.monotonic() + 30
        repeat = 0.0
        while time.monotonic() < end or ((self._switches or node.unacked) and end > 0):
            await self._step(node)
            if time.monotonic() - repeat > 5 and time.monotonic() < end - 20:
                repeat = time.monotonic()
                node.repeat()
            if time.monotonic() > end + 60:
                break
        for (device, point), onset in self._onsets.items():
            self.runs.append(Run(device, point, onset, None))

    async def _people(self, token: str) -> None:
        url = f"http://127.0.0.1:{self.port}/api/v1/"
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=url, headers=headers) as http:
            for path, body in PEOPLE.items():
                answer = await http.put(path, json=body)
                assert answer.status_code < 300, answer.text

    def _files(self, broker_port: int, url: str, secret: str) -> Path:
        (self.folder / "secret").write_text(secret)
        (self.folder / "password").write_text("correct horse battery")
        (self.folder / "classes").mkdir()
        (self.folder / "classes" / "chaos.yaml").write_text(yaml.safe_dump(CLASS))
        webhook = {"name": "chaos", "url": url, "secret_file": "secret", "allow_private": True}
        settings = {
            "mqtt": {"port": broker_port},
            "http": {"port": self.port},
            "class_files": "classes",
            "alarms": {"flood_starts": 1_000_000},
            "messages": {"webhooks": [webhook], "first_retry_s": 1},
        }
        path = self.folder / "server.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path


def _births(load: PlainNode) -> None:
    load.birth()
    for number in range(LOAD_DEVICES):
        tags = [Tag("Properties/Class", STRING, "electricity_meter")]
        tags += [Tag(f"voltage_{k}", DOUBLE, 230.0) for k in range(TAGS)]
        load.device_birth(f"meter-{number}", tags)


def torture(folder: Path, *, rounds: int, seed: int) -> dict[str, Score]:
    """Run so many rounds and return what was lost, doubled and late."""
    return asyncio.run(Chaos(folder, rounds=rounds, seed=seed).run())


def main(rounds: int) -> int:
    seed = secrets.randbelow(1_000_000)
    print(f"{rounds} rounds, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="plantroom-chaos-") as folder:
        scores = torture(Path(folder), rounds=rounds, seed=seed)
    for name, score in scores.items():
        print(score.line(name))
        for note in score.notes[:20]:
            print(f"    {note}")
    return int(any(score.lost or score.doubled or score.late for score in scores.values()))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
