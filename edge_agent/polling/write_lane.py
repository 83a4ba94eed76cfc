"""The write lane of a port: commands in front of all reads, each read back.

Commands for one unit keep their order. While the first of them must wait, for late answers to be
over or to be read back again, the port serves other units and its reads. What a command reads is
never older than the command: its reads wait until no earlier answer could be taken for theirs.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from config.interlock import Place
from edge_agent.clock import Clock
from edge_agent.drivers.base import Driver, Reply, UnitAddress
from edge_agent.drivers.question import Question
from edge_agent.errors import (
    CommandError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)
from edge_agent.polling.bisection import PERMANENT
from edge_agent.polling.device import PolledDevice
from edge_agent.polling.shapes import Shapes
from edge_agent.polling.writes import WriteOrder
from protocols.reading import Reading

Exchange = Callable[[PolledDevice, Awaitable[Reply]], Awaitable[Reply]]
"""Awaits one request and notes its outcome with the unit, as that of a read is."""


class WriteLane:
    """The commands of one port that are not over."""

    def __init__(
        self,
        *,
        driver: Driver,
        devices: Mapping[str, PolledDevice],
        exchange: Exchange,
        shapes: Shapes,
        clock: Clock,
    ) -> None:
        self._driver = driver
        self._devices = devices
        self._exchange = exchange
        self._shapes = shapes
        self._clock = clock
        self._orders: list[WriteOrder] = []

    def add(self, order: WriteOrder) -> None:
        """Queue a command behind those that are there."""
        self._orders.append(order)

    def next(self, now_s: float) -> WriteOrder | None:
        """Return the command to go on with now, None if there is none.

        Those whose unit does not answer any more, and those that are too old, end here.
        """
        waiting: set[UnitAddress] = set()
        for order in list(self._orders):
            unit = order.device.unit
            if self._is_over(order):
                self._orders.remove(order)
            elif unit.number not in waiting:
                if self._ready_at(order) <= now_s:
                    return order
                waiting.add(unit.number)
                for device, block in self._reads(order):
                    self._shapes.reserve(device, block)
        return None

    def wake_at(self) -> float:
        """When ``next`` may have something, monotonic seconds."""
        first = {order.device.unit.number: order for order in reversed(self._orders)}
        return min((self._ready_at(order) for order in first.values()), default=float("inf"))

    def refuse_all(self, error: DriverError) -> None:
        """End every command where it stands."""
        while self._orders:
            self._orders.pop(0).give_up(error)

    async def carry_out(self, order: WriteOrder) -> None:
        """Write, or read back a second time; the outcome goes to the caller of the command.

        Raises:
            PortDownError: The port is lost.
        """
        # It stays in the lane until it is over, so that the end of the port ends it as well.
        try:
            sent = order.acknowledged or await self._send(order)
            over = sent and await self._read_back(order)
        except (DriverError, CommandError) as error:
            if order.wait_for_busy(error, self._clock.monotonic_s()):
                return
            over = True
            order.give_up(error)
            if isinstance(error, PortDownError):
                raise
            if order.sent and isinstance(error, DeviceTimeoutError):
                self._refuse_rest(order, error)
        if over:
            self._orders.remove(order)

    async def _send(self, order: WriteOrder) -> bool:
        """Write; returns False when an answer came between that must be waited for."""
        device = order.device
        order.refuse_if_late(self._clock.now_ms())
        into: Sequence[int] = ()
        if device.planner.needs_own(order.point):
            known = await self._read(device, order.point)
            if known is None:
                return False
            into = known.values
        order.encode(device.planner.encoded(order.point, order.value, into=into))
        for place in order.watched:
            if not await self._refresh(place):
                return False
        order.refuse_if_late(self._clock.now_ms())
        order.final_check()
        order.goes_out(before=device.latest.get(order.point))
        try:
            await self._exchange(device, self._write(order))
        except DriverError as error:
            order.was_answered(error)
        else:
            order.was_answered(None)
        return True

    async def _read_back(self, order: WriteOrder) -> bool:
        """Read back; returns whether that was the last word.

        Many devices answer before they have taken the value over: a register that reads
        otherwise, or not at all, is read once more.
        """
        last = order.read_back_at is not None
        again_s = order.settings.writable.look_again_s if order.settings.writable else 0.0
        try:
            reply = await self._read(order.device, order.point)
        except DriverError as error:
            if last or not again_s or isinstance(error, PortDownError):
                raise
            reason = str(error)
        else:
            if reply is None:
                return False
            order.was_read_back(self._taken(order.device, order.point, reply))
            confirmed = order.reads_back(reply.values)
            reason = "" if confirmed else "the device reads back another value"
        if reason and again_s and not last:
            order.read_back_again(self._clock.monotonic_s() + again_s)
            return False
        order.finish(reason)
        return True

    async def _refresh(self, place: Place) -> bool:
        """Read a point that a condition rests on; returns False when that must wait."""
        device = self._devices[place.device]
        name = f"{place.device}.{place.point}"
        if device.unit.offline:
            raise CommandError(f"{name} is needed for its interlock and does not answer")
        names, deriver = device.parts_of(place.point)
        readings: list[Reading] = []
        try:
            for part in names:
                reply = await self._read(device, part)
                if reply is None:
                    return False
                readings += self._decoded(device, part, reply)
        except PortDownError:
            raise
        except DriverError as error:
            raise CommandError(f"{name} is needed for its interlock: {error}") from error
        device.publish(deriver.take(readings))
        return True

    async def _read(self, device: PolledDevice, name: str) -> Reply | None:
        """Read one point, if need be with registers around it; the reply carries its own.

        None: it must wait, because an older answer could be taken for this one's.
        """
        planner = device.planner
        own = planner.alone(name)
        while (block := self._shapes.fresh(device, own)) is not None:
            timeout_s = device.unit.longest_s + planner.wire_s(block)
            request = self._driver.ask(device.unit.number, block, timeout_s=timeout_s)
            try:
                reply = await self._exchange(device, request)
            except DeviceRefusedError as error:
                if block == own:
                    raise
                now_s, permanent = self._clock.monotonic_s(), error.code in PERMANENT
                device.variants.refused(block, now_s, permanent=permanent)
                continue
            return reply._replace(values=planner.values_of(own, block, reply.values))
        return None

    def _write(self, order: WriteOrder) -> Awaitable[Reply]:
        unit, planner = order.device.unit, order.device.planner
        target = planner.target(order.point)
        # In full: a unit that stores a value permanently is slower than one that is only read.
        timeout_s = unit.longest_s + planner.write_wire_s(target)
        return self._driver.tell(unit.number, target, order.values, timeout_s=timeout_s)

    def _taken(self, device: PolledDevice, name: str, reply: Reply) -> Reading:
        """Publish what was read."""
        (reading,) = self._decoded(device, name, reply)
        device.publish([reading])
        return reading

    def _decoded(self, device: PolledDevice, name: str, reply: Reply) -> list[Reading]:
        planner = device.planner
        return planner.reader(planner.alone(name))(reply.values, reply.at_ms)

    def _ready_at(self, order: WriteOrder) -> float:
        fresh_s = max((self._shapes.fresh_at(*read) for read in self._reads(order)), default=0.0)
        ready_s = max(fresh_s, order.device.unit.busy_until)
        if order.acknowledged:
            return max(order.read_back_at or 0.0, ready_s)
        device, planner = order.device, order.device.planner
        write_s = self._driver.tell_at(device.unit.number, planner.target(order.point))
        # What cannot be read back is not written.
        read_back_s = self._shapes.single_clear_at(device, planner.alone(order.point))
        return max(ready_s, write_s, read_back_s)

    def _reads(self, order: WriteOrder) -> Iterator[tuple[PolledDevice, Question]]:
        """What a command reads next: before it is sent, or to read it back."""
        device, planner = order.device, order.device.planner
        if order.acknowledged or planner.needs_own(order.point):
            yield device, planner.alone(order.point)
        if order.acknowledged:
            return
        for place in order.watched:
            device = self._devices[place.device]
            if not device.unit.offline:
                for name in device.parts_of(place.point)[0]:
                    yield device, device.planner.alone(name)

    def _is_over(self, order: WriteOrder) -> bool:
        try:
            if not order.acknowledged:
                order.refuse_if_late(self._clock.now_ms())
        except CommandError as error:
            order.give_up(error)
        unit = order.device.unit
        if unit.offline:
            order.give_up(DeviceTimeoutError(f"unit {unit.number} does not answer"))
        return order.result.done()

    def _refuse_rest(self, order: WriteOrder, error: DeviceTimeoutError) -> None:
        """The unit was given its full time; others must not wait for it again and again."""
        for other in list(self._orders):
            if other is not order and other.device.unit is order.device.unit:
                self._orders.remove(other)
                other.give_up(CommandError(f"not sent, as the command before: {error}"))
