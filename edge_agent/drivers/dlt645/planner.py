"""Points of a meter to identifiers worth asking, answers to readings (pure).

A request costs its frames and the time that the meter takes to answer. Where several members of a
block are wanted, one request for the block is cheaper; a meter that refuses the block is asked for
its members.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from config.computed import class_points
from config.identifiers import IdentifierPoint
from edge_agent.drivers.dlt645.convert import compile_answer
from edge_agent.drivers.dlt645.line import MeterLine
from edge_agent.drivers.dlt645.question import IdentifierQuestion, of_block, singles_of
from edge_agent.drivers.dlt645.targets import RelayTarget
from edge_agent.drivers.identified import IdentifiedPlanner
from edge_agent.drivers.question import Barrier, Reader, Unavailable
from edge_agent.errors import CommandError
from protocols.dlt645.codes import IDENTIFIER_BYTES, Edition
from protocols.dlt645.commands import RELAY_BYTES, RelayCommand, relay_request
from protocols.dlt645.identifiers import Item, item
from protocols.dlt645.requests import read
from protocols.reading import Value

_ANY_METER: Final = "000000000000"


class IdentifierPlanner(IdentifiedPlanner[IdentifierQuestion, IdentifierPoint]):
    """Plans reads of a meter, and converts them; see ``Planner``.

    Args:
        points: The points of the device.
        line: How its line is spoken on.
        answer_s: What the meter takes to begin its answer, seconds.
        close: What a command to close its relay says.
    """

    def __init__(
        self,
        points: Mapping[str, IdentifierPoint],
        line: MeterLine,
        *,
        answer_s: float | None = None,
        close: RelayCommand = RelayCommand.CLOSE,
    ) -> None:
        super().__init__(points, line, answer_s=answer_s)
        self._meters = line
        self._close = close

    @property
    def asks(self) -> type[IdentifierQuestion]:
        """The class of its questions."""
        return IdentifierQuestion

    def plan(self, period_s: float, unavailable: Unavailable) -> Sequence[IdentifierQuestion]:
        """Return the cheapest questions that read the points of one period once."""
        wanted = {
            name: point
            for name, point in class_points(self._points, period_s).items()
            if name not in unavailable.points
        }
        blocks: dict[int, list[str]] = {}
        for name, point in wanted.items():
            block = None if point.overrides else block_of(point.edition, point.number)
            if block and Barrier("identifier", block.identifier) not in unavailable.barriers:
                blocks.setdefault(block.identifier, []).append(name)
        questions: list[IdentifierQuestion] = []
        taken: set[str] = set()
        for name in wanted:
            if name in taken:
                continue
            chosen = self._question(name, blocks, wanted)
            taken.update(chosen.points)
            questions.append(chosen)
        return questions

    def _question(
        self,
        name: str,
        blocks: Mapping[int, Sequence[str]],
        wanted: Mapping[str, IdentifierPoint],
    ) -> IdentifierQuestion:
        """Return the question for a point: of its block where that is the cheaper way."""
        point = wanted[name]
        same = {n: one for n, one in wanted.items() if one.number == point.number}
        single = next(one for one in singles_of(same) if name in one.points)
        block = None if point.overrides else block_of(point.edition, point.number)
        names = blocks.get(block.identifier, ()) if block else ()
        if block is None or not names:
            return single
        together = of_block(block, point.edition, names)
        apart = singles_of({name: wanted[name] for name in names})
        saves = self.expected_s(together) < sum(self.expected_s(one) for one in apart)
        return together if saves else single

    def alone(self, point: str) -> IdentifierQuestion:
        """Return the question for one point."""
        return singles_of({point: self._points[point]})[0]

    def reader(self, question: IdentifierQuestion, /) -> Reader:
        """Return what makes the readings of an answer."""
        return compile_answer(question, self._points)

    def wire_s(self, question: IdentifierQuestion, /) -> float:
        """Time that the bytes of a read alone need, seconds."""
        request = read(_ANY_METER, question.identifier, edition=question.edition)
        return self._meters.request_s(request, question.size)

    def target(self, point: str) -> RelayTarget:
        """Return the relay."""
        return RelayTarget(point)

    def write_wire_s(self, target: RelayTarget, /) -> float:
        """Time that the bytes of a command alone need, seconds."""
        del target
        return self._meters.request_s(relay_request(_ANY_METER, bytes(RELAY_BYTES)), 0)

    def encoded(self, point: str, value: Value, *, into: Sequence[int] = ()) -> Sequence[int]:
        """Return the relay command that makes the point read as ``value``.

        Raises:
            CommandError: It is not the relay, or not writable.
        """
        del into
        wanted = self._points[point]
        if wanted.writable is None:
            raise CommandError("no point of a meter can be written but its relay, where writable")
        opens = bool(value) is not wanted.inverted
        return (RelayCommand.TRIP if opens else self._close,)

    def reads_back(self, point: str, written: Sequence[int], read: Sequence[int]) -> bool:
        """Whether the status word says what was commanded."""
        wanted = self._points[point]
        word = int.from_bytes(bytes(read), "little")
        is_open = bool(word >> (wanted.bit or 0) & 1)
        return is_open is (written[0] == RelayCommand.TRIP)


@cache
def block_of(edition: Edition, identifier: int) -> Item | None:
    """Return the block of which an identifier is a member; None: it is in none.

    A block has FF in the place of two digits of its members, of the 1997 edition F in that of one.
    """
    known = item(edition, identifier)
    if known is None or known.is_block:
        return None
    width = 8 if edition is Edition.E2007 else 4
    for at in range(0, 8 * IDENTIFIER_BYTES[edition], width):
        block = item(edition, identifier | ((1 << width) - 1) << at)
        if block is not None and block.is_block and set(known.labels) <= set(block.labels):
            return block
    return None
