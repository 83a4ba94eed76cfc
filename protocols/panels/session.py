"""The receiving side of a panel with a maker's own format: polls, answers, supervises (pure)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocols.errors import FrameError
from protocols.fire.model import FireEvent, State, StateEvent
from protocols.fire.session import Delivery, Moment, Notice, NoticeKind, Output
from protocols.panels.adapter import Adapter, AdapterParser, Decoded

_MOST_NOTICES: Final = 8
"""In one turn; what is beyond is counted only."""
_MOST_WAITING: Final = 1000


@dataclass(frozen=True)
class PanelOptions:
    """How the connection to a panel is watched.

    Attributes:
        silence_s: So long without a frame is a lost link. A printer is silent for days: 0 = never.
        repeat_s: The same frame again within this time is a repetition: it is answered, not
            reported.
        marked_starts: Whether a byte with the address bit always begins a frame. Off: which bytes
            panels mark is not known.
    """

    silence_s: float = 60.0
    repeat_s: float = 5.0
    marked_starts: bool = False


@dataclass
class _Kept:
    frame: bytes = b""
    answers: Sequence[bytes] = ()
    events: Sequence[FireEvent] = ()
    at_s: float = 0.0

    @property
    def is_fire(self) -> bool:
        return any(isinstance(one, StateEvent) and State.FIRE in one.on for one in self.events)


class AdapterSession:
    """One line with one panel.

    What could not be kept is handed out again with the next ``tick``, in its order, where the panel
    waits for no answer: it would not say it again. Until then the panel is not polled.

    Attributes:
        counts: Frames by what became of them.
    """

    def __init__(
        self, adapter: Adapter, options: PanelOptions | None = None, *, moment: Moment
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._adapter = adapter
        self._options = options or PanelOptions()
        self._parser = AdapterParser(adapter)
        self._pending: dict[int, _Kept] = {}
        self._deliveries = 0
        self._last = _Kept()
        self._again: list[_Kept] = []
        self._lost = False
        self.opened(moment)

    def opened(self, moment: Moment) -> None:
        """Begin anew; events that could not be kept wait on, for the panel has said them."""
        self._parser.clear()
        self._has_spoken = False
        self._heard_s = self._byte_s = moment.monotonic_s
        self._polled_s = moment.monotonic_s - self._adapter.polls_every_s

    def is_heard(self, moment: Moment) -> bool:
        """Whether the panel has spoken and is not silent for too long, or may be silent."""
        silence_s = self._options.silence_s
        is_silent = moment.monotonic_s - self._heard_s > silence_s
        return not silence_s or (self._has_spoken and not is_silent)

    def receive(self, data: bytes, moment: Moment) -> Output:
        """Take bytes of a line without an address bit."""
        out = Output()
        if not data:
            return out
        skipped = self._parser.skipped_bytes
        gap_s, self._byte_s = moment.monotonic_s - self._byte_s, moment.monotonic_s
        if self._adapter.most_gap_s and gap_s > self._adapter.most_gap_s:
            self._parser.clear()
        for frame in self._parser.feed(data):
            self._take(frame, out, moment)
        self.counts["skipped_bytes"] += self._parser.skipped_bytes - skipped
        return out

    def receive_marked(self, data: Sequence[tuple[int, bool]], moment: Moment) -> Output:
        """Take bytes with their address bits."""
        out = Output()
        for byte, is_address in data:
            if is_address and self._options.marked_starts:
                self.counts["skipped_bytes"] += len(self._parser.pending)
                self._parser.clear()
            one = self.receive(bytes((byte,)), moment)
            out.send += one.send
            out.deliveries += one.deliveries
            out.notices += one.notices
        return out

    def tick(self, moment: Moment) -> Output:
        """Poll when it is time, complete a text that has no end, watch for silence."""
        out, now_s = Output(), moment.monotonic_s
        pause_s = self._adapter.text_pause_s
        if pause_s and now_s - self._byte_s >= pause_s:
            self._hand_out(self._adapter.complete(), b"", out, moment)
        if self._again:
            self._heard_s = now_s  # what is not asked does not answer
            self._hand_out_again(out)
            return out
        every_s = self._adapter.polls_every_s
        if every_s and now_s - self._polled_s >= every_s:
            self._polled_s = now_s
            self._before_poll(out, moment)
            out.send += self._adapter.poll()
        silence_s = self._options.silence_s
        if silence_s and not self._lost and now_s - self._heard_s > silence_s:
            self._lost = True
            detail = f"silent for {now_s - self._heard_s:.0f} s"
            out.notices.append(Notice(NoticeKind.LINK_LOST, detail))
        return out

    def kept(self, number: int, moment: Moment) -> Sequence[bytes]:
        """Return the answer to a frame whose events cannot be lost any more."""
        found = self._pending.pop(number, None)
        if found is None:
            return ()
        found.at_s = moment.monotonic_s
        if found.frame:
            self._last = found
        return found.answers

    def not_kept(self, number: int) -> None:
        """Leave a frame unanswered: a panel that waits for an answer says it again."""
        found = self._pending.pop(number, None)
        self.counts["not_kept"] += 1
        if found is not None and not found.answers:
            self._wait(found)

    def _before_poll(self, out: Output, moment: Moment) -> None:
        pending = self._parser.pending
        if self._adapter.idle and pending == self._adapter.idle:
            self._hear(out, moment)
        if pending and self._adapter.clears_on_poll:
            self.counts["skipped_bytes"] += len(pending)
            self._parser.clear()

    def _take(self, frame: bytes, out: Output, moment: Moment) -> None:
        self._hear(out, moment)
        if self._is_repetition(frame, moment):
            self.counts["repeated"] += 1
            out.send += self._last.answers
            return
        try:
            decoded = self._adapter.decode(frame)
        except FrameError as error:
            self.counts["rejected"] += 1
            if len(out.notices) < _MOST_NOTICES:
                detail = f"{frame.hex(' ')}: {error}"
                out.notices.append(Notice(NoticeKind.REJECTED, detail))
            out.send += self._adapter.answer(frame)
            return
        self._hand_out(decoded, frame, out, moment)

    def _hand_out(self, decoded: Decoded, frame: bytes, out: Output, moment: Moment) -> None:
        out.send += decoded.now
        answers = self._adapter.answer(frame) if frame else ()
        if not decoded.events:
            out.send += answers
            return
        one = _Kept(frame, answers, decoded.events, moment.monotonic_s)
        if self._again and not answers:
            self._wait(one)
        else:
            self._deliver(one, out)

    def _deliver(self, one: _Kept, out: Output) -> None:
        self._deliveries += 1
        self._pending[self._deliveries] = one
        out.deliveries.append(Delivery(self._deliveries, self._adapter.name, one.events))

    def _hand_out_again(self, out: Output) -> None:
        waiting, self._again = self._again, []
        for one in waiting:
            self._deliver(one, out)

    def _wait(self, one: _Kept) -> None:
        """Keep it for the next tick; the oldest that is no fire makes room."""
        self._again.append(one)
        if len(self._again) > _MOST_WAITING:
            at = next((i for i, each in enumerate(self._again) if not each.is_fire), -1)
            del self._again[at]
            self.counts["dropped"] += 1

    def _is_repetition(self, frame: bytes, moment: Moment) -> bool:
        return bool(
            self._last.answers
            and frame == self._last.frame
            and moment.monotonic_s - self._last.at_s <= self._options.repeat_s
        )

    def _hear(self, out: Output, moment: Moment) -> None:
        self._heard_s, self._has_spoken = moment.monotonic_s, True
        self.counts["frames"] += 1
        if self._lost:
            self._lost = False
            out.notices.append(Notice(NoticeKind.LINK_RESTORED))
