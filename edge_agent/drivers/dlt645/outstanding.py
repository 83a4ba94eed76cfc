"""Which requests to meters are still outstanding, and which a late frame belongs to (pure).

An answer names its meter, function and identifier, so a late one is not taken for that to another
question. What does not say which question it answers is waited for: an older answer to the same
question where a fresh value is wanted, the acknowledgement of a write, and a follow-on frame, whose
number does not say of which reading it is. A refusal names a function only.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from protocols.dlt645.codes import FUNCTIONS
from protocols.dlt645.frames import Frame, address_fits
from protocols.dlt645.requests import Request

_OUTSTANDING_S: Final = 20.0
_TIMEOUTS_OUTSTANDING: Final = 10.0  # of a line with a longer timeout than usual
_MOST_KEPT: Final = 256


class LateAnswer(NamedTuple):
    """An answer that came after its timeout.

    Attributes:
        address: Of the meter that was asked.
        after_s: From sending the request to its answer, seconds.
    """

    address: str
    after_s: float


@dataclass(frozen=True, slots=True)
class _Sent:
    request: Request
    sent_s: float


class OutstandingRequests:
    """Unanswered requests of a line, each until no answer to it is expected any more.

    Args:
        timeout_s: Of the line, seconds.
    """

    def __init__(self, timeout_s: float) -> None:
        self._expected_s = max(_OUTSTANDING_S, _TIMEOUTS_OUTSTANDING * timeout_s)
        self._all: list[_Sent] = []

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, request: Request, sent_s: float) -> None:
        """Keep a request that got no answer in time."""
        self._all.append(_Sent(request, sent_s))
        del self._all[:-_MOST_KEPT]

    def clear_at(self, request: Request, now_s: float, *, afresh: bool = False) -> float:
        """When no late answer can be taken for this one's; in the past if that is now.

        Args:
            request: What is to be asked.
            now_s: Monotonic seconds.
            afresh: An older answer to the same read counts as another's.
        """
        self._forget(now_s)
        rivals = (one for one in self._all if _alike(one.request, request, afresh=afresh))
        return max((one.sent_s + self._expected_s for one in rivals), default=0.0)

    def answered(self, request: Request, sent_s: float) -> bool:
        """Count an answer in time; returns whether it may be that to an older, equal request."""
        older = next((one for one in self._all if one.request == request), None)
        if older is None:
            return False
        self._all.remove(older)
        self.add(request, sent_s)
        return True

    def came(self, frame: Frame, asked: Request | None, now_s: float) -> LateAnswer | None:
        """Take a frame for the late answer that it is; None: it answers ``asked``, or nothing.

        A refusal is not attributed to ``asked`` while another request of that function to that
        meter may still be refused.
        """
        self._forget(now_s)
        if asked is not None and asked.answered_by(frame):
            return None
        found = next((one for one in self._all if one.request.answered_by(frame)), None)
        if found is None:
            refused = (one for one in self._all if one.request.refused_by(frame))
            found = next((one for one in refused if one.request != asked), None)
        if found is None:
            return None
        self._all.remove(found)
        return LateAnswer(found.request.address, now_s - found.sent_s)

    def _forget(self, now_s: float) -> None:
        self._all = [one for one in self._all if one.sent_s + self._expected_s > now_s]


def _alike(one: Request, other: Request, *, afresh: bool) -> bool:
    """Whether an answer to one would pass for an answer to the other."""
    if one.function != other.function or not _same_meter(one.address, other.address):
        return False
    if other.writes:
        return True
    same = one.identifier == other.identifier and one.sequence == other.sequence
    return same and (afresh or other.function == FUNCTIONS[other.edition].read_next)


def _same_meter(one: str, other: str) -> bool:
    return address_fits(one, other) or address_fits(other, one)
