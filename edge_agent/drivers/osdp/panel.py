"""The control panel of one line, in a process of its own: ``python -m edge_agent.drivers.osdp``.

It reads from its standard input what the line is, then commands; it writes what its readers say to
its standard output (protocols/osdp/notes.py), and ends when its input ends: with the agent. Keys
come through the pipe, never as arguments; card numbers are masked before they are written.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import ModuleType
from typing import Any, Final

from edge_agent.drivers.osdp.channel import Channel, LineLostError
from edge_agent.drivers.osdp.heard import HeardAddresses
from edge_agent.drivers.osdp.reports import Reports
from edge_agent.drivers.osdp.watchdog import Act, Watchdog
from protocols.osdp.cards import Card
from protocols.osdp.notes import (
    Alive,
    CardRead,
    Kind,
    Line,
    LineReader,
    Note,
    Outcome,
    Presence,
    Status,
    Tell,
    Told,
)

_ALIVE_S: Final = 1.0
_ON_FOR: Final = 5
_ON, _OFF = 2, 1

Say = Callable[[Note], None]


class _Done(IntEnum):
    """How the library says that a command is over."""

    OK = 0
    FAILED = 1


@dataclass(slots=True)
class _Reader:
    """One reader as the panel knows it.

    Attributes:
        online: Whether it is there, with its secure channel where it has one; None: not known yet.
        why: Why it is not there, as last told.
        reports: Its status reports.
        telling: The command under way.
        tells: Commands that wait for it.
        confirming: A command that was taken, and whose output is being looked at.
        announced: Whether it was said that it is there; its states are said before.
    """

    settings: LineReader
    watchdog: Watchdog = field(default_factory=Watchdog)
    online: bool | None = None
    why: str = ""
    reports: Reports = field(default_factory=Reports)
    telling: Tell | None = None
    tells: deque[Tell] = field(default_factory=deque[Tell])
    confirming: Tell | None = None
    announced: bool = False


class Panel:
    """Serves the readers of one line.

    Args:
        library: ``osdp_sys`` of libosdp.
        fd: The open line.
        line: What it is.
        say: Takes what is to be told.
        now_s: Monotonic seconds.
    """

    def __init__(
        self,
        library: ModuleType,
        fd: int,
        line: Line,
        *,
        say: Say,
        now_s: Callable[[], float],
    ) -> None:
        self._library: Any = library
        self._line = line
        self._say = say
        self._now_s = now_s
        self._heard = HeardAddresses()
        self._readers = [_Reader(one) for one in line.readers]
        self._number = {one.address: number for number, one in enumerate(line.readers)}
        self._channel = Channel(fd, self._heard, now_s)
        self._alive_s = 0.0
        self._confirmed_now: list[int] = []
        self._kinds: Mapping[int, Kind] = {
            library.STATUS_REPORT_INPUT: Kind.INPUTS,
            library.STATUS_REPORT_OUTPUT: Kind.OUTPUTS,
            library.STATUS_REPORT_LOCAL: Kind.LOCAL,
            library.STATUS_REPORT_REMOTE: Kind.READERS,
        }
        self._codes = {kind: code for code, kind in self._kinds.items()}
        library.set_loglevel(library.LOG_CRIT)
        self._panel = library.ControlPanel([self._info(one) for one in line.readers])
        self._panel.set_event_callback(self._event)
        self._panel.set_command_completion_callback(self._over)

    def _info(self, reader: LineReader) -> dict[str, Any]:
        flags = self._library.FLAG_ENABLE_NOTIFICATION
        if reader.install:
            flags |= self._library.FLAG_INSTALL_MODE
        elif reader.key is not None:
            flags |= self._library.FLAG_ENFORCE_SECURE
        return {
            "name": f"reader-{reader.address}",
            "address": reader.address,
            "flags": flags,
            "scbk": reader.key,
            "channel": self._channel,
            # Of a reader only; the library wants them all the same.
            "version": 0,
            "model": 0,
            "vendor_code": 0,
            "serial_number": 0,
            "firmware_version": 0,
        }

    def step(self) -> None:
        """Let the library work, and tell what is new."""
        self._panel.refresh()
        if self._channel.lost:
            raise LineLostError(self._channel.lost)
        now_s = self._now_s()
        there, secure = self._panel.status(), self._panel.sc_status()
        for number, reader in enumerate(self._readers):
            bit = 1 << number
            self._look(number, reader, there=bool(there & bit), secure=bool(secure & bit))
            self._ask(number, reader, now_s)
        # Behind the report that proves them, which the library hands over after it.
        self._confirmed_now, confirmed = [], self._confirmed_now
        for number in confirmed:
            self._say(Told(number, Outcome.DONE))
        if now_s >= self._alive_s:
            self._alive_s = now_s + _ALIVE_S
            self._say(Alive())

    def tell(self, tell: Tell) -> None:
        """Take a command."""
        reader = self._readers[self._number[tell.address]]
        if reader.online:
            reader.tells.append(tell)
        else:
            self._say(Told(tell.number, Outcome.NOT_SENT))

    def _look(self, number: int, reader: _Reader, *, there: bool, secure: bool) -> None:
        now_s = self._now_s()
        online = there and (secure or reader.settings.key is None)
        if online:
            reader.watchdog.online(now_s)
        elif there:
            reader.watchdog.in_clear(now_s)
        if online and not reader.online:
            reader.online, reader.why = True, ""
            reader.reports.came_back(now_s)
            reader.announced = False
        elif not online and reader.online:
            self._lost(reader)
        match reader.watchdog.next(now_s, enabled=bool(self._panel.is_pd_enabled(number))):
            case Act.DISABLE:
                if reader.online is None:
                    self._absent(reader)
                self._panel.disable_pd(number)
            case Act.ENABLE:
                self._panel.enable_pd(number)
            case Act.NOTHING:
                pass

    def _lost(self, reader: _Reader) -> None:
        """Say that a reader is gone, and what that means for its commands."""
        reader.online = False
        for tell in reader.tells:
            self._say(Told(tell.number, Outcome.NOT_SENT))
        if reader.telling is not None:
            self._say(Told(reader.telling.number, Outcome.UNKNOWN))
        if reader.confirming is not None:
            self._say(Told(reader.confirming.number, Outcome.DONE))
        reader.tells.clear()
        reader.reports.went()
        reader.telling = reader.confirming = None
        self._absent(reader)

    def _absent(self, reader: _Reader) -> None:
        why = self._why(reader.settings)
        if reader.online is None or reader.why != why:
            reader.online, reader.why = False, why
            self._say(Presence(reader.settings.address, online=False, why=why))

    def _why(self, reader: LineReader) -> str:
        if not self._heard.lately(reader.address, self._now_s()):
            return "it does not answer"
        if reader.key is None:
            return "it answers, and breaks off"
        if reader.install:
            return "it answers, and takes neither its key nor the key of delivery"
        return (
            "it answers, and its secure channel fails: another key, another reader in its place, "
            "or one that waits for its key (install_mode)"
        )

    def _ask(self, number: int, reader: _Reader, now_s: float) -> None:
        """Send what waits for a reader, one at a time."""
        if not reader.online or reader.telling is not None:
            return
        reports = reader.reports
        if reports.asked is not None:
            return
        if reports.all_due(now_s):
            reports.want(self._given(number))
        if reader.confirming is None and reader.tells:
            tell = reader.tells.popleft()
            if self._send(number, self._output(tell)):
                reader.telling = tell
            else:
                self._say(Told(tell.number, Outcome.NOT_SENT))
            return
        while (kind := reports.next()) is not None:
            if reports.refused(kind):
                self._say(Status(reader.settings.address, kind, None))
                self._confirmed(reader, kind)
                continue
            asked = {"command": self._library.CMD_STATUS, "type": self._codes[kind], "report": b""}
            if self._send(number, asked):
                reports.asked = kind
            return
        if not reader.announced:
            reader.announced = True
            self._say(Presence(reader.settings.address, online=True))

    def _given(self, number: int) -> list[Kind]:
        """Return which reports a reader has, by its own description."""
        counted = {
            Kind.INPUTS: self._library.CAP_CONTACT_STATUS_MONITORING,
            Kind.OUTPUTS: self._library.CAP_OUTPUT_CONTROL,
        }
        found = [Kind.LOCAL]
        for kind, capability in counted.items():
            _, items = self._panel.check_capability(number, capability)
            if items:
                found.append(kind)
        return [*found, Kind.READERS]

    def _output(self, tell: Tell) -> dict[str, Any]:
        code = _OFF
        if tell.on:
            code = _ON_FOR if tell.tenths else _ON
        return {
            "command": self._library.CMD_OUTPUT,
            "output_no": tell.output,
            "control_code": code,
            "timer_count": tell.tenths,
        }

    def _send(self, number: int, command: dict[str, Any]) -> bool:
        return bool(self._panel.submit_command(number, command))

    def _over(self, number: int, command: Mapping[str, Any], done: int) -> None:
        """The library says what became of a command."""
        reader = self._readers[number]
        if command.get("command") == self._library.CMD_OUTPUT:
            self._told(reader, done)
        elif command.get("command") == self._library.CMD_STATUS:
            self._reported(number, reader, done)

    def _reported(self, number: int, reader: _Reader, done: int) -> None:
        reports = reader.reports
        kind, reports.asked = reports.asked, None
        if kind is None:
            return
        if done == _Done.OK:
            reports.answered(kind)
        elif done == _Done.FAILED and self._there(number, reader) and self._answers(reader):
            reports.failed(kind)
            if reports.refused(kind):
                self._say(Status(reader.settings.address, kind, None))
        self._confirmed(reader, kind)

    def _told(self, reader: _Reader, done: int) -> None:
        tell, reader.telling = reader.telling, None
        if tell is None:
            return
        if done == _Done.OK:
            reader.confirming = tell
            reader.reports.want_first(Kind.OUTPUTS)
        elif done == _Done.FAILED and self._answers(reader):
            self._say(Told(tell.number, Outcome.REFUSED))
        else:
            self._say(Told(tell.number, Outcome.UNKNOWN))

    def _there(self, number: int, reader: _Reader) -> bool:
        """Whether the library has it, and its secure channel where it has one, at this moment."""
        there = bool(self._panel.status() >> number & 1)
        return there and self._may_be_believed(number, reader)

    def _answers(self, reader: _Reader) -> bool:
        return self._heard.lately(reader.settings.address, self._now_s())

    def _confirmed(self, reader: _Reader, kind: Kind) -> None:
        if reader.confirming is not None and kind is Kind.OUTPUTS:
            self._confirmed_now.append(reader.confirming.number)
            reader.confirming = None

    def _event(self, number: int, event: Mapping[str, Any]) -> int:
        reader = self._readers[number]
        address = reader.settings.address
        kind = event["event"]
        if kind == self._library.EVENT_NOTIFICATION:
            gone = event["type"] == self._library.EVENT_NOTIFICATION_PD_STATUS and not event["arg0"]
            if gone and self._panel.is_pd_enabled(number):
                reader.watchdog.given_up(self._now_s())
                if not reader.online:
                    self._absent(reader)
        elif not self._may_be_believed(number, reader):
            return 0
        elif kind == self._library.EVENT_CARDREAD:
            card = Card(event.get("length", 0), bytes(event["data"]))
            self._say(CardRead(address, card.told(self._line.mask, self._line.salt)))
        elif kind == self._library.EVENT_STATUS:
            values = tuple(bytes(event["report"]))
            self._say(Status(address, self._kinds[event["type"]], values))
        return 0

    def _may_be_believed(self, number: int, reader: _Reader) -> bool:
        """Whether it came through the secure channel, where there shall be one."""
        return reader.settings.key is None or bool(self._panel.sc_status() >> number & 1)
