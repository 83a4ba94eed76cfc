"""Real sockets, a real line, a real broker client, lost and found again: file handles stay flat.

``python -m tests.soak.handles 30``: an agent process polls a TCP endpoint and a pty and publishes
to a mosquitto. Each round the broker, the equipment or both are killed and started again; when all
is well again the agent's open files and threads are counted.
"""

import asyncio
import json
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from plantroom.processes import Child, free_port, plantroom_command
from simulators.agent_file import addresses_of, agent_file_for, agent_file_text
from simulators.estate import Estate
from tests.bench.measure import rss_mb
from tests.mosquitto import Mosquitto
from tests.patience import PATIENCE_S
from tests.soak.kill import estate

WARM_UP_ROUNDS = 3
MOST_GROWTH_MB = 4.0
DEVICES = 2
STEADY = 6
"""So many looks in a row, a fifth of a second apart, that all say the same."""


class Site:
    """The processes of one site."""

    def __init__(self, folder: Path) -> None:
        plan = estate(folder)
        plan["endpoints"]["lan"]["port"] = free_port()
        (folder / "estate.yaml").write_text(yaml.safe_dump(plan, allow_unicode=True))
        self.broker = Mosquitto(folder / "broker")
        self.equipment = Child(
            "simulator",
            plantroom_command("simulate", "run", str(folder / "estate.yaml")),
            log=folder / "simulator.log",
            ready_event="ready",
        )
        self._plan, self._folder = Estate.model_validate(plan), folder

    def agent(self) -> Child:
        """Return the agent, once the equipment has told its addresses."""
        file = self._folder / "agent.yaml"
        content = agent_file_for(
            self._plan,
            addresses_of(self.equipment.ready),
            mqtt={"port": self.broker.port},
            journal={"path": str(self._folder / "journal.sqlite")},
            status={"port": 0},
        )
        file.write_text(agent_file_text(content))
        command = plantroom_command("agent", "run", str(file))
        return Child("agent", command, log=self._folder / "agent.log", ready_event="agent_ready")


async def run(rounds: int, folder: Path) -> dict[str, Any]:
    """Run the proof in a folder; raises AssertionError when it fails."""
    site = Site(folder)
    samples: list[dict[str, float]] = []
    async with site.broker, site.equipment, site.agent() as agent:
        await _at_rest(agent)
        for number in range(rounds):
            await _cut(site, agent, number)
            sample = await _at_rest(agent)
            if number >= WARM_UP_ROUNDS:
                samples.append(sample)
        published = (await _said(agent, "status"))["uplink"]["published"]
    handles = sorted({sample["handles"] for sample in samples})
    growth_mb = samples[-1]["rss_mb"] - samples[0]["rss_mb"]
    assert handles[-1] == handles[0], f"handles: {samples}"
    assert growth_mb < MOST_GROWTH_MB, f"memory: {samples}"
    return {
        "rounds": rounds,
        "broker_reconnects": sum(number % 3 != 1 for number in range(rounds)),
        "port_reconnects": 2 * sum(number % 3 != 0 for number in range(rounds)),
        "messages": published,
        "handles": handles[-1],
        "threads": samples[-1]["threads"],
        "rss_growth_mb": round(growth_mb, 2),
    }


async def _cut(site: Site, agent: Child, number: int) -> None:
    """Kill the broker, the equipment, or both; start what was killed when the agent has noticed.

    An agent that gets no processor meanwhile would find a broker that ends its connections and is
    there all the same, as one does that another client takes over.
    """
    broker, equipment = number % 3 != 1, number % 3 != 0
    if broker:
        await site.broker.kill()
    if equipment:
        await site.equipment.kill()
    async with asyncio.timeout(PATIENCE_S):
        while not _noticed(await _said(agent, "healthz"), broker=broker, equipment=equipment):
            await asyncio.sleep(0.1)
    if broker:
        await site.broker.start()
    if equipment:
        await site.equipment.start()


def _noticed(health: dict[str, Any], *, broker: bool, equipment: bool) -> bool:
    """Whether an attempt to connect has failed, and all devices are down."""
    if broker and "refused" not in health["problem"].lower():
        return False
    return not equipment or len(health["devices_down"]) == DEVICES


async def _said(agent: Child, page: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:{agent.ready['status_port']}/{page}"
    return await asyncio.to_thread(_fetch, url)


def _fetch(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 (loopback)
        return json.load(answer)


async def _at_rest(agent: Child) -> dict[str, float]:
    """Count when all has been well for a second and the same is open all the time.

    A first "ok" says little: the agent may not have noticed yet that a peer is gone.
    """
    looks: list[dict[str, float]] = []
    seen: list[Any] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(looks) < STEADY:
                await asyncio.sleep(0.2)
                look = _sample(agent)
                health = await _said(agent, "healthz")
                seen = [*seen[-2:], (look, health)]
                if health["status"] != "ok" or (looks and looks[-1]["handles"] != look["handles"]):
                    looks.clear()
                if health["status"] == "ok":
                    looks.append(look)
    except TimeoutError:
        raise AssertionError(f"never at rest: {seen}") from None
    return looks[-1]


def _sample(agent: Child) -> dict[str, float]:
    process = Path(f"/proc/{agent.pid}")
    return {
        "handles": sum(1 for _ in (process / "fd").iterdir()),
        "threads": sum(1 for _ in (process / "task").iterdir()),
        "rss_mb": round(rss_mb(agent.pid), 2),
    }


def main(rounds: int) -> None:
    """Run and print the figures."""
    with tempfile.TemporaryDirectory(prefix="plantroom-handles-") as folder:
        print(json.dumps(asyncio.run(run(rounds, Path(folder))), indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
