"""A connection to units of registers; what every protocol with registers implements."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from config.points import Table
from edge_agent.drivers.base import Driver, Reply
from edge_agent.drivers.registers.plan import Block
from edge_agent.drivers.registers.planner import RegisterTarget
from edge_agent.errors import DeviceRefusedError, DriverError
from protocols.modbus import limits


class RegisterDriver(Driver, Protocol):
    """Asks blocks, and writes targets, in terms of registers."""

    def ask(self, unit: int, question: Block, *, timeout_s: float) -> Awaitable[Reply]:
        """Read a block."""
        return self.read(unit, question.table, question.address, question.size, timeout_s=timeout_s)

    async def tell(
        self, unit: int, target: RegisterTarget, values: Sequence[int], *, timeout_s: float
    ) -> Reply:
        """Write registers or coils; first the key that unlocks them, if there is one."""
        if target.unlock is not None:
            await self._unlock(unit, *target.unlock, timeout_s=timeout_s)
        return await self.write(
            unit,
            target.table,
            target.address,
            values,
            timeout_s=timeout_s,
            multiple=target.multiple,
        )

    async def _unlock(self, unit: int, address: int, key: int, *, timeout_s: float) -> None:
        try:
            await self.write(unit, Table.HOLDING, address, [key], timeout_s=timeout_s)
        except DriverError as error:
            # "Accepted, and not finished" is an answer; else what it unlocks is not sent.
            if isinstance(error, DeviceRefusedError) and error.code == limits.ACKNOWLEDGE:
                return
            error.went_out = False
            raise

    def ask_at(self, unit: int, question: Block) -> float:
        """When a block may be read; as ``clear_at``."""
        return self.clear_at(unit, question.table, question.address, question.size)

    def ask_afresh_at(self, unit: int, question: Block) -> float:
        """When a block may be read afresh; as ``fresh_at``."""
        return self.fresh_at(unit, question.table, question.address, question.size)

    def tell_at(self, unit: int, target: RegisterTarget) -> float:
        """When a target may be written; as ``clear_to_write_at``."""
        own_s = self.clear_to_write_at(
            unit, target.table, target.address, target.size, multiple=target.multiple
        )
        if target.unlock is None:
            return own_s
        return max(own_s, self.clear_to_write_at(unit, Table.HOLDING, target.unlock[0], 1))

    async def read(
        self, unit: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> Reply:
        """Ask for ``count`` registers or bits from the 0-based ``address``."""
        ...

    async def write(
        self,
        unit: int,
        table: Table,
        address: int,
        values: Sequence[int],
        *,
        timeout_s: float,
        multiple: bool = False,
    ) -> Reply:
        """Write registers or bits; the reply carries what was written.

        Args:
            unit: 1..247; 0..255 on Modbus TCP.
            table: Holding registers or coils.
            address: Of the first, 0-based.
            values: Registers 0..65535, or bits 0 and 1.
            timeout_s: Longest wait for the response, seconds.
            multiple: Use function 15 or 16 for a single value as well.
        """
        ...

    def clear_at(self, unit: int, table: Table, address: int, count: int) -> float:
        """When this may be asked without a late reply being taken for its answer.

        Monotonic seconds, in the past when it may be asked now. Asking sooner waits, for three
        timeouts at most.
        """
        ...

    def fresh_at(self, unit: int, table: Table, address: int, count: int) -> float:
        """When this may be asked so that its answer is no older one's.

        As ``clear_at``; but while an answer to the same request is outstanding as well, which
        would carry the same registers as they were when they were first asked for.
        """
        ...

    def clear_to_write_at(
        self, unit: int, table: Table, address: int, count: int, *, multiple: bool = False
    ) -> float:
        """When this may be written without a late echo being taken for its own.

        As ``clear_at``, for a ``write``.
        """
        ...
