"""A line of CJ/T 188 meters as the polling sees it: identifiers are asked, valves are moved."""

from collections.abc import Iterator, Sequence

from config.meter_ports import Cjt188Port
from edge_agent.clock import Clock
from edge_agent.drivers.base import OnLateResponse, Reply, ignore_late_response
from edge_agent.drivers.cjt188.client import Cjt188Client
from edge_agent.drivers.cjt188.planner import FieldQuestion
from edge_agent.drivers.cjt188.valves import Valves, ValveTarget
from edge_agent.drivers.frame_client import FrameDriver
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.frame_outstanding import OutstandingRequests
from edge_agent.drivers.line_opener import line_opener
from edge_agent.drivers.link import OpenLink
from edge_agent.errors import CommandError
from protocols.cjt188.frames import Frame
from protocols.cjt188.requests import CLOSE_VALVE, set_valve


class Cjt188Driver(FrameDriver[Cjt188Client]):
    """Asks identifiers; see ``Driver`` for what it promises.

    Args:
        client: The line.
        valves: Builds the commands of valves; None: there are none.
    """

    def __init__(self, client: Cjt188Client, valves: Valves | None = None) -> None:
        super().__init__(client)
        self._valves = valves

    async def ask(self, unit: str, question: FieldQuestion, *, timeout_s: float) -> Reply:
        """Read an identifier; the reply carries the data of its frame."""
        answered = await self._client.ask(question.request(unit), timeout_s=timeout_s)
        return Reply(answered.frame.data, answered.at_ms, answered.took_s)

    async def tell(
        self, unit: str, target: ValveTarget, values: Sequence[int], *, timeout_s: float
    ) -> Reply:
        """Move the valve; the meter has then been told, and its status says what it did."""
        if self._valves is None:
            raise CommandError(f"meter {unit}: its valve cannot be moved")
        request = self._valves.request(unit, target, opened=bool(values[0]))
        answered = await self._client.ask(request, timeout_s=timeout_s)
        return Reply(values, answered.at_ms, answered.took_s)

    def ask_at(self, unit: str, question: FieldQuestion) -> float:
        """When this may be asked: at once, since an answer says which read it is for."""
        del unit, question
        return 0.0

    def ask_afresh_at(self, unit: str, question: FieldQuestion) -> float:
        """When this may be asked so that its answer is no older one's."""
        return self._client.fresh_at(question.request(unit))

    def tell_at(self, unit: str, target: ValveTarget) -> float:
        """When a valve may be moved without a late answer being taken for its own."""
        command = set_valve(target.meter_type, unit, CLOSE_VALVE, dialect=target.dialect)
        return self._client.clear_at(command)


def cjt188_client(
    port: Cjt188Port,
    clock: Clock,
    *,
    outstanding: OutstandingRequests[Frame] | None = None,
    on_late_response: OnLateResponse = ignore_late_response,
    serials: Iterator[int] | None = None,
    open_link: OpenLink | None = None,
) -> Cjt188Client:
    """Return the client of a line of meters; it opens when it is entered.

    Args:
        port: Its settings.
        clock: Time.
        outstanding: Requests of this line's earlier users that may still be answered.
        on_late_response: Told of late responses.
        serials: Serial numbers, handed on from one client of a line to the next.
        open_link: Opens the line; default: as the settings say.
    """
    return Cjt188Client(
        open_link=open_link or line_opener(port),
        line=FrameLine.of(port),
        clock=clock,
        outstanding=outstanding,
        on_late_response=on_late_response,
        serials=serials,
    )
