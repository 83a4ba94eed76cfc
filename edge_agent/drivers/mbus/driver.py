"""An M-Bus as the polling sees it: slaves are asked for all that they have to say."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from config.meter_ports import MbusPort
from edge_agent.clock import Clock
from edge_agent.drivers.base import OnLateResponse, Reply, UnitAddress, ignore_late_response
from edge_agent.drivers.frame_client import FrameDriver
from edge_agent.drivers.frame_outstanding import OutstandingRequests
from edge_agent.drivers.line_opener import line_opener
from edge_agent.drivers.mbus.client import MbusClient, SlaveReading
from edge_agent.drivers.mbus.line import mbus_line
from edge_agent.drivers.mbus.question import RecordsQuestion
from edge_agent.errors import CommandError
from protocols.mbus.addresses import SecondaryAddress, parse_secondary
from protocols.mbus.frames import Frame
from protocols.mbus.quantities import STATUS
from protocols.mbus.record import Function, Record


class MbusDriver(FrameDriver[MbusClient]):
    """Asks slaves; see ``Driver`` for what it promises.

    What cannot be decoded is told once, with its bytes, until it can be decoded again.

    Args:
        client: The line.
    """

    def __init__(self, client: MbusClient) -> None:
        super().__init__(client)
        self._log = structlog.get_logger()
        self._told: dict[UnitAddress, frozenset[str]] = {}

    async def ask(self, unit: UnitAddress, question: RecordsQuestion, *, timeout_s: float) -> Reply:
        """Read all telegrams; the reply carries their records, none of what is undecodable."""
        # Whoever asks counts the bytes of all requests and answers, which come one by one.
        patience_s = timeout_s - question.wire_s
        slave = slave_of(unit)
        reading = await self._client.read(slave, timeout_s=patience_s, reset=question.reset)
        problems = {_name(one): one.problem for one in reading.records if one.problem}
        self._tell(unit, problems | ({"telegram": reading.problem} if reading.problem else {}))
        return Reply(records_of(reading), reading.at_ms, reading.took_s)

    async def tell(
        self, unit: UnitAddress, target: str, values: Sequence[int], *, timeout_s: float
    ) -> Reply:
        """Refuse: no point of a slave is written."""
        del values, timeout_s
        raise CommandError(f"slave {unit}: {target} cannot be written")

    def ask_at(self, unit: UnitAddress, question: RecordsQuestion) -> float:
        """When this may be asked without a late answer being taken for its own."""
        del question
        return self._client.clear_at(slave_of(unit))

    def ask_afresh_at(self, unit: UnitAddress, question: RecordsQuestion) -> float:
        """When this may be asked so that its answer is no older one's."""
        del question
        return self._client.clear_at(slave_of(unit), afresh=True)

    def tell_at(self, unit: UnitAddress, target: str) -> float:
        """When this may be written: never."""
        del unit, target
        return 0.0

    def _tell(self, unit: UnitAddress, problems: dict[str, str]) -> None:
        before, now = self._told.get(unit, frozenset()), frozenset(problems)
        for name in sorted(now - before):
            self._log.warning("record_undecodable", unit=unit, record=name, problem=problems[name])
        if now != before:
            self._told[unit] = now


def slave_of(unit: UnitAddress) -> int | SecondaryAddress:
    """Return the address of a device: primary is a number, secondary are digits."""
    return unit if isinstance(unit, int) else parse_secondary(unit)


def records_of(reading: SlaveReading) -> tuple[Record, ...]:
    """Return the records, and the status byte of the header as one."""
    if reading.header is None:
        return reading.records
    status = reading.header.status
    return (*reading.records, Record(0, 0, 0, Function.INSTANTANEOUS, STATUS, "", status))


def _name(record: Record) -> str:
    parts = (record.quantity, record.vif, record.function, record.storage, record.tariff)
    return " ".join(map(str, parts))


def mbus_client(
    port: MbusPort,
    clock: Clock,
    *,
    outstanding: OutstandingRequests[Frame] | None = None,
    on_late_response: OnLateResponse = ignore_late_response,
    searching: bool = False,
) -> MbusClient:
    """Return the client of a line of slaves; it opens when it is entered.

    Args:
        port: Its settings.
        clock: Time.
        outstanding: Requests of this line's earlier users that may still be answered.
        on_late_response: Told of late responses.
        searching: That nobody answers says nothing about the connection.
    """
    line = mbus_line(port)
    return MbusClient(
        open_link=line_opener(port),
        clock=clock,
        line=replace(line, renewable=line.renewable and not searching),
        outstanding=outstanding,
        on_late_response=on_late_response,
    )
