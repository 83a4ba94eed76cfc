"""Carries commands out, once each, and says what became of them."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

import structlog

from config.resolve import ResolvedDevice
from edge_agent.clock import Clock
from edge_agent.commands.rules import Command, check
from edge_agent.errors import CommandError, DeviceRefusedError, DriverError
from edge_agent.health import Health
from edge_agent.polling.writes import Written
from protocols.reading import Value

_REMEMBERED = 1000


class Status(StrEnum):
    """What became of a command."""

    DONE = "done"
    """Written, and it reads back as written."""
    UNCONFIRMED = "unconfirmed"
    """The device accepted it, but it reads back otherwise (a push button, a limit inside it)."""
    REFUSED = "refused"
    """Not carried out: a rule, an expiry, a unit that is down, or the device says no."""
    FAILED = "failed"
    """It went out, and it is unknown whether the device did it."""


class CommandResult(NamedTuple):
    """What became of a command, for the record.

    Attributes:
        reason: Why it is not done, in words; empty when it is.
        before: The last value read before; None if there was none.
        asked: The value that was asked for.
        after: The value read back; None if nothing was written.
        at: UTC ms at which this was known.
    """

    id: str
    device: str
    point: str
    status: Status
    reason: str
    before: Value
    asked: Value
    after: Value
    by: str
    at: int


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


class CommandService:
    """Carries commands out through the ports' write lanes.

    Args:
        devices: All devices of the gateway, by id.
        ports: Port name to its owner.
    """

    def __init__(
        self,
        *,
        devices: Mapping[str, ResolvedDevice],
        ports: Mapping[str, Writer],
        health: Health,
        clock: Clock,
    ) -> None:
        self._devices = devices
        self._ports = ports
        self._health = health
        self._clock = clock
        self._known: OrderedDict[str, asyncio.Future[CommandResult]] = OrderedDict()

    async def execute(self, command: Command) -> CommandResult:
        """Carry a command out; never raises for what is wrong with it or with the device.

        A key that was seen before gives the result of its first use, also while that is running.
        """
        known = self._known.get(command.id) if command.id else None
        if known is not None:
            return await asyncio.shield(known)
        result: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        if command.id:
            self._remember(command.id, result)
        try:
            outcome = await self._outcome(command)
        except asyncio.CancelledError:
            self._known.pop(command.id, None)
            result.cancel()
            raise
        result.set_result(outcome)
        self._health.commands.labels(outcome.status.value).inc()
        structlog.get_logger().info("command", **_logged(outcome))
        return outcome

    def _remember(self, key: str, result: "asyncio.Future[CommandResult]") -> None:
        self._known[key] = result
        while len(self._known) > _REMEMBERED:
            oldest = next(iter(self._known))
            if not self._known[oldest].done():
                break
            del self._known[oldest]

    async def _outcome(self, command: Command) -> CommandResult:
        device = self._devices.get(command.device)
        if device is None:
            return self._result(command, Status.REFUSED, "there is no such device")
        point = device.points.get(command.point)
        if point is None:
            return self._result(command, Status.REFUSED, "the device has no such point")
        port = self._ports[device.port]
        try:
            value = check(command, point, self._clock.now_ms())
            if not port.answers(device.id):
                return self._result(command, Status.REFUSED, "the device does not answer")
            written = await port.write(
                device.id, command.point, value, expires_at=command.expires_at
            )
        except (CommandError, DeviceRefusedError) as error:
            return self._result(command, Status.REFUSED, str(error))
        except DriverError as error:
            return self._result(command, Status.FAILED, str(error))
        status = Status.DONE if written.confirmed else Status.UNCONFIRMED
        reason = "" if written.confirmed else "the device reads back another value"
        return self._result(command, status, reason, written)

    def _result(
        self, command: Command, status: Status, reason: str, written: Written | None = None
    ) -> CommandResult:
        before = written.before.value if written and written.before else None
        return CommandResult(
            id=command.id,
            device=command.device,
            point=command.point,
            status=status,
            reason=reason,
            before=before,
            asked=command.value,
            after=written.after.value if written else None,
            by=command.by,
            at=self._clock.now_ms(),
        )


def _logged(outcome: CommandResult) -> dict[str, object]:
    return {**outcome._asdict(), "status": outcome.status.value}
