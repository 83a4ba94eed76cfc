"""A line of meters as the polling sees it: identifiers are asked, relays are commanded."""

from collections.abc import Awaitable, Sequence
from dataclasses import replace

from config.meter_ports import Dlt645Port
from edge_agent.clock import Clock
from edge_agent.drivers.base import OnLateResponse, Reply, ignore_late_response
from edge_agent.drivers.dlt645.client import MeterClient
from edge_agent.drivers.dlt645.line import meter_line
from edge_agent.drivers.dlt645.question import IdentifierQuestion
from edge_agent.drivers.dlt645.relays import Relays
from edge_agent.drivers.dlt645.targets import Broadcast, RelayTarget
from edge_agent.drivers.frame_client import FrameDriver
from edge_agent.drivers.frame_outstanding import OutstandingRequests
from edge_agent.drivers.line_opener import line_opener
from edge_agent.drivers.link import OpenLink
from edge_agent.errors import CommandError
from protocols.dlt645.commands import RELAY_BYTES, RelayCommand, relay_request
from protocols.dlt645.frames import Frame
from protocols.dlt645.requests import Request, read


class MeterDriver(FrameDriver[MeterClient]):
    """Asks identifiers; see ``Driver`` for what it promises.

    Args:
        client: The line.
        relays: Builds relay commands; None: there are none.
    """

    def __init__(self, client: MeterClient, relays: Relays | None = None) -> None:
        super().__init__(client)
        self._relays = relays

    def ask(self, unit: str, question: IdentifierQuestion, *, timeout_s: float) -> Awaitable[Reply]:
        """Read an identifier, follow-on frames included; the reply carries its bytes."""
        return self._client.read(
            unit, question.identifier, timeout_s=timeout_s, edition=question.edition
        )

    async def tell(
        self, unit: str, target: RelayTarget | Broadcast, values: Sequence[int], *, timeout_s: float
    ) -> Reply:
        """Command the relay, or send all meters what none answers.

        The meter has then taken the command, and its status word says what it did.
        """
        if isinstance(target, Broadcast):
            return await self._client.broadcast(target.request)
        if self._relays is None:
            raise CommandError(f"meter {unit}: {target.point} cannot be written")
        request = self._relays.request(unit, RelayCommand(values[0]))
        reply = await self._client.command(request, timeout_s=timeout_s)
        return reply._replace(values=values)

    def ask_at(self, unit: str, question: IdentifierQuestion) -> float:
        """When this may be asked without a late answer being taken for its own."""
        return self._client.clear_at(_request(unit, question))

    def ask_afresh_at(self, unit: str, question: IdentifierQuestion) -> float:
        """When this may be asked so that its answer is no older one's."""
        return self._client.fresh_at(_request(unit, question))

    def tell_at(self, unit: str, target: RelayTarget) -> float:
        """When a relay may be commanded without a late acknowledgement being taken for its own."""
        del target
        return self._client.clear_at(relay_request(unit, bytes(RELAY_BYTES)))


def meter_client(
    port: Dlt645Port,
    clock: Clock,
    *,
    outstanding: OutstandingRequests[Frame] | None = None,
    on_late_response: OnLateResponse = ignore_late_response,
    searching: bool = False,
    open_link: OpenLink | None = None,
) -> MeterClient:
    """Return the client of a line of meters; it opens when it is entered.

    Args:
        port: Its settings.
        clock: Time.
        outstanding: Requests of this line's earlier users that may still be answered.
        searching: That nobody answers says nothing about the connection.
        open_link: Opens the line; default: as the settings say.
    """
    line = meter_line(port)
    return MeterClient(
        open_link=open_link or line_opener(port),
        line=replace(line, renewable=line.renewable and not searching),
        clock=clock,
        outstanding=outstanding,
        on_late_response=on_late_response,
    )


def _request(unit: str, question: IdentifierQuestion) -> Request:
    return read(unit, question.identifier, edition=question.edition)
