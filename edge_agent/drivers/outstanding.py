"""Which requests are still outstanding, and which request a late answer belongs to (pure).

An answer carries no address: a late one to "100, one register" looks like the answer to "200, one
register" of the same unit. So while an answer is outstanding, no request that it would fit is sent
to another address (ADR-26); the polling asks for other counts meanwhile. A Modbus TCP transaction
number helps only where the other side keeps it: a gateway may answer under that of the newest
request. An exception fits every request of its function. It ends none that may still be answered
with values, and is not attributed to the one that was sent last while another may be refused: one
that was never answered, and whose registers are not all part of what was asked last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from edge_agent.drivers.modbus import Request

LONGEST_OUTSTANDING_S: Final = 20.0
"""How long a response is expected of a unit that answers newer requests, seconds."""
LONGEST_SILENT_S: Final = 60.0
"""The same for a unit that has answered nothing since, seconds."""

_TIMEOUTS_OUTSTANDING: Final = 10.0  # of a port with a longer timeout than usual
_WORST_MARGIN: Final = 3.0  # times the worst lateness seen of a unit
_LONGEST_S: Final = 600.0
_REMEMBERED_S: Final = 3600.0  # how long a unit counts as late
_TIMEOUTS_RECENT: Final = 3.0
_MOST_RECENT: Final = 3  # of a unit that answers nothing: a slow one that is asked more gets slower
_MOST_KEPT: Final = 256
_MOST_GOOD: Final = 512
_EXCEPTION_CODE: Final = 1
_NOT_FOR_GOOD: Final = frozenset({1, 2, 3})  # illegal function, address, value


class LateResponse(NamedTuple):
    """A response that came after its timeout.

    Attributes:
        after_s: From sending the request to its answer, seconds.
    """

    unit: int
    after_s: float


OnLate: TypeAlias = Callable[[LateResponse, bytes], None]
"""Takes a late response and its PDU."""


@dataclass(slots=True)
class _Outstanding:
    """A request without an answer.

    Attributes:
        transaction: Its number on the connection that is open now; 0: none.
        heard: Whether the unit has answered something since.
        refused: Whether an exception came that may be its own.
    """

    request: Request
    sent_s: float
    transaction: int = 0
    heard: bool = False
    refused: bool = False


@dataclass
class _Line:
    """What is known of a line, independent of its client.

    Attributes:
        all_sent: Outstanding requests by unit, oldest first.
        worst: Latest answer ever of each unit: how late, and when that was.
        units: Those that were asked.
        good: By unit and function, the reads that were answered with values: their registers or
            bits are not expected to be refused.
    """

    all_sent: dict[int, list[_Outstanding]] = field(default_factory=dict[int, list[_Outstanding]])
    worst: dict[int, tuple[float, float]] = field(default_factory=dict[int, tuple[float, float]])
    units: set[int] = field(default_factory=set[int])
    good: dict[tuple[int, int], set[Request]] = field(
        default_factory=dict[tuple[int, int], set[Request]]
    )


class Outstanding:
    """Unanswered requests of a line, each until no answer to it is expected any more.

    Args:
        timeout_s: Of the port, seconds.
    """

    def __init__(self, timeout_s: float, line: _Line | None = None) -> None:
        self._recent_s = _TIMEOUTS_RECENT * timeout_s
        self._outstanding_s = max(LONGEST_OUTSTANDING_S, _TIMEOUTS_OUTSTANDING * timeout_s)
        self._line = line or _Line()

    def __bool__(self) -> bool:
        return bool(self._line.all_sent)

    def handed_on(self, timeout_s: float) -> "Outstanding":
        """Return the same requests for the next user of the line; both keep them up to date."""
        return Outstanding(timeout_s, self._line)

    def reconnected(self, *, direct: bool) -> None:
        """Forget transaction numbers: those of the old connection mean nothing on a new one.

        Args:
            direct: A device that speaks Modbus TCP itself, as far as its port's settings tell:
                when it is the only unit, the connection takes with it what was outstanding.
        """
        if direct and len(self._line.units) <= 1:
            self._line.all_sent.clear()
        for sent in self._all():
            sent.transaction = 0

    def add(self, request: Request, sent_s: float, transaction: int = 0) -> None:
        """Keep a request that got no response in time."""
        self._line.units.add(request.unit)
        mine = self._line.all_sent.setdefault(request.unit, [])
        mine.append(_Outstanding(request, sent_s, transaction))
        del mine[:-_MOST_KEPT]

    def clear_at(self, request: Request, now_s: float, *, afresh: bool = False) -> float:
        """When no late answer can be taken for this one's; in the past if that is now.

        The same read may be repeated: whichever answer comes carries the registers asked for.

        Args:
            request: What is to be asked.
            now_s: Monotonic seconds.
            afresh: An older answer to the same read counts as another's.
        """
        mine = self._of(request.unit, now_s)
        if not mine:
            return 0.0
        rivals = [
            one
            for one in mine
            if _alike(one.request, request) and (afresh or not _same(one, request))
        ]
        waits = self._waits(request.unit, now_s)
        times = [0.0, *(_until(one, waits) for one in rivals)]
        recent = [o for o in mine if not o.heard and o.sent_s + self._recent_s > now_s]
        if len(recent) >= _MOST_RECENT:
            times.append(recent[-_MOST_RECENT].sent_s + self._recent_s)
        return max(times)

    def answered(self, request: Request, sent_s: float, *, refused: bool = False) -> None:
        """Count a response in time; while the same request is outstanding it may be that one's."""
        line = self._line
        line.units.add(request.unit)
        if request.wanted and not refused:
            self._note_good(request)
        mine = line.all_sent.get(request.unit)
        if mine is None:
            return
        for one in mine:
            one.heard = True
        earlier = next((one for one in mine if one.request == request), None)
        if earlier is not None:
            mine.remove(earlier)
        # The exception may have been another request's; then this one's answer is still to come.
        uncertain = refused and any(one.request.code == request.code for one in mine)
        if earlier is not None or uncertain:
            mine.append(_Outstanding(request, sent_s, heard=True))

    def came(
        self, unit: int, pdu: bytes, asked: Request | None, now_s: float
    ) -> LateResponse | None:
        """Take a frame for the late answer that it is; None: it answers ``asked``, or nothing."""
        waiting = asked if asked is not None and asked.unit == unit else None
        if waiting is not None and waiting.answered_by(pdu):
            return None
        mine = self._of(unit, now_s)
        found = next((one for one in mine if one.request.answered_by(pdu)), None)
        if found is None and not (waiting is not None and waiting.adapted_by(pdu)):
            found = next((one for one in mine if one.request.adapted_by(pdu)), None)
        if found is not None:
            return self._late(found, now_s)
        refused = [one for one in mine if self._may_refuse(one, pdu, waiting)]
        if not refused:
            return None
        if waiting is None and len(mine) == 1:
            return self._late(refused[0], now_s)
        # What is known to be good is not refused: the exception says nothing about it.
        refused[0].refused = waiting is None or not self._is_good(waiting, pdu)
        return LateResponse(unit, now_s - refused[0].sent_s)

    def _may_refuse(self, one: _Outstanding, pdu: bytes, waiting: Request | None) -> bool:
        request = one.request
        if one.refused or not request.refused_by(pdu) or _implies(request, waiting):
            return False
        return not self._is_good(request, pdu)

    def _is_good(self, request: Request, pdu: bytes) -> bool:
        """Whether this was answered before, and so is not expected to be refused in this way."""
        if not request.wanted or pdu[_EXCEPTION_CODE] not in _NOT_FOR_GOOD:
            return False
        known = self._line.good.get((request.unit, request.code), ())
        return any(request.within(one) for one in known)

    def _note_good(self, request: Request) -> None:
        line, key = self._line, (request.unit, request.pdu[0])
        known = line.good.get(key)
        if known is None:
            known = line.good[key] = set()
        if request not in known:
            if len(known) >= _MOST_GOOD:
                known.clear()
            known.add(request)

    def came_numbered(
        self, transaction: int, unit: int, pdu: bytes, asked: Request | None, now_s: float
    ) -> LateResponse | None:
        """Take a frame for the late answer to the request of this number, or of its shape.

        The number may be that of another request, so the shape has to be right as well.
        """
        for one in self._of(unit, now_s):
            if one.transaction == transaction and one.request.answered_by(pdu):
                return self._late(one, now_s)
        return self.came(unit, pdu, asked, now_s)

    def others(self, request: Request | None) -> Sequence[Request]:
        """What is outstanding on the line beside this one, oldest first, each once."""
        found = sorted(self._all(), key=lambda one: one.sent_s)
        return [one for one in dict.fromkeys(each.request for each in found) if one != request]

    def _late(self, found: _Outstanding, now_s: float) -> LateResponse:
        unit = found.request.unit
        mine = self._line.all_sent[unit]
        mine.remove(found)
        if not mine:
            del self._line.all_sent[unit]
        late_s = now_s - found.sent_s
        worst_s, _ = self._line.worst.get(unit, (0.0, now_s))
        self._line.worst[unit] = (max(worst_s, late_s), now_s)
        return LateResponse(unit, late_s)

    def _of(self, unit: int, now_s: float) -> list[_Outstanding]:
        mine = self._line.all_sent.get(unit)
        if mine is None:
            return []
        waits = self._waits(unit, now_s)
        mine[:] = [one for one in mine if _until(one, waits) > now_s]
        if not mine:
            del self._line.all_sent[unit]
        return mine

    def _all(self) -> list[_Outstanding]:
        return [one for mine in self._line.all_sent.values() for one in mine]

    def _waits(self, unit: int, now_s: float) -> tuple[float, float]:
        """How long answers of a unit are expected, seconds: it was silent since, it was heard."""
        worst_s, seen_s = self._line.worst.get(unit, (0.0, now_s))
        if now_s - seen_s > _REMEMBERED_S:
            del self._line.worst[unit]
            worst_s = 0.0
        heard_s = max(self._outstanding_s, _WORST_MARGIN * worst_s)
        silent_s = max(heard_s, LONGEST_SILENT_S)
        return min(_LONGEST_S, silent_s), min(_LONGEST_S, heard_s)


def _until(one: _Outstanding, waits: tuple[float, float]) -> float:
    """When no answer to it is expected any more, monotonic seconds."""
    return one.sent_s + waits[one.heard]


def _alike(one: Request, other: Request) -> bool:
    """Whether an answer to one would pass for an answer to the other.

    Writes of one place are alike whatever they write: which of them was done must not be mixed up.
    """
    if one.unit != other.unit:
        return False
    if not one.wanted:
        return one.place == other.place
    return one.size == other.size and one.head == other.head


def _same(one: _Outstanding, request: Request) -> bool:
    """Whether any answer to the one is as good for the other; an echo is not."""
    return bool(request.wanted) and one.request == request


def _implies(one: Request, asked: Request | None) -> bool:
    """Whether a device that refuses the one refuses what was asked as well."""
    if asked is None or not (one.wanted and asked.wanted):
        return False
    return one.within(asked)
