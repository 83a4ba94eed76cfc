"""A line of meters as the polling sees it: identifiers are asked, relays are commanded."""

from collections.abc import Awaitable, Sequence
from types import TracebackType
from typing import Self

from config.ports import Dlt645Port
from edge_agent.clock import Clock
from edge_agent.drivers.base import OnLateResponse, Reply, ignore_late_response
from edge_agent.drivers.dlt645.client import MeterClient
from edge_agent.drivers.dlt645.line import MeterLine
from edge_agent.drivers.dlt645.outstanding import OutstandingRequests
from edge_agent.drivers.dlt645.question import IdentifierQuestion
from edge_agent.drivers.dlt645.relays import Relays
from edge_agent.drivers.link import Link
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import CommandError
from protocols.dlt645.commands import RELAY_BYTES, RelayCommand, relay_request
from protocols.dlt645.requests import Request, read


class MeterDriver:
    """Asks identifiers; see ``Driver`` for what it promises.

    Args:
        client: The line.
        relays: Builds relay commands; None: there are none.
    """

    def __init__(self, client: MeterClient, relays: Relays | None = None) -> None:
        self._client = client
        self._relays = relays
        self.on_late_response: OnLateResponse = ignore_late_response

    async def __aenter__(self) -> Self:
        self._client.on_late_response = self.on_late_response
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, traceback)

    def ask(self, unit: str, question: IdentifierQuestion, *, timeout_s: float) -> Awaitable[Reply]:
        """Read an identifier, follow-on frames included; the reply carries its bytes."""
        return self._client.read(
            unit, question.identifier, timeout_s=timeout_s, edition=question.edition
        )

    async def tell(
        self, unit: str, target: str, values: Sequence[int], *, timeout_s: float
    ) -> Reply:
        """Command the relay; the meter has then taken it, and its status word says what it did."""
        if self._relays is None:
            raise CommandError(f"meter {unit}: {target} cannot be written")
        request = self._relays.request(unit, RelayCommand(values[0]))
        reply = await self._client.command(request, timeout_s=timeout_s)
        return reply._replace(values=values)

    def ask_at(self, unit: str, question: IdentifierQuestion) -> float:
        """When this may be asked without a late answer being taken for its own."""
        return self._client.clear_at(_request(unit, question))

    def ask_afresh_at(self, unit: str, question: IdentifierQuestion) -> float:
        """When this may be asked so that its answer is no older one's."""
        return self._client.fresh_at(_request(unit, question))

    def tell_at(self, unit: str, target: str) -> float:
        """When a relay may be commanded without a late acknowledgement being taken for its own."""
        del target
        return self._client.clear_at(relay_request(unit, bytes(RELAY_BYTES)))


def meter_line(port: Dlt645Port) -> MeterLine:
    """Return how the line of a port is spoken on."""
    return MeterLine(
        baud=port.baud,
        bits=1 + port.character_bits + (port.parity != "N") + port.stop_bits,
        timeout_s=port.timeout_s,
        turnaround_s=port.turnaround_s,
        connect_delay_s=port.connect_delay_s,
        wake_up=port.wake_up,
    )


def meter_client(
    port: Dlt645Port, clock: Clock, *, outstanding: OutstandingRequests | None = None
) -> MeterClient:
    """Return the client of a line of meters; it opens when it is entered."""
    thread = OwnThread()

    async def open_link() -> Link:
        return await open_serial(port, thread)

    return MeterClient(
        open_link=open_link, line=meter_line(port), clock=clock, outstanding=outstanding
    )


def _request(unit: str, question: IdentifierQuestion) -> Request:
    return read(unit, question.identifier, edition=question.edition)
