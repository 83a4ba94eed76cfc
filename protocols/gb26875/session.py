"""The receiving side of GB/T 26875.3-2011 for one connection of a transmission device (pure).

Confirms what was kept, denies what is wrong, confirms a resend without reporting it again, sets the
clock, asks for states, supervises heartbeats and the inspection of the sentry.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from protocols.errors import FrameError
from protocols.fire.model import FireEvent, OperationEvent, Place, State, StateEvent
from protocols.fire.session import Delivery, Moment, Notice, NoticeKind, Output
from protocols.gb26875.events import events_of
from protocols.gb26875.frame import Command, Fault, Frame, FrameParser, Rejection
from protocols.gb26875.options import SessionOptions
from protocols.gb26875.recent import Receipt, RecentMessages
from protocols.gb26875.requests import (
    RequestQueue,
    inspect_sentry,
    read_places,
    read_transmitter_status,
    set_clock,
)
from protocols.gb26875.sentry import SentryWatch
from protocols.gb26875.tables import UnitType
from protocols.gb26875.times import DeviceTime
from protocols.gb26875.units import Unit, decode_unit

_USER_COMMANDS: Final = range(128, 256)
_LAST_UPWARD: Final = UnitType.TRANSMITTER_TIME
_RETRY_CLOCK_S: Final = 600.0
_FIRST_TRUE_YEAR: Final = 2024
"""A gateway whose clock says less was never set, and sets no other clock."""
_MOST_DENIALS: Final = 8
"""In one turn; what is beyond is counted only, for noise must not fill the line."""


def _no_places(_: str) -> Sequence[Place]:
    return ()


class CentreSession:
    """One connection; ``recent`` and what is open at a source outlive it.

    Attributes:
        source: Address of the device, None before it has spoken.
        heard_s: When its last frame came, by the monotonic clock.
        counts: Frames by what became of them: confirmed, resent, denied and so on.
    """

    def __init__(
        self,
        options: SessionOptions | None = None,
        *,
        moment: Moment,
        recent: RecentMessages | None = None,
        open_places: Callable[[str], Sequence[Place]] = _no_places,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._options = options or SessionOptions()
        self._recent = recent or RecentMessages()
        self._open_places = open_places
        self._centre = 0
        self._pending: dict[int, Frame] = {}
        self._deliveries = 0
        self._lost = False
        self._sentry = SentryWatch(self._options.inspects_sentry_at, moment=moment)
        self.opened(moment)

    def opened(self, moment: Moment) -> None:
        """Begin anew: the device is asked for its states when it speaks, and its clock is set."""
        self.abandon()
        self.source: int | None = None
        self.heard_s = self._clock_due_s = moment.monotonic_s
        self._clock_tried_s = -_RETRY_CLOCK_S
        self._told_fire = False
        self._parser = FrameParser()
        self._queue = RequestQueue(
            timeout_s=self._options.reply_timeout_s, resends=self._options.resends
        )

    def is_heard(self, moment: Moment) -> bool:
        """Whether the device has spoken and is not silent for too long."""
        silent_s = moment.monotonic_s - self.heard_s
        return self.source is not None and silent_s <= self._options.silence_s

    def receive(self, data: bytes, moment: Moment) -> Output:
        """Take bytes; answers to what needs no keeping are in ``send``."""
        out = Output()
        for parsed in self._parser.feed(data):
            if isinstance(parsed, Rejection):
                self._deny(parsed.head, parsed.fault, parsed.detail, out, moment)
            else:
                self._take(parsed, out, moment)
        self._ask_next(out, moment)
        return out

    def tick(self, moment: Moment) -> Output:
        """Repeat requests, watch for silence and for the answer of the sentry."""
        out, now_s = Output(), moment.monotonic_s
        repeated = self._queue.repeat(local=moment.local, now_s=now_s)
        if isinstance(repeated, Frame):
            out.send.append(repeated.encode())
        elif repeated is not None:
            out.notices.append(Notice(NoticeKind.REQUEST_FAILED, f"type {repeated.type}"))
        if not self._lost and now_s - self.heard_s > self._options.silence_s:
            self._lost = True
            out.notices.append(
                Notice(NoticeKind.LINK_LOST, f"silent for {now_s - self.heard_s:.0f} s")
            )
        if self._sentry.is_missed(moment):
            out.notices.append(Notice(NoticeKind.SENTRY_MISSED))
        if self._sentry.is_due(moment) and self.is_heard(moment):
            self._queue.add(inspect_sentry(self._options.sentry_minutes))
        self._ask_next(out, moment)
        return out

    def kept(self, number: int, moment: Moment) -> Sequence[bytes]:
        """Return the confirmation of a delivery that cannot be lost any more."""
        frame = self._pending.pop(number, None)
        if frame is None or frame.command != Command.SEND:
            return ()
        self._recent.kept(frame, now_s=moment.monotonic_s)
        return (self._answer(frame, Command.CONFIRM, moment),)

    def not_kept(self, number: int) -> None:
        """Leave a delivery unanswered; its resend is reported again."""
        frame = self._pending.pop(number, None)
        if frame is not None:
            self._recent.forget(frame)
            self.counts["not_kept"] += 1

    def abandon(self) -> None:
        """Forget what was handed out and is neither kept nor refused: the connection is gone."""
        for number in list(self._pending):
            self.not_kept(number)

    def ask(self, unit: Unit, moment: Moment) -> Sequence[bytes]:
        """Ask or command the device; returns what to send now.

        Nothing is sent now while another request waits for its answer.

        Raises:
            ValueRangeError: A value of it does not fit its field.
        """
        self._queue.add(unit, first=True)
        out = Output()
        self._ask_next(out, moment)
        return out.send

    def _take(self, frame: Frame, out: Output, moment: Moment) -> None:
        if self._options.sources and frame.source not in self._options.sources:
            detail = f"{frame.source} is none of the devices of this port"
            self._deny(frame, Fault.SOURCE, detail, out, moment)
            return
        self._hear(frame, out, moment)
        match frame.command:
            case Command.SEND:
                self._take_message(frame, out, moment)
            case Command.CONFIRM:
                self._settle(frame, moment)
            case Command.RESPONSE:
                self._queue.answered(frame.sequence)
                problem = self._deliver(frame, out)
                if problem:
                    self._reject(Fault.UNIT, problem, out)
            case Command.DENY:
                self._queue.denied(frame.sequence, now_s=moment.monotonic_s)
                self.counts["denied_by_device"] += 1
            case command if command in _USER_COMMANDS and self._options.confirms_user_commands:
                out.send.append(self._answer(frame, Command.CONFIRM, moment))
            case command:
                detail = f"command {command} is not for a centre"
                self._deny(frame, Fault.COMMAND, detail, out, moment)

    def _hear(self, frame: Frame, out: Output, moment: Moment) -> None:
        now_s = moment.monotonic_s
        self.heard_s = now_s
        if self._lost:
            self._lost = False
            out.notices.append(Notice(NoticeKind.LINK_RESTORED))
        if self.source is None and self._options.asks_states:
            places = self._open_places(str(frame.source))
            for unit in (read_transmitter_status(), *read_places(places)):
                self._queue.add(unit)
        self.source, self._centre = frame.source, frame.destination
        if self._is_clock_wrong(frame, moment) or now_s >= self._clock_due_s:
            self._set_clock(moment)

    def _is_clock_wrong(self, frame: Frame, moment: Moment) -> bool:
        told = frame.time.moment
        if told is not None:
            off_s = abs((told - moment.local).total_seconds())
            if off_s <= self._options.clock_tolerance_s:
                return False
        return moment.monotonic_s - self._clock_tried_s >= _RETRY_CLOCK_S

    def _set_clock(self, moment: Moment) -> None:
        if not self._options.sets_clock or moment.local.year < _FIRST_TRUE_YEAR:
            return
        self._clock_tried_s = moment.monotonic_s
        self._clock_due_s = moment.monotonic_s + self._options.clock_every_s
        self._queue.add(set_clock(moment.local), first=True)

    def _take_message(self, frame: Frame, out: Output, moment: Moment) -> None:
        if not frame.unit:
            self.counts["heartbeats"] += 1
            out.send.append(self._answer(frame, Command.CONFIRM, moment))
            return
        match self._recent.begin(frame, now_s=moment.monotonic_s):
            case Receipt.KEPT:
                self.counts["resent"] += 1
                out.send.append(self._answer(frame, Command.CONFIRM, moment))
            case Receipt.PENDING:
                self.counts["resent"] += 1
            case Receipt.NEW:
                problem = self._deliver(frame, out)
                if problem:
                    self._recent.forget(frame)
                    self._deny(frame, Fault.UNIT, problem, out, moment)

    def _deliver(self, frame: Frame, out: Output) -> str:
        """Hand out the events of a frame, or return what is wrong with its unit."""
        try:
            unit = decode_unit(frame.unit)
        except FrameError as error:
            return str(error)
        if _LAST_UPWARD < unit.type < _USER_COMMANDS.start:
            return f"type {unit.type} does not go to a centre"
        events = events_of(unit, self._options.events)
        self._follow_transmitter(unit, events)
        for event in events:
            if isinstance(event, OperationEvent) and "sentry_answer" in event.operations:
                self._sentry.answered()
                out.notices.append(Notice(NoticeKind.SENTRY_ANSWERED, f"operator {event.operator}"))
        self._deliveries += 1
        self._pending[self._deliveries] = frame
        out.deliveries.append(Delivery(self._deliveries, str(frame.source), events))
        return ""

    def _follow_transmitter(self, unit: Unit, events: Sequence[FireEvent]) -> None:
        """Ask whether the device still sees a fire when something else has changed.

        Devices report the fire of a component and its end, but not all of them their own.
        """
        if unit.type == UnitType.TRANSMITTER_STATUS:
            self._told_fire = any(isinstance(e, StateEvent) and State.FIRE in e.on for e in events)
        elif self._told_fire and self._options.asks_states:
            self._told_fire = False
            self._queue.add(read_transmitter_status())

    def _settle(self, frame: Frame, moment: Moment) -> None:
        unit = self._queue.answered(frame.sequence)
        if unit is not None and unit.type == UnitType.INSPECT_SENTRY:
            self._sentry.asked(moment, minutes=unit.objects[0].number("minutes"))

    def _ask_next(self, out: Output, moment: Moment) -> None:
        if self.source is None:
            return
        frame = self._queue.next(
            source=self._centre,
            destination=self.source,
            local=moment.local,
            now_s=moment.monotonic_s,
        )
        if frame is not None:
            out.send.append(frame.encode())

    def _deny(self, frame: Frame, fault: Fault, detail: str, out: Output, moment: Moment) -> None:
        if self._reject(fault, detail, out):
            out.send.append(self._answer(frame, Command.DENY, moment))

    def _reject(self, fault: Fault, detail: str, out: Output) -> bool:
        """Count what is refused; returns whether it may still be told in this turn."""
        self.counts[f"rejected_{fault}"] += 1
        if len(out.notices) >= _MOST_DENIALS:
            return False
        out.notices.append(Notice(NoticeKind.REJECTED, f"{fault}: {detail}"))
        return True

    def _answer(self, frame: Frame, command: Command, moment: Moment) -> bytes:
        self.counts["confirmed" if command is Command.CONFIRM else "denied"] += 1
        return Frame(
            frame.sequence,
            command,
            DeviceTime.of(moment.local),
            frame.destination,
            frame.source,
            version=frame.version,
        ).encode()
