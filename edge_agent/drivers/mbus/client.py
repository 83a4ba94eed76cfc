"""Slaves on one M-Bus line: all telegrams of one slave, by either address, and the search."""

from dataclasses import dataclass
from typing import Final, NamedTuple, Self, Unpack

from edge_agent.drivers.base import UnitAddress
from edge_agent.drivers.frame_client import FrameClient, Wiring
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.mbus.records import (
    DecodedTelegram,
    RecordsUnavailableError,
    decode_records,
    load_library,
)
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.errors import DeviceGarbageError, DeviceTimeoutError, PortDownError
from protocols.errors import FrameError
from protocols.frame_stream import FrameStream
from protocols.mbus.addresses import SELECTED, SecondaryAddress
from protocols.mbus.frames import Frame, LongFrame, frame_stream
from protocols.mbus.master import Expected, Master, Request
from protocols.mbus.record import Record
from protocols.mbus.telegram import Header, decode_header
from protocols.wildcard_search import Answer, Collision, Nothing, Outcome, WildcardSearch

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
        size: Bytes of all of them.
        problem: Why the last telegram cannot be decoded, and its bytes; empty: it can.
    """

    header: Header | None
    records: tuple[Record, ...]
    at_ms: int
    took_s: float
    telegrams: int
    size: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    request: Request
    slave: int | SecondaryAddress

    def __str__(self) -> str:
        return f"slave {self.unit}: {self.request.encode().hex(' ').upper()}"

    @property
    def unit(self) -> UnitAddress:
        slave = self.slave
        return slave if isinstance(slave, int) else slave.text

    @property
    def writes(self) -> bool:
        return isinstance(self.request.frame, LongFrame)

    def encode(self) -> bytes:
        return self.request.encode()

    def answered_by(self, frame: Frame, /) -> bool:
        return self.request.answered_by(frame)

    def refusal(self, frame: Frame, /) -> None:
        """A slave that does not take a request is silent."""
        del frame

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


class MbusClient(FrameClient[Frame, FrameLine]):
    """An M-Bus line.

    Args:
        line: How it is spoken on.
        wiring: What it is connected to.
    """

    def __init__(self, *, line: FrameLine = MBUS_LINE, **wiring: Unpack[Wiring[Frame]]) -> None:
        super().__init__(line=line, **wiring)
        self._master = Master()
        self._decoding = OwnThread()

    @staticmethod
    def new_stream() -> FrameStream[Frame]:
        """Return what cuts the bytes of a line into frames."""
        return frame_stream()

    async def __aenter__(self) -> Self:
        try:
            await self._decoding.run(load_library, timeout_s=_DECODING_S)
        except (RecordsUnavailableError, TimeoutError) as error:
            raise PortDownError(str(error) or "pyMeterBus takes too long to load") from error
        return await super().__aenter__()

    def clear_at(self, slave: int | SecondaryAddress, *, afresh: bool = False) -> float:
        """When a slave may be asked without a late answer being taken for its own."""
        selected = isinstance(slave, SecondaryAddress)
        first = self._master.select(slave) if selected else self._master.reset(slave)
        exchange, asked = self._exchange, _Asked(first, slave)
        return exchange.fresh_at(asked) if afresh else exchange.clear_at(asked)

    async def read(
        self, slave: int | SecondaryAddress, *, timeout_s: float, reset: bool = True
    ) -> SlaveReading:
        """Read all telegrams of one slave.

        Args:
            slave: Primary or secondary address.
            timeout_s: Longest wait for each answer after the bytes of its request, seconds.
            reset: Whether a slave with a primary address is reset (SND_NKE) before it is read, so
                that its first telegram comes first. Without it the telegram that follows the last
                one comes.

        Raises:
            ValueRangeError: No slave has this address.
        """
        began = self._clock.monotonic_s()
        address = await self._begin(slave, timeout_s, reset=reset)
        found: list[DecodedTelegram] = []
        first_ms = size = 0
        problem = ""
        while len(found) < MOST_TELEGRAMS:
            frame, at_ms = await self._telegram(address, slave, timeout_s)
            first_ms, size = first_ms or at_ms, size + len(frame.encode())
            try:
                telegram = await self._decoded(frame, slave)
            except FrameError as error:
                problem = str(error)
                break
            self._check(telegram.header, slave, found[0].header if found else None)
            if found and _what(telegram) == _what(found[0]):
                # It takes no notice of the frame count bit: there is nothing new to come.
                size -= len(frame.encode())
                break
            found.append(telegram)
            if not telegram.more:
                break
        records = tuple(record for telegram in found for record in telegram.records)
        header = found[0].header if found else None
        took_s = self._clock.monotonic_s() - began
        return SlaveReading(header, records, first_ms, took_s, len(found), size, problem)

    async def send(self, slave: int | SecondaryAddress, data: bytes, *, timeout_s: float) -> None:
        """Send data to one slave (SND_UD) and wait until it has taken them; never sent twice."""
        address = await self._begin(slave, timeout_s, reset=True)
        await self._ask(self._master.send_data(address, data), slave, timeout_s)

    async def is_there(self, address: int, *, timeout_s: float) -> bool:
        """Whether somebody acknowledges a reset of this primary address."""
        try:
            await self._ask(self._master.reset(address), address, timeout_s)
        except DeviceTimeoutError:
            return False
        return True

    async def search(
        self,
        search: WildcardSearch[SecondaryAddress],
        *,
        timeout_s: float,
        tries: int = 1,
    ) -> list[SecondaryAddress]:
        """Select what the search says until it is over; return the slaves that it found.

        Args:
            search: Where to look; it can be looked at meanwhile.
            timeout_s: Longest wait for an E5 after the bytes of its request, seconds.
            tries: How often nothing has to come before nobody is there; 2 on a noisy line.
        """
        while (selection := search.wanted) is not None:
            search.came(await self.selected(selection, timeout_s=timeout_s, tries=tries))
        return search.found

    async def selected(
        self, selection: SecondaryAddress, *, timeout_s: float, tries: int = 1
    ) -> Outcome[SecondaryAddress]:
        """Select, and return who answers: a step of a search."""
        outcome = await self._selected(selection, timeout_s)
        for _ in range(1, tries):
            if isinstance(outcome, Nothing):
                outcome = await self._selected(selection, timeout_s)
        for _ in range(_MORE_TRIES):
            # One number alone: rather a damaged telegram than two slaves.
            if isinstance(outcome, Collision) and not selection.is_wild:
                outcome = await self._selected(selection, timeout_s)
        return outcome

    async def _selected(
        self, selection: SecondaryAddress, timeout_s: float
    ) -> Outcome[SecondaryAddress]:
        try:
            await self._ask(self._master.select(selection), selection, timeout_s)
        except DeviceTimeoutError:
            return Nothing()
        except DeviceGarbageError:
            # Several E5 that did not come at the same time.
            return Collision()
        try:
            frame, _ = await self._telegram(SELECTED, selection, timeout_s)
            header = decode_header(frame)
        except (DeviceTimeoutError, DeviceGarbageError, FrameError):
            return Collision()
        return Collision() if header is None else Answer(header.slave)

    async def _begin(self, slave: int | SecondaryAddress, timeout_s: float, *, reset: bool) -> int:
        """Select or reset a slave; return the primary address that it answers to."""
        if isinstance(slave, SecondaryAddress):
            await self._ask(self._master.select(slave), slave, timeout_s)
            return SELECTED
        if reset and slave != SELECTED:
            await self._ask(self._master.reset(slave), slave, timeout_s)
        return slave

    async def _telegram(
        self, address: int, slave: int | SecondaryAddress, timeout_s: float
    ) -> tuple[LongFrame, int]:
        frame, at_ms = await self._ask(self._master.request_data(address), slave, timeout_s)
        if not isinstance(frame, LongFrame):
            raise DeviceGarbageError(f"slave {slave}: {frame} instead of a telegram")
        return frame, at_ms

    async def _ask(
        self, request: Request, slave: int | SecondaryAddress, timeout_s: float
    ) -> tuple[Frame, int]:
        asked = _Asked(request, slave)
        wire_s = self._line.wire_s(len(asked.encode()))
        answered = await self._exchange.ask(asked, timeout_s=timeout_s + wire_s)
        self._master.answered(request, answered.frame)
        return answered.frame, answered.at_ms

    async def _decoded(self, frame: LongFrame, slave: int | SecondaryAddress) -> DecodedTelegram:
        try:
            return await self._decoding.run(lambda: decode_records(frame), timeout_s=_DECODING_S)
        except TimeoutError as error:
            message = f"slave {slave}: its telegram takes too long to decode"
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
