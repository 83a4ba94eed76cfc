"""Slaves on one M-Bus line: all telegrams of one slave, by either address, and the search."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, NamedTuple, Self

from edge_agent.clock import Clock
from edge_agent.drivers.base import OnLateResponse
from edge_agent.drivers.frame_exchange import FrameExchange
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.link import Link
from edge_agent.drivers.mbus_records import (
    DecodedTelegram,
    RecordsUnavailableError,
    decode_records,
    load_library,
)
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.errors import DeviceGarbageError, DeviceTimeoutError, PortDownError
from protocols.errors import FrameError
from protocols.mbus.addresses import SELECTED, SecondaryAddress
from protocols.mbus.frames import Frame, LongFrame, frame_stream
from protocols.mbus.master import Expected, Master, Request
from protocols.mbus.record import Record
from protocols.mbus.search import Answer, Collision, Nothing, Outcome, WildcardSearch
from protocols.mbus.telegram import Header, decode_header

MBUS_LINE: Final = FrameLine(timeout_s=0.6, late_s=0.0)
"""A slave answers within 330 bit times and 50 ms (EN 13757-2): 0.19 s at 2400 baud.

An E5 names nobody. Where a converter or a network may hold answers back longer than the timeout,
``late_s`` says for how long; nothing is asked meanwhile that a late E5 could be taken for.
"""

_DECODING_S: Final = 5.0
_MORE_TRIES: Final = 2
MOST_TELEGRAMS: Final = 16


class SlaveReading(NamedTuple):
    """All that one slave said.

    Attributes:
        header: Of its first telegram; None: it says nothing about itself.
        records: Of all telegrams, in their sequence.
        at_ms: UTC milliseconds at which the last byte of the first telegram arrived.
        took_s: From the first byte sent to the last byte received, seconds.
        telegrams: How many there were.
    """

    header: Header | None
    records: tuple[Record, ...]
    at_ms: int
    took_s: float
    telegrams: int


@dataclass(frozen=True, slots=True)
class _Asked:
    request: Request

    def __str__(self) -> str:
        return f"slave {self.request.address}: {self.request.encode().hex(' ').upper()}"

    @property
    def unit(self) -> int:
        return self.request.address

    @property
    def writes(self) -> bool:
        return isinstance(self.request.frame, LongFrame)

    def encode(self) -> bytes:
        return self.request.encode()

    def answered_by(self, frame: Frame, /) -> bool:
        return self.request.answered_by(frame)

    def refusal(self, frame: Frame, /) -> str:
        """A slave that does not take a request is silent."""
        del frame
        return ""

    def instead(self, frame: Frame, /) -> str:
        if isinstance(frame, LongFrame) and self.request.expected is Expected.DATA:
            return f"slave {frame.address} answered instead"
        return f"{frame.encode().hex(' ').upper()} instead of its answer"

    def mistakes_for(self, other: "_Asked", /) -> bool:
        """E5 names nobody; a telegram names its slave, and the same may be asked for again."""
        mine, its = self.request, other.request
        if mine.expected is not its.expected:
            return False
        if mine.expected is Expected.ACK:
            return True
        return mine.address == its.address and (mine.address == SELECTED or mine.frame != its.frame)


class MbusClient:
    """An M-Bus line; see FrameExchange for what it raises and when.

    Args:
        open_link: Opens the wire.
        line: How it is spoken on.
        clock: Time.
        reset: Whether a slave is reset (SND_NKE) before it is read, so that its first telegram
            comes first. Without it the telegram that follows the last one comes.
    """

    def __init__(
        self,
        *,
        open_link: Callable[[], Awaitable[Link]],
        clock: Clock,
        line: FrameLine = MBUS_LINE,
        reset: bool = True,
    ) -> None:
        self._exchange: FrameExchange[Frame] = FrameExchange(
            open_link=open_link, stream=frame_stream(), line=line, clock=clock
        )
        self._clock = clock
        self._master = Master()
        self._reset = reset
        self._decoding = OwnThread()

    async def __aenter__(self) -> Self:
        try:
            await self._decoding.run(load_library, timeout_s=_DECODING_S)
        except (RecordsUnavailableError, TimeoutError) as error:
            raise PortDownError(str(error) or "pyMeterBus takes too long to load") from error
        await self._exchange.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._exchange.__aexit__(kind, error, traceback)

    @property
    def on_late_response(self) -> OnLateResponse:
        """Called with a primary address and how late it answered, seconds."""
        return self._exchange.on_late_response

    @on_late_response.setter
    def on_late_response(self, called: OnLateResponse) -> None:
        self._exchange.on_late_response = called

    async def read(self, slave: int | SecondaryAddress, *, timeout_s: float) -> SlaveReading:
        """Read all telegrams of one slave.

        Raises:
            ValueRangeError: No slave has this address.
        """
        began = self._clock.monotonic_s()
        address = await self._begin(slave, timeout_s)
        found: list[DecodedTelegram] = []
        first_ms = 0
        while len(found) < MOST_TELEGRAMS:
            frame, at_ms = await self._telegram(address, timeout_s)
            first_ms = first_ms or at_ms
            telegram = await self._decoded(frame)
            self._check(telegram.header, slave, found[0].header if found else None)
            if found and _what(telegram) == _what(found[0]):
                # It takes no notice of the frame count bit: there is nothing new to come.
                break
            found.append(telegram)
            if not telegram.more:
                break
        records = tuple(record for telegram in found for record in telegram.records)
        took_s = self._clock.monotonic_s() - began
        return SlaveReading(found[0].header, records, first_ms, took_s, len(found))

    async def send(self, slave: int | SecondaryAddress, data: bytes, *, timeout_s: float) -> None:
        """Send data to one slave (SND_UD) and wait until it has taken them; never sent twice."""
        address = await self._begin(slave, timeout_s)
        await self._ask(self._master.send_data(address, data), timeout_s)

    async def is_there(self, address: int, *, timeout_s: float) -> bool:
        """Whether somebody acknowledges a reset of this primary address."""
        try:
            await self._ask(self._master.reset(address), timeout_s)
        except DeviceTimeoutError:
            return False
        return True

    async def search(
        self,
        search: WildcardSearch,
        *,
        timeout_s: float,
        tries: int = 1,
    ) -> list[SecondaryAddress]:
        """Select what the search says until it is over; return the slaves that it found.

        Args:
            search: Where to look; it can be looked at meanwhile.
            timeout_s: Longest wait for an E5, seconds.
            tries: How often nothing has to come before nobody is there; 2 on a noisy line.
        """
        while (selection := search.selection) is not None:
            outcome = await self._selected(selection, timeout_s)
            for _ in range(1, tries):
                if isinstance(outcome, Nothing):
                    outcome = await self._selected(selection, timeout_s)
            for _ in range(_MORE_TRIES):
                # One number alone: rather a damaged telegram than two slaves.
                if isinstance(outcome, Collision) and not selection.is_wild:
                    outcome = await self._selected(selection, timeout_s)
            search.came(outcome)
        return search.found

    async def _selected(self, selection: SecondaryAddress, timeout_s: float) -> Outcome:
        try:
            await self._ask(self._master.select(selection), timeout_s)
        except DeviceTimeoutError:
            return Nothing()
        except DeviceGarbageError:
            # Several E5 that did not come at the same time.
            return Collision()
        try:
            frame, _ = await self._telegram(SELECTED, timeout_s)
            header = decode_header(frame)
        except (DeviceTimeoutError, DeviceGarbageError, FrameError):
            return Collision()
        return Collision() if header is None else Answer(header.slave)

    async def _begin(self, slave: int | SecondaryAddress, timeout_s: float) -> int:
        """Select or reset a slave; return the primary address that it answers to."""
        if isinstance(slave, SecondaryAddress):
            await self._ask(self._master.select(slave), timeout_s)
            return SELECTED
        if self._reset and slave != SELECTED:
            await self._ask(self._master.reset(slave), timeout_s)
        return slave

    async def _telegram(self, address: int, timeout_s: float) -> tuple[LongFrame, int]:
        frame, at_ms = await self._ask(self._master.request_data(address), timeout_s)
        if not isinstance(frame, LongFrame):
            raise DeviceGarbageError(f"slave {address}: {frame} instead of a telegram")
        return frame, at_ms

    async def _ask(self, request: Request, timeout_s: float) -> tuple[Frame, int]:
        answered = await self._exchange.ask(_Asked(request), timeout_s=timeout_s)
        self._master.answered(request, answered.frame)
        return answered.frame, answered.at_ms

    async def _decoded(self, frame: LongFrame) -> DecodedTelegram:
        try:
            return await self._decoding.run(lambda: decode_records(frame), timeout_s=_DECODING_S)
        except FrameError as error:
            raise DeviceGarbageError(f"slave {frame.address}: {error}") from error
        except TimeoutError as error:
            message = f"slave {frame.address}: its telegram takes too long to decode"
            raise DeviceGarbageError(message) from error

    def _check(
        self, header: Header | None, slave: int | SecondaryAddress, first: Header | None
    ) -> None:
        """Refuse a telegram of somebody else."""
        if header is None:
            return
        wanted = [slave] if isinstance(slave, SecondaryAddress) else []
        wanted += [first.slave] if first is not None else []
        for one in wanted:
            if not one.selects(header.slave):
                raise DeviceGarbageError(f"slave {one}: {header.slave} answered instead")


def _what(telegram: DecodedTelegram) -> list[tuple[int, int, int, str, str]]:
    """Return what its records are, without their values."""
    return [
        (one.storage, one.tariff, one.subunit, one.function, one.vif) for one in telegram.records
    ]
