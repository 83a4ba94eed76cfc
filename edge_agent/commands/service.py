"""Carries commands out, once each, and says what became of them."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from config.interlock import Place
from config.points import Point, Writable
from config.resolve import ResolvedDevice
from edge_agent.clock import Clock
from edge_agent.commands.interlocks import interlock_refusal
from edge_agent.commands.ledger import Ledger
from edge_agent.commands.result import CommandResult, Status
from edge_agent.commands.rules import Command, check, expiry
from edge_agent.errors import CommandError, DeviceRefusedError, DriverError
from edge_agent.health import Health
from edge_agent.polling.writes import Written
from protocols.reading import Reading, Value


class Writer(Protocol):
    """The port of a device, as far as commands need it."""

    async def write(
        self, device: str, point: str, value: Value, *, expires_at: int | None = None
    ) -> Written:
        """Write in front of all reads, and read back."""
        ...

    def answers(self, device: str) -> bool:
        """Whether the device is worth asking now."""
        ...

    def latest(self, device: str, point: str) -> Reading | None:
        """Return the last reading of a point, reported or not."""
        ...


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
        self._running: dict[str, asyncio.Future[CommandResult]] = {}
        self._last_s: dict[Place, float] = {}

    async def execute(self, command: Command) -> CommandResult:
        """Carry a command out; never raises for what is wrong with it or with the device.

        A key that was seen before gives the result of its first use, also while that is running
        and after a restart.
        """
        if not command.id:
            return await self._execute(command)
        known = self._ledger.recall(command.id)
        running = self._running.get(command.id)
        if running is not None:
            return await asyncio.shield(running)
        if known is not None:
            return known
        result: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        self._running[command.id] = result
        try:
            outcome = await self._execute(command)
            await self._ledger.finish(outcome)
            result.set_result(outcome)
        finally:
            del self._running[command.id]
            result.cancel()
        return outcome

    async def _execute(self, command: Command) -> CommandResult:
        outcome = await self._outcome(command)
        self._health.commands.labels(outcome.status.value).inc()
        structlog.get_logger().info("command", **_logged(outcome))
        return outcome

    async def _outcome(self, command: Command) -> CommandResult:
        try:
            written = await self._carry_out(command)
        except (CommandError, DeviceRefusedError) as error:
            return self._result(command, Status.REFUSED, str(error))
        except DriverError as error:
            return self._result(command, Status.FAILED, str(error))
        status = Status.DONE if written.confirmed else Status.UNCONFIRMED
        reason = "" if written.confirmed else "the device reads back another value"
        return self._result(command, status, reason, written)

    async def _carry_out(self, command: Command) -> Written:
        """Check everything, then write and read back.

        Raises:
            CommandError: It must not be carried out.
            DriverError: The device or the port could not do it.
        """
        device, point, allowed = self._wanted(command)
        value = check(command, point, self._clock.now_ms())
        port = self._ports.get(device.port)
        if port is None or not port.answers(device.id):
            raise CommandError("the device does not answer")
        refusal = interlock_refusal(
            device.id,
            point,
            devices=self._devices,
            latest=self._latest,
            now_ms=self._clock.now_ms(),
        )
        if refusal:
            raise CommandError(refusal)
        self._keep_pace(Place(device.id, command.point), allowed)
        if command.id:
            await self._ledger.begin(command, self._clock.now_ms())
        return await port.write(
            device.id, command.point, value, expires_at=expiry(command, allowed)
        )

    def _wanted(self, command: Command) -> tuple[ResolvedDevice, Point, Writable]:
        device = self._devices.get(command.device)
        if device is None:
            raise CommandError("there is no such device")
        point = device.points.get(command.point)
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

    def _latest(self, place: Place) -> Reading | None:
        port = self._ports.get(self._devices[place.device].port)
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
            after=written.after.value if written else None,
            by=command.by,
            at=self._clock.now_ms(),
            why=command.why,
        )

    def _before(self, command: Command) -> Reading | None:
        device = self._devices.get(command.device)
        known = device is not None and command.point in device.points
        return self._latest(Place(command.device, command.point)) if known else None


def _logged(outcome: CommandResult) -> dict[str, object]:
    return {**outcome._asdict(), "status": outcome.status.value}
