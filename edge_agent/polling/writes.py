"""One command on the wire: write, read back."""

from asyncio import Future
from dataclasses import dataclass
from typing import NamedTuple

from config.points import DataType, Point, Table
from edge_agent.drivers.base import Driver
from edge_agent.errors import CommandError
from edge_agent.polling.convert import compile_block, registers_for
from edge_agent.polling.device import PolledDevice
from edge_agent.polling.plan import Block
from protocols.reading import Reading, Value

_PARTS = frozenset({DataType.BIT, DataType.BITFIELD})


class Written(NamedTuple):
    """What a write did.

    Attributes:
        before: Last reading before it; None if there was none.
        after: Reading made after it.
        confirmed: The register reads back as it was written.
    """

    before: Reading | None
    after: Reading
    confirmed: bool


@dataclass(eq=False, slots=True)
class WriteOrder:
    """A command waiting in the write lane.

    Attributes:
        expires_at: UTC ms after which it must not be carried out; None: never.
    """

    device: PolledDevice
    point: str
    value: Value
    expires_at: int | None
    result: Future[Written]


async def carry_out(driver: Driver, order: WriteOrder, *, now_ms: int, timeout_s: float) -> Written:
    """Write and read back.

    Raises:
        DriverError: The device did not do it, or it is unknown whether it did.
        CommandError: It came too late, or the value has no code in the point's type.
    """
    if order.expires_at is not None and now_ms > order.expires_at:
        raise CommandError("expired")
    device = order.device
    point = device.device.points[order.point]
    unit = device.unit.number
    block = Block(point.table, point.address, point.words, (order.point,))
    into = 0
    if point.type in _PARTS and point.table is Table.HOLDING:
        reply = await driver.read(unit, point.table, point.address, 1, timeout_s=timeout_s)
        into = reply.values[0]
    registers = registers_for(point, order.value, into=into)
    before = device.latest.get(order.point)
    await driver.write(unit, point.table, point.address, registers, timeout_s=timeout_s)
    reply = await driver.read(unit, point.table, point.address, point.words, timeout_s=timeout_s)
    after = compile_block(block, device.device.points)(reply.values, reply.at_ms)[0]
    device.publish([after])
    return Written(before, after, _same(point, registers, list(reply.values)))


def _same(point: Point, written: list[int], read: list[int]) -> bool:
    if point.type in _PARTS and point.bit is not None:
        mask = ((1 << (point.width or 1)) - 1) << point.bit
        return written[0] & mask == read[0] & mask
    return written == read
