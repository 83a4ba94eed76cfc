"""Several protocols on one RS-485 pair: one line that changes its settings (ADR-68).

Each protocol has its driver, which sees the line while it has the settings of that protocol. Who
has the same settings hears all that comes, so each driver keeps the silence of the line and finds
late answers to its own requests; what comes after a change of the settings is noise.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from config.protocol import Protocol
from edge_agent.clock import Clock
from edge_agent.drivers.base import Driver, Reply
from edge_agent.drivers.link import AdjustableLink, LineSetting, OpenLine, OpenLink, ignore
from edge_agent.drivers.question import Addressed
from edge_agent.errors import PortDownError

_NOT_OPEN: Final = "not open"


class Member(NamedTuple):
    """One protocol on a pair.

    Attributes:
        setting: Of the line while it is spoken.
        driver_on: Makes its driver, given what opens its end of the line.
    """

    setting: LineSetting
    driver_on: Callable[[OpenLink], Driver]


class _End:
    """The line as one protocol sees it: a link, and the driver on it."""

    def __init__(self, member: Member) -> None:
        self.received = bytearray()
        self.lost = _NOT_OPEN
        self.on_change: Callable[[], None] = ignore
        self.setting = member.setting
        self.driver = member.driver_on(self._opened)
        self._wire: AdjustableLink | None = None

    def begin(self, wire: AdjustableLink) -> None:
        """Be an end of an open line."""
        self._wire, self.lost = wire, ""
        self.received.clear()

    def send(self, data: bytes) -> None:
        """Hand bytes to the line."""
        if self.lost or self._wire is None:
            raise PortDownError(self.lost or _NOT_OPEN)
        self._wire.send(data)

    def close(self, why: str = "closed") -> None:
        """Use the line no more; the pair gives it back."""
        self.lost = self.lost or why

    async def closed(self) -> None:
        """Wait for nothing."""

    async def _opened(self) -> "_End":
        if self.lost:
            raise PortDownError(self.lost)
        return self


class PairDriver:
    """One pair of several protocols; see ``Driver`` for what it promises.

    Questions and targets say which protocol they are of.

    Args:
        open_line: Opens the line at the settings of the first member.
        members: What is spoken on it.
        change_s: Silence kept after each change of the settings, seconds.
        clock: Time.
    """

    def __init__(
        self,
        *,
        open_line: OpenLine,
        members: Mapping[Protocol, Member],
        change_s: float,
        clock: Clock,
    ) -> None:
        self._open_line = open_line
        self._change_s = change_s
        self._clock = clock
        self._ends = {protocol: _End(member) for protocol, member in members.items()}
        self._first = self._setting = next(iter(members.values())).setting
        self._wire: AdjustableLink | None = None
        self._opened = AsyncExitStack()
        self._settled_at = 0.0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            self._wire = wire = await self._open_line()
            opened.push_async_callback(self._give_back)
            wire.on_change = self._changed
            self._setting = self._first
            for end in self._ends.values():
                end.begin(wire)
            for end in self._ends.values():
                await opened.enter_async_context(end.driver)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._opened.aclose()

    async def ask(self, unit: Any, question: Any, *, timeout_s: float) -> Reply:
        """Ask in the question's protocol, at its settings of the line."""
        end = self._of(question)
        await self._change_to(end.setting)
        return await end.driver.ask(unit, question, timeout_s=timeout_s)

    async def tell(
        self, unit: Any, target: Any, values: Sequence[int], *, timeout_s: float
    ) -> Reply:
        """Write in the target's protocol."""
        end = self._of(target)
        try:
            await self._change_to(end.setting)
        except PortDownError as error:
            error.went_out = False
            raise
        return await end.driver.tell(unit, target, values, timeout_s=timeout_s)

    def ask_at(self, unit: Any, question: Any) -> float:
        """When this may be asked without a late answer being taken for its own."""
        return self._of(question).driver.ask_at(unit, question)

    def ask_afresh_at(self, unit: Any, question: Any) -> float:
        """When this may be asked so that its answer is no older one's."""
        return self._of(question).driver.ask_afresh_at(unit, question)

    def tell_at(self, unit: Any, target: Any) -> float:
        """When this may be written."""
        return self._of(target).driver.tell_at(unit, target)

    def _of(self, sent: Addressed) -> _End:
        return self._ends[sent.protocol]

    async def _change_to(self, setting: LineSetting) -> None:
        wire = self._wire
        if wire is None:
            raise PortDownError(_NOT_OPEN)
        if setting != self._setting:
            wire.configure(setting)
            self._setting = setting
            self._settled_at = self._clock.monotonic_s() + self._change_s
            for end in self._hearing():
                # What it keeps of silence begins anew: it has not heard what was before.
                end.on_change()
        # Who gave up a request in between has not waited to the end.
        wait_s = self._settled_at - self._clock.monotonic_s()
        if wait_s > 0:
            await self._clock.sleep(wait_s)

    def _hearing(self) -> list[_End]:
        return [end for end in self._ends.values() if end.setting == self._setting]

    def _changed(self) -> None:
        """Hand on what arrived to all who have the settings of the line, its loss to everybody."""
        wire = self._wire
        if wire is None:
            return
        data, hearing = bytes(wire.received), self._hearing()
        wire.received.clear()
        for end in hearing:
            end.received += data
        if wire.lost:
            hearing = list(self._ends.values())
            for end in hearing:
                end.close(wire.lost)
        for end in hearing:
            end.on_change()

    async def _give_back(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.on_change = ignore
            wire.close()
            await wire.closed()
