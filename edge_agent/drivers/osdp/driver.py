"""A line of readers as the polling sees it: looks at what their panel knows, commands to outputs.

The panel is libosdp in a process of its own: it needs the line every few milliseconds, which no
event loop can promise, and what goes wrong in it ends that process and no more.
"""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.util import find_spec
from types import TracebackType
from typing import Final, Self

from config.errors import ConfigError
from config.osdp import OSDP_MISSING
from config.osdp_keys import keys_of, salt_of
from config.ports import OsdpPort
from edge_agent.clock import Clock
from edge_agent.drivers.base import AtOnce, OnLateResponse, Reply, ignore_late_response
from edge_agent.drivers.osdp.known import KnownReader, encode_answer
from edge_agent.drivers.osdp.planner import OutputTarget, ReaderQuestion
from edge_agent.drivers.osdp.process import PanelProcess
from edge_agent.errors import DeviceRefusedError, DeviceTimeoutError, PortDownError
from protocols.modbus.limits import DEVICE_FAILURE
from protocols.osdp.notes import (
    CardRead,
    Line,
    LineReader,
    Note,
    Opened,
    Outcome,
    Presence,
    Status,
    Tell,
    Told,
)

_OPENING_S: Final = 10.0
_FIRST_LOOK_S: Final = 2.0
"""So long a reader may take to be there after the line was opened, seconds."""
_SILENCE_S: Final = 10.0
"""A process that says nothing for so long hangs, seconds."""
_SHORT_LIFE_S: Final = 30.0
_LONGEST_PAUSE_S: Final = 60.0
_CAME_BACK_S: Final = 0.01


class OsdpDriver(AtOnce):
    """Looks at readers, commands them; see ``Driver`` for what it promises."""

    def __init__(
        self,
        port: OsdpPort,
        clock: Clock,
        *,
        on_late_response: OnLateResponse = ignore_late_response,
    ) -> None:
        self._on_late_response = on_late_response
        self._port = port
        self._clock = clock
        self._panel: PanelProcess | None = None
        self._readers = {address: KnownReader() for address in port.readers}
        self._numbers = itertools.count(1)
        self._told: dict[int, asyncio.Future[Outcome]] = {}
        self._opened = asyncio.Event()
        self._looked = asyncio.Event()
        self._began_s = float("-inf")
        self._pause_s = 0.0
        self._lost = ""

    async def __aenter__(self) -> Self:
        self._refuse_haste()
        line = self._line()
        self._opened.clear()
        self._looked.clear()
        for reader in self._readers.values():
            reader.begin_anew()
        self._began_s = self._clock.monotonic_s()
        self._panel = await PanelProcess.start(line, take=self._take, clock=self._clock)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._end)
            await self._wait(self._opened, _OPENING_S)
            self._refuse_unopened()
            await self._wait(self._looked, _FIRST_LOOK_S)
            self._running()
            stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end()

    async def ask(self, unit: int, question: ReaderQuestion, *, timeout_s: float) -> Reply:
        """Look at a reader; nothing is waited for."""
        del timeout_s
        self._running()
        reader = self._present(unit)
        look = reader.now if question.at_once else reader.look
        return Reply(encode_answer(look(question.places)), self._clock.now_ms(), 0.0)

    async def tell(
        self, unit: int, target: OutputTarget, values: Sequence[int], *, timeout_s: float
    ) -> Reply:
        """Switch an output; the panel has looked at it when this returns."""
        panel, (on,) = self._running(), values
        self._present(unit)
        began_s = self._clock.monotonic_s()
        number = next(self._numbers)
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._told[number] = told
        tenths = target.tenths if on else 0
        panel.tell(Tell(number, unit, target.number, bool(on), tenths))
        try:
            async with asyncio.timeout(timeout_s):
                outcome = await told
        except TimeoutError:
            outcome = Outcome.UNKNOWN
        finally:
            self._told.pop(number, None)
        self._running()
        self._refuse(unit, outcome)
        return Reply(values, self._clock.now_ms(), self._clock.monotonic_s() - began_s)

    def _line(self) -> Line:
        port = self._port
        if find_spec("osdp_sys") is None:
            raise PortDownError(OSDP_MISSING)
        try:
            keys, salt = keys_of(port), salt_of(port)
        except ConfigError as error:
            raise PortDownError(str(error)) from error
        readers = tuple(
            LineReader(address, key, port.readers[address].install_mode)
            for address, key in keys.items()
        )
        return Line(
            port.device, port.baud, port.parity, port.stop_bits, readers, port.card_mask, salt
        )

    def _refuse_haste(self) -> None:
        """Leave a line alone for a while whose process ends again and again."""
        wait_s = self._began_s + self._pause_s - self._clock.monotonic_s()
        if wait_s > 0:
            raise PortDownError(f"{self._lost}; started again in {wait_s:.0f} s")

    def _refuse_unopened(self) -> None:
        self._running()
        if not self._opened.is_set():
            raise PortDownError(f"{self._port.device}: the process of OSDP does not open it")

    def _running(self) -> PanelProcess:
        panel = self._panel
        if panel is None:
            raise PortDownError(f"{self._port.device} is closed")
        silent_s = self._clock.monotonic_s() - panel.heard_s
        if not panel.lost and silent_s > _SILENCE_S:
            panel.lost = f"the process of OSDP has said nothing for {silent_s:.0f} s"
        if panel.lost:
            raise PortDownError(f"{self._port.device}: {panel.lost}")
        return panel

    def _present(self, unit: int) -> KnownReader:
        reader = self._readers[unit]
        if not reader.online:
            error = DeviceTimeoutError(f"reader {unit}: {reader.why}")
            error.went_out = False
            raise error
        return reader

    def _refuse(self, unit: int, outcome: Outcome) -> None:
        match outcome:
            case Outcome.DONE:
                return
            case Outcome.NOT_SENT:
                error = DeviceTimeoutError(f"reader {unit}: {self._readers[unit].why or 'gone'}")
                error.went_out = False
                raise error
            case Outcome.REFUSED:
                raise DeviceRefusedError(f"reader {unit}: refuses the command", code=1)
            case Outcome.UNKNOWN:
                message = f"reader {unit}: no answer to the command"
                raise DeviceRefusedError(message, code=DEVICE_FAILURE)

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, or the end of the process, or until it is too long."""
        if self._panel is None:
            return
        waiting = [asyncio.create_task(one.wait()) for one in (event, self._panel.ended)]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)

    async def _end(self) -> None:
        panel, self._panel = self._panel, None
        if panel is None:
            return
        lived_s = self._clock.monotonic_s() - self._began_s
        if panel.lost and lived_s < _SHORT_LIFE_S:
            self._pause_s = min(_LONGEST_PAUSE_S, max(1.0, 2 * self._pause_s))
            self._lost = f"{self._port.device}: {panel.lost}"
        else:
            self._pause_s = 0.0
        await panel.end()
        for told in self._told.values():
            if not told.done():
                told.set_result(Outcome.UNKNOWN)

    def _take(self, note: Note) -> None:
        match note:
            case Opened():
                self._opened.set()
            case Presence():
                reader = self._readers[note.address]
                reader.came_or_went(note)
                if note.online:
                    # A reader that is only probed is asked at once.
                    self._on_late_response(note.address, _CAME_BACK_S)
            case Status():
                self._readers[note.address].said(note)
            case CardRead():
                self._readers[note.address].read(note, self._clock.now_ms())
            case Told():
                told = self._told.get(note.number)
                if told is not None and not told.done():
                    told.set_result(note.outcome)
            case _:
                pass
        if all(one.online is not None for one in self._readers.values()):
            self._looked.set()
