"""The search for what a device does not give: in refused blocks, and in blocks without an answer.

A refused block is cut in its own cycle. Many devices say nothing to registers that they do not
have: a block that stays silent while its unit answers others is taken out of the plan, and its
pieces are asked on the probe budget. What a search found is concluded in the `Availability`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from config.gateway import ResolvedDevice
from edge_agent.drivers.question import Planner, Question
from edge_agent.errors import DeviceRefusedError
from edge_agent.polling.availability import Availability
from edge_agent.polling.bisection import PERMANENT, SILENT, Bisection
from edge_agent.polling.scan_class import ScanClass
from edge_agent.polling.units import Unit

_SILENCES = 3
_SILENCES_IN_PARTS = 5
_HEARD = 2


@dataclass(slots=True)
class _Silence:
    """A block that is not answered.

    Attributes:
        count: How often since its unit went away last; all before count as ``heard`` says.
        heard: How often its unit had answered something since the time before.
        at_s: When it was last asked without an answer, monotonic seconds.
        lost_s: Port time that it cost, seconds.
        points: How often in a row each of its points was not answered.
        in_parts: It was asked in parts, so that the unit is heard by one beside another's loss.
    """

    count: int = 0
    heard: int = 0
    at_s: float = float("-inf")
    lost_s: float = 0.0
    points: dict[str, int] = field(default_factory=dict[str, int])
    in_parts: bool = False

    @property
    def often(self) -> int:
        """How often in a row the same points were not answered."""
        return min(self.count, max(self.points.values(), default=0))


class AvailabilitySearch:
    """The searches of one device; the only one that changes those of its scan classes.

    Args:
        device: It.
        unit: Its unit.
        planner: Plans its questions.
        classes: What is asked of it.
        availability: Takes what is found.
        replan: Plans all classes anew.
    """

    def __init__(
        self,
        device: ResolvedDevice,
        *,
        unit: Unit,
        planner: Planner,
        classes: Sequence[ScanClass],
        availability: Availability,
        replan: Callable[[], None],
    ) -> None:
        self._points = device.points
        self._planner = planner
        self._unit = unit
        self._classes = classes
        self._availability = availability
        self._replan = replan
        self._silences: dict[Question, _Silence] = {}

    def answered(self, scan: ScanClass, block: Question) -> None:
        """Record that a block was answered well."""
        scan.heard = True
        if scan.search is not None:
            scan.search.answered(block)
        if self._silences:
            self._end_silence(block)

    def refused(
        self, scan: ScanClass, block: Question, error: DeviceRefusedError, now_s: float
    ) -> list[Question] | None:
        """Return the pieces to ask instead, in this cycle; None: the refusal may pass by itself."""
        if error.code not in PERMANENT:
            return None
        scan.search = scan.search or Bisection()
        if self._availability.is_fruitless(block, now_s):
            scan.search.give_up(block, error.code, str(error))
            return []
        return scan.search.split(block, self._points, error.code, str(error))

    def unanswered(
        self, scan: ScanClass, block: Question, part: Question, *, now_s: float, spent_s: float
    ) -> float:
        """Record that a block was not answered.

        Args:
            scan: Its class.
            block: The block of the plan.
            part: What was asked of it.
            now_s: Monotonic seconds.
            spent_s: Port time that it cost.

        Returns:
            The port time that it cost when it is set apart by this, seconds; else 0.
        """
        silence = self._silences.setdefault(block, _Silence())
        silence.count += 1
        silence.heard += self._unit.heard_at > silence.at_s
        silence.at_s = now_s
        silence.lost_s += spent_s
        silence.in_parts |= part != block
        for name in part.points:
            silence.points[name] = silence.points.get(name, 0) + 1
        most = _SILENCES_IN_PARTS if silence.in_parts else _SILENCES
        if silence.often < most or silence.heard < _HEARD:
            return 0.0
        del self._silences[block]
        scan.take_out(block)
        self._availability.separate(block)
        self.piece_unanswered(scan, block, now_s)
        return silence.lost_s

    def short_block_answered(self, block: Question) -> None:
        """Record that a unit answered a single point while its blocks were not answered.

        Some say nothing to requests that are too long for them. Each block has one more chance.
        """
        self._silences = {
            one: _Silence(
                _SILENCES - 1, _HEARD - 1, points=dict.fromkeys(one.points, _SILENCES - 1)
            )
            for scan in self._classes
            for one in scan.blocks
            if one.size > block.size
        }

    def went_down(self) -> None:
        """Record that the unit does not answer at all."""
        for silence in self._silences.values():
            silence.count = silence.heard

    def came_up(self, now_s: float) -> None:
        """Try everything again: another device may answer now, or it refused while it started."""
        self._retry(now_s, everything=True)

    def piece_answered(self, scan: ScanClass, block: Question, now_s: float) -> None:
        """Record that a silent piece was answered, refusals included: it is asked as others are."""
        scan.put_in(block)
        self._availability.retry_in_plan(block)
        if scan.silent_search is not None:
            scan.silent_search.answered(block)
        self._piece_done(scan, block, now_s)

    def piece_split(self, scan: ScanClass, block: Question, pieces: Sequence[Question]) -> None:
        """Ask for a silent piece in smaller ones."""
        at = scan.silent_pieces.index(block)
        scan.silent_pieces.remove(block)
        for index, piece in enumerate(pieces):
            scan.silent_pieces.insert(at + index, piece)
        if scan.silent_search is not None:
            scan.silent_search.replace(block, pieces)

    def piece_unanswered(self, scan: ScanClass, block: Question, now_s: float) -> None:
        """Ask for what was not answered in pieces, when the budget allows."""
        search = scan.silent_search = scan.silent_search or Bisection()
        scan.silent_pieces.extend(search.split(block, self._points, SILENT, "no answer"))
        self._piece_done(scan, block, now_s)

    def end_cycle(self, scan: ScanClass, now_s: float) -> dict[str, str]:
        """Conclude the search of a cycle; return the points that were lost in it, and why."""
        search = scan.search
        lost: dict[str, str] = {}
        if search is not None:
            lost = search.lost
            if self._availability.conclude(search, now_s, heard=scan.heard):
                self._replan()
        unavailable = {
            name: why
            for name, why in self._availability.unavailable.points.items()
            if (self._points[name].period_s or 1.0) == scan.period_s
        }
        if search is None and self._availability.due(now_s):
            self._retry(now_s)
        return unavailable | lost

    def _end_silence(self, block: Question) -> None:
        for silence in list(self._silences.values()):
            for name in block.points:
                silence.points.pop(name, None)
            if not silence.points:
                # It was lost and is answered now: no silent block, and so may the others be.
                self._silences.clear()
                return

    def _piece_done(self, scan: ScanClass, block: Question, now_s: float) -> None:
        if block in scan.silent_pieces:
            scan.silent_pieces.remove(block)
        scan.pieces_due_at = now_s
        if scan.silent_pieces or scan.silent_search is None:
            return
        search, scan.silent_search = scan.silent_search, None
        self._availability.conclude(search, now_s, heard=True)
        self._replan()

    def _retry(self, now_s: float, *, everything: bool = False) -> None:
        """Ask again for what is due; what was not answered is asked apart from its neighbours."""
        before = self._availability.unavailable
        for name in self._availability.retry(now_s, everything=everything):
            period_s = self._points[name].period_s or 1.0
            scan = next(one for one in self._classes if one.period_s == period_s)
            if not any(name in piece.points for piece in scan.silent_pieces):
                scan.silent_search, scan.pieces_due_at = scan.silent_search or Bisection(), now_s
                scan.silent_pieces.append(self._planner.alone(name))
        if self._availability.unavailable != before:
            self._replan()
