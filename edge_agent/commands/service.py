"""Carries commands out, once each, and says what became of them."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol
from uuid import uuid4

import structlog

from config.gateway import ResolvedDevice
from config.interlock import Place
from config.point_kinds import AnyPoint
from config.writable import Writable
from edge_agent.clock import Clock
from edge_agent.commands.interlocks import Guard
from edge_agent.commands.ledger import Ledger
from edge_agent.commands.result import CommandResult, Status
from edge_agent.commands.rules import Command, check, expiry
from edge_agent.errors import CommandError, DriverError
from edge_agent.health import Health
from edge_agent.polling.writes import FinalCheck, Written, no_check
from protocols.reading import Reading, Value


class Writer(Protocol):
    """The port of a device, as far as commands need it."""

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
        """Write in front of all reads, if ``final_check`` lets it, and read back."""
        ...

    def answers(self, device: str) -> bool:
        """Whether the device is worth asking now."""
        ...

    def latest(self, device: str, point: str) -> Reading | None:
        """Return the last reading of a point, reported or not."""
        ...


class _Running(NamedTuple):
    """A command under way and where its result will be."""

    command: Command
    result: asyncio.Future[CommandResult]


_OTHER = "this key was given before, for another point or value"


class CommandService:
    """Carries commands out through the ports' write lanes.

    Args:
        devices: All devices of the gateway, by id; may change while it runs.
        ports: Port name to its owner; likewise.
        ledger: Remembers keys over restarts.
    """

    def __init__(
        self,
        *,
        devices: Mapping[str, ResolvedDevice],
        ports: Mapping[str, Writer],
        ledger: Ledger,
        health: Health,
        clock: Clock,
    ) -> None:
        self._devices = devices
        self._ports = ports
        self._ledger = ledger
        self._health = health
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._moving: Counter[Place] = Counter()
        self._last_s: dict[Place, float] = {}

    async def execute(self, command: Command) -> CommandResult:
        """Carry a command out; never raises for what is wrong with it or with the device.

        A key that was seen before gives the result of its first use, also while that is running
        and after a restart; for another point or value it is refused.
        """
        if not command.id:
            # It cannot be given again, but its pace is remembered like that of any other.
            outcome = await self._once(command._replace(id=f"unkeyed {uuid4()}"))
            return outcome._replace(id="")
        await self._ledger.ready()
        running = self._running.get(command.id)
        known = self._ledger.find(command.id)
        if running is not None:
            if not _same(
                command, running.command.device, running.command.point, running.command.value
            ):
                return self._count(self._result(command, Status.REFUSED, _OTHER))
            return await asyncio.shield(running.result)
        if known is not None:
            if not _same(command, known.device, known.point, known.asked):
                return self._count(self._result(command, Status.REFUSED, _OTHER))
            return known
        return await self._once(command)

    async def refuse(self, command: Command, reason: str) -> CommandResult:
        """Refuse a command for good, unless its key is known already; then as ``execute``.

        For good: the same key, sent again before the answer was heard, must not be carried out.
        """
        await self._ledger.ready()
        if command.id in self._running or (command.id and self._ledger.find(command.id)):
            return await self.execute(command)
        outcome = self._count(self._result(command, Status.REFUSED, reason))
        if command.id:
            await self._ledger.finish(outcome)
        return outcome

    async def _once(self, command: Command) -> CommandResult:
        result: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        self._running[command.id] = _Running(command, result)
        try:
            outcome = await self._execute(command)
            await self._ledger.finish(outcome)
            result.set_result(outcome)
        finally:
            del self._running[command.id]
            result.cancel()
        return outcome

    async def _execute(self, command: Command) -> CommandResult:
        return self._count(await self._outcome(command))

    def _count(self, outcome: CommandResult) -> CommandResult:
        self._health.commands.labels(outcome.status.value).inc()
        structlog.get_logger().info("command", **_logged(outcome))
        return outcome

    async def _outcome(self, command: Command) -> CommandResult:
        try:
            written = await self._carry_out(command)
        except CommandError as error:
            return self._result(command, Status.REFUSED, str(error))
        except DriverError as error:
            return self._result(command, Status.FAILED, str(error))
        status = Status.DONE if written.confirmed else Status.UNCONFIRMED
        return self._result(command, status, written.reason, written)

    async def _carry_out(self, command: Command) -> Written:
        """Check everything, then write and read back.

        Raises:
            CommandError: It must not be carried out, or was not.
            DriverError: It is unknown whether the device did it.
        """
        device, point, allowed = self._wanted(command)
        value = check(command, point, self._clock.now_ms())
        port = self._ports.get(device.port)
        if port is None or not port.answers(device.id):
            raise CommandError("the device does not answer")
        place = Place(device.id, command.point)
        guard = Guard.of(device.id, point, self._devices)
        others = {one.id for one in self._devices.values() if one.port != device.port}

        def final_check() -> None:
            refusal = guard.refusal(
                self._latest,
                lambda watched: watched.device in others and self._moving[watched] > 0,
                self._clock.now_ms(),
            )
            if refusal:
                raise CommandError(refusal)
            self._keep_pace(place, allowed)

        self._restore_pace(place)
        self._moving[place] += 1
        try:
            await self._ledger.begin(command, self._clock.now_ms())
            return await port.write(
                device.id,
                command.point,
                value,
                expires_at=expiry(command, allowed),
                watched=guard.places,
                final_check=final_check,
            )
        finally:
            self._moving[place] -= 1

    def _wanted(self, command: Command) -> tuple[ResolvedDevice, AnyPoint, Writable]:
        device = self._devices.get(command.device)
        if device is None:
            raise CommandError("there is no such device")
        point = device.points.get(command.point)
        if point is None and command.point in device.computed:
            raise CommandError("the point is computed, and read only")
        if point is None:
            raise CommandError("the device has no such point")
        if point.writable is None:
            raise CommandError("the point is read only")
        return device, point, point.writable

    def _keep_pace(self, place: Place, allowed: Writable) -> None:
        now_s = self._clock.monotonic_s()
        wait_s = self._last_s.get(place, float("-inf")) + allowed.min_interval_s - now_s
        if wait_s > 0:
            raise CommandError(f"too soon after the command before; again in {wait_s:.1f} s")
        self._last_s[place] = now_s

    def _restore_pace(self, place: Place) -> None:
        """Take over when the point was commanded last before this process began."""
        if place in self._last_s:
            return
        at = self._ledger.last_at(place)
        age_s = float("inf") if at is None else (self._clock.now_ms() - at) / 1000
        # An age below nothing is a clock that was set: it says nothing.
        self._last_s[place] = self._clock.monotonic_s() - (age_s if age_s >= 0 else float("inf"))

    def _latest(self, place: Place) -> Reading | None:
        device = self._devices.get(place.device)
        port = self._ports.get(device.port) if device else None
        return None if port is None else port.latest(place.device, place.point)

    def _result(
        self, command: Command, status: Status, reason: str, written: Written | None = None
    ) -> CommandResult:
        before = written.before if written else self._before(command)
        return CommandResult(
            id=command.id,
            device=command.device,
            point=command.point,
            status=status,
            reason=reason,
            before=before.value if before else None,
            asked=command.value,
            after=written.after.value if written and written.after else None,
            by=command.by,
            at=self._clock.now_ms(),
            why=command.why,
            before_at=before.taken_at if before else None,
        )

    def _before(self, command: Command) -> Reading | None:
        device = self._devices.get(command.device)
        known = device is not None and command.point in device.reported
        return self._latest(Place(command.device, command.point)) if known else None


def _same(command: Command, device: str, point: str, value: Value) -> bool:
    return (command.device, command.point, command.value) == (device, point, value)


def _logged(outcome: CommandResult) -> dict[str, object]:
    return {**outcome._asdict(), "status": outcome.status.value}
