"""A line of CJ/T 188 meters as the polling sees it: identifiers are asked, nothing is written."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from config.ports import Cjt188Port
from edge_agent.clock import Clock
from edge_agent.drivers.base import OnLateResponse, Reply, UnitAddress, ignore_late_response
from edge_agent.drivers.cjt188 import Cjt188Client
from edge_agent.drivers.cjt188_planner import FieldQuestion
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.link import Link
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import CommandError


class Cjt188Driver:
    """Asks identifiers; see ``Driver`` for what it promises."""

    def __init__(self, client: Cjt188Client) -> None:
        self._client = client
        self.on_late_response: OnLateResponse = ignore_late_response

    async def __aenter__(self) -> Self:
        self._client.on_late_response = self._late
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, traceback)

    def _late(self, unit: UnitAddress, after_s: float) -> None:
        self.on_late_response(f"{unit:014X}", after_s)

    async def ask(self, unit: str, question: FieldQuestion, *, timeout_s: float) -> Reply:
        """Read an identifier; the reply carries the data of its frame."""
        answered = await self._client.ask(question.request(unit), timeout_s=timeout_s)
        return Reply(answered.frame.data, answered.at_ms, answered.took_s)

    async def tell(
        self, unit: str, target: str, values: Sequence[int], *, timeout_s: float
    ) -> Reply:
        """Refuse: no point of a meter is written."""
        del values, timeout_s
        raise CommandError(f"meter {unit}: {target} cannot be written")

    def ask_at(self, unit: str, question: FieldQuestion) -> float:
        """When this may be asked: at once, since an answer says which read it is for."""
        del unit, question
        return 0.0

    def ask_afresh_at(self, unit: str, question: FieldQuestion) -> float:
        """When this may be asked so that its answer is no older one's."""
        return self._client.fresh_at(question.request(unit))

    def tell_at(self, unit: str, target: str) -> float:
        """When this may be written: never."""
        del unit, target
        return 0.0


def cjt188_line(port: Cjt188Port) -> FrameLine:
    """Return how the line of a port is spoken on."""
    return FrameLine(
        baud=port.baud,
        bits=1 + port.character_bits + (port.parity != "N") + port.stop_bits,
        timeout_s=port.timeout_s,
        turnaround_s=port.turnaround_s,
        connect_delay_s=port.connect_delay_s,
    )


def cjt188_client(
    port: Cjt188Port, clock: Clock, *, serials: Iterator[int] | None = None
) -> Cjt188Client:
    """Return the client of a line of meters; it opens when it is entered."""
    thread = OwnThread()

    async def open_link() -> Link:
        return await open_serial(port, thread)

    return Cjt188Client(open_link=open_link, line=cjt188_line(port), clock=clock, serials=serials)
