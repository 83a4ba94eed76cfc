"""Runs the linkages of a gateway: looks at readings as they come, gives commands, says so."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol
from uuid import uuid4

import structlog

from config.gateway import Gateway, ResolvedDevice
from config.interlock import Place
from config.linkages import LinkedCommand
from edge_agent.clock import Clock
from edge_agent.commands.result import CommandResult, Status
from edge_agent.commands.rules import Command
from edge_agent.errors import CommandError
from edge_agent.health import Health
from edge_agent.linkages.device import PORT, RESET, devices_of
from edge_agent.linkages.linked import Linked
from edge_agent.linkages.state import LinkageState, Memory, State
from edge_agent.linkages.store import LinkageStore
from edge_agent.polling.device import Observer
from edge_agent.polling.sink import ReadingSink
from edge_agent.polling.writes import FinalCheck, Written, no_check
from protocols.reading import Quality, Reading, Value

log = structlog.get_logger()

_LOOK_S: Final = 1.0
"""How often it is looked for what time alone changes, seconds; a refused command likewise."""
_CARRIED_OUT: Final = frozenset({Status.DONE, Status.UNCONFIRMED})


class Commander(Protocol):
    """Carries commands out; CommandService does."""

    async def execute(self, command: Command) -> CommandResult:
        """Execute a command; a refusal is a result, too."""
        ...


class ResultSink(ReadingSink, Protocol):
    """Takes readings, and what became of commands; the uplink does."""

    def publish_result(self, result: CommandResult) -> None:
        """Publish what became of a command, as a reading of its device."""
        ...


class Observable(Protocol):
    """A polled device, as far as linkages need it."""

    latest: dict[str, Reading]
    observer: Observer | None


class PortDevices(Protocol):
    """A port with its devices."""

    @property
    def devices(self) -> Mapping[str, Observable]:
        """Device id to device."""
        ...


class LinkageService:
    """All linkages of the gateway; to commands it is the port of the devices that stand for them.

    Args:
        ports: Port name to its owner; may change while it runs.

    Attributes:
        devices: What stands for each linkage; the same mapping for as long as the agent runs.
        ports: Itself, by the name of their port; likewise.
    """

    def __init__(
        self,
        *,
        ports: Mapping[str, PortDevices],
        sink: ResultSink,
        store: LinkageStore,
        health: Health,
        clock: Clock,
    ) -> None:
        self.devices: dict[str, ResolvedDevice] = {}
        self.ports: Mapping[str, LinkageService] = {PORT: self}
        self._polled = ports
        self._sink = sink
        self._store = store
        self._health = health
        self._clock = clock
        self._memories: dict[str, Memory] = store.load()
        self._linked: dict[str, Linked] = {}
        self._watching: dict[str, list[Linked]] = {}
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._give_to: tuple[Commander, asyncio.TaskGroup] | None = None

    def status(self) -> list[dict[str, object]]:
        """Return what ``/status`` says of each linkage."""
        return [one.status() for one in self._linked.values()]

    async def run(self, commander: Commander) -> None:
        """Look at the time, give commands, keep what is known; for ever."""
        async with asyncio.TaskGroup() as tasks:
            self._give_to = (commander, tasks)
            while True:
                kept = repr(self._memories)
                await self._clock.sleep(_LOOK_S)
                for one in list(self._linked.values()):
                    one.look()
                if repr(self._memories) != kept:
                    await self._store.save(self._memories)

    async def leave(self, gateway: Gateway) -> None:
        """End what is no linkage of this gateway, or another one there; a run ends where it is."""
        wanted = gateway.settings.linkages
        gone = [n for n, one in self._linked.items() if wanted.get(n) != one.state.linkage]
        for name in gone:
            del self._linked[name]
        self._watch()
        tasks = [self._runs[name] for name in gone if name in self._runs]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for name in gone:
            self._health.linkage_known.remove(name)

    async def enter(self, gateway: Gateway) -> None:
        """Take over the linkages of a gateway; the sink knows their devices, the ports run."""
        linkages, stayed = gateway.settings.linkages, self._linked
        self._memories = {name: self._memories.get(name, Memory()) for name in linkages}
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()
        self._linked = {
            name: Linked(
                name,
                stayed[name].state
                if name in stayed
                else LinkageState(linkage, self._memories[name], now_s=now_s, now_ms=now_ms),
                devices=gateway.devices,
                latest=self._latest,
                sink=self._sink,
                health=self._health,
                clock=self._clock,
            )
            for name, linkage in linkages.items()
        }
        known = frozenset(self.devices)
        self.devices.clear()
        self.devices.update(devices_of(linkages))
        for name, one in self._linked.items():
            if name not in known:
                self._sink.device_up(name, now_ms)
            one.look()
        self._watch()
        await self._store.save(self._memories)

    def observe(self, device: str, readings: Sequence[Reading]) -> None:
        """Look at new readings of a device, and begin what they are the cause of."""
        for one in self._watching.get(device, ()):
            before = one.state.state
            if one.take(device, readings):
                self._begin(one)
            elif one.state.state is State.LIMITED and before is not State.LIMITED:
                self._health.linkage_runs.labels(one.name, "limited").inc()
                limit = one.state.linkage.max_runs
                log.error("linkage_limited", linkage=one.name, max_runs=limit)

    def answers(self, device: str) -> bool:
        """Whether there is such a linkage."""
        return device in self._linked

    def latest(self, device: str, point: str) -> Reading | None:
        """Return what was last reported of a linkage."""
        one = self._linked.get(device)
        return one.last_of(point) if one else None

    async def write(
        self,
        device: str,
        point: str,
        value: Value,
        *,
        expires_at: int | None = None,
        watched: Collection[Place] = (),
        final_check: FinalCheck = no_check,
    ) -> Written:
        """Reset a linkage, for a person.

        Raises:
            CommandError: It is not to be reset now.
        """
        del expires_at, watched
        one = self._linked.get(device)
        if one is None or point != RESET or value is not True:
            raise CommandError("expected true: it resets the linkage")
        final_check()
        one.look()
        refusal = one.state.reset()
        if refusal:
            raise CommandError(refusal)
        log.info("linkage_reset", linkage=device, by="command")
        one.report(self._clock.now_ms())
        await self._store.save(self._memories)
        now = Reading(point, value, Quality.GOOD, self._clock.now_ms())
        return Written(None, now, confirmed=True)

    def _latest(self, place: Place) -> Reading | None:
        for port in self._polled.values():
            polled = port.devices.get(place.device)
            if polled is not None:
                return polled.latest.get(place.point)
        return None

    def _watch(self) -> None:
        """Be told of the readings of all devices that conditions look at, and of no others."""
        self._watching = {}
        for one in self._linked.values():
            for device in one.devices:
                self._watching.setdefault(device, []).append(one)
        for port in self._polled.values():
            for name, polled in port.devices.items():
                polled.observer = self.observe if name in self._watching else None

    def _begin(self, one: Linked) -> None:
        if self._give_to is None:
            # The agent is only starting; the next reading says it again.
            return
        commander, tasks = self._give_to
        now_ms = self._clock.now_ms()
        one.state.begin(uuid4().hex, now_s=self._clock.monotonic_s(), now_ms=now_ms)
        log.warning(
            "linkage_runs",
            linkage=one.name,
            armed=not one.state.memory.dry,
            when=one.state.linkage.when,
        )
        one.report(now_ms)
        task = tasks.create_task(self._run(one, commander), name=f"linkage {one.name}")
        self._runs[one.name] = task
        task.add_done_callback(lambda _: self._runs.pop(one.name, None))

    async def _run(self, one: Linked, commander: Commander) -> None:
        memory = one.state.memory
        # On disk before anything goes out: after a restart it is known to have begun.
        await self._store.save(self._memories)
        failed = False
        for number, command in enumerate(one.state.linkage.commands):
            text = f"{command.device}.{command.point} = {command.value}"
            if memory.dry:
                memory.results.append(text)
                continue
            result = await self._give(one, number, command, commander)
            why = f" ({result.reason})" if result.reason else ""
            memory.results.append(f"{text} {result.status.value}{why}")
            if result.status in _CARRIED_OUT:
                continue
            failed = True
            if command.on_failure == "stop":
                break
        self._end(one, failed=failed)
        await self._store.save(self._memories)

    def _end(self, one: Linked, *, failed: bool) -> None:
        now_ms = self._clock.now_ms()
        one.state.finish(failed=failed, now_ms=now_ms)
        memory = one.state.memory
        outcome = "not_armed" if memory.dry else memory.state.value
        self._health.linkage_runs.labels(one.name, outcome).inc()
        say = log.error if failed else log.warning
        say("linkage_ended", linkage=one.name, outcome=outcome, results=list(memory.results))
        # By the object that is there now: the file may have been read again.
        self._linked.get(one.name, one).report(now_ms)

    async def _give(
        self, one: Linked, number: int, wanted: LinkedCommand, commander: Commander
    ) -> CommandResult:
        """Give a command until it went out; what the ledger knows of it already is not repeated."""
        until_s = self._clock.monotonic_s() + one.state.linkage.retry_s
        attempt = 0
        while True:
            now_ms = self._clock.now_ms()
            command = Command(
                id=f"linkage {one.state.memory.run_key} {number}.{attempt}",
                device=wanted.device,
                point=wanted.point,
                value=wanted.value,
                by=f"linkage {one.name}",
                at=now_ms,
                # It waits for its port no longer than its cause is believed; refused, it is given
                # again if the cause is still there.
                expires_at=now_ms + round(1000 * one.longest_age_s),
                why=one.state.linkage.when,
            )
            result = await commander.execute(command)
            if result.status is not Status.REFUSED or not await self._wait_to_repeat(one, until_s):
                self._sink.publish_result(result)
                return result
            attempt += 1

    async def _wait_to_repeat(self, one: Linked, until_s: float) -> bool:
        """Let a second pass, and more while the condition is not known; False: give up."""
        while self._clock.monotonic_s() + _LOOK_S <= until_s:
            await self._clock.sleep(_LOOK_S)
            if one.state.truth is not None:
                return one.state.truth
        return False
