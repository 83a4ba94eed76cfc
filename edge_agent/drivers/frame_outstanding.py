"""Which requests of a line are still outstanding, and which a late frame belongs to (pure).

An answer mostly says what it is for, so a late one is not taken for that to another question. What
does not say it is waited for: an older answer to the same question where a fresh value is wanted,
the acknowledgement of a write, a follow-on frame. A refusal says less than an answer does.
"""

from typing import Final, Generic, NamedTuple

from edge_agent.drivers.base import UnitAddress
from edge_agent.drivers.frame_line import Asked, Frame

_MOST_KEPT: Final = 256


class LateAnswer(NamedTuple):
    """An answer that came after its timeout.

    Attributes:
        unit: Who was asked.
        after_s: From sending the request to its answer, seconds.
    """

    unit: UnitAddress
    after_s: float


class _Sent(NamedTuple, Generic[Frame]):
    request: Asked[Frame]
    sent_s: float
    until_s: float


class OutstandingRequests(Generic[Frame]):
    """Unanswered requests of a line, each until no answer to it is expected any more.

    It belongs to the line, not to its client: who uses the line next has to know them.
    """

    def __init__(self) -> None:
        self._all: list[_Sent[Frame]] = []

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, request: Asked[Frame], *, sent_s: float, until_s: float) -> None:
        """Keep a request that got no answer in time; its answer may come until then."""
        self._all.append(_Sent(request, sent_s, until_s))
        del self._all[:-_MOST_KEPT]

    def discard(self, request: Asked[Frame]) -> None:
        """Forget a request whose answer cannot come any more: its connection is gone."""
        self._all = [one for one in self._all if one.request != request]

    def clear_at(self, request: Asked[Frame], now_s: float, *, afresh: bool = False) -> float:
        """When no late answer can be taken for this one's; in the past if that is now.

        Args:
            request: What is to be asked.
            now_s: Monotonic seconds.
            afresh: An older answer to the same request counts as another's.
        """
        self._forget(now_s)
        rivals = (
            one.until_s
            for one in self._all
            if request.mistakes_for(one.request) or (afresh and one.request == request)
        )
        return max(rivals, default=0.0)

    def answered(self, request: Asked[Frame], *, sent_s: float, until_s: float) -> bool:
        """Count an answer in time; returns whether it may be that to an older, equal request."""
        older = next((one for one in self._all if one.request == request), None)
        if older is None:
            return False
        self._all.remove(older)
        self.add(request, sent_s=sent_s, until_s=until_s)
        return True

    def came(self, frame: Frame, asked: Asked[Frame] | None, now_s: float) -> LateAnswer | None:
        """Take a frame for the late answer that it is; None: it answers ``asked``, or nothing.

        A refusal is not attributed to ``asked`` while another request may still be refused by it.
        """
        self._forget(now_s)
        if asked is not None and asked.answered_by(frame):
            return None
        found = next((one for one in self._all if one.request.answered_by(frame)), None)
        if found is None:
            refused = (one for one in self._all if one.request.refusal(frame))
            found = next((one for one in refused if one.request != asked), None)
        if found is None:
            return None
        self._all.remove(found)
        return LateAnswer(found.request.unit, now_s - found.sent_s)

    def _forget(self, now_s: float) -> None:
        self._all = [one for one in self._all if one.until_s > now_s]
