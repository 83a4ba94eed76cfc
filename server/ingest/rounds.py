"""What came of the messages is settled in slices, so that no gateway waits long for another.

Each slice is one transaction, and gateways share it. Alarms first: a reading over its limit waits
for one slice of births or states that is being written, and for its share of the next slice of
alarms.
"""

from collections.abc import Callable
from itertools import islice

from sqlalchemy.orm import Session

from server.assets.ledger import EquipmentBirth
from server.assets.registry import Registry
from server.assets.series import Sample
from server.core.clock import Clock
from server.core.records import Records
from server.ingest.births import StoredBirth, store_births
from server.ingest.host import Host
from server.ingest.node import Newborn, Node, Ready
from server.ingest.persistence import Persist
from server.ingest.status import StatusChange, store_status

Evaluate = Callable[[list[Sample]], None]
Answers = Callable[[list[tuple[int, str]]], None]

_SAMPLES = 10
"""That are evaluated in one transaction; each may become an alarm."""
_MOST_SAMPLES = 100
"""That are evaluated at once as long as nothing comes of them."""
_SHORT_S = 0.01
"""A slice that took longer is followed by the smallest, any other by one of twice its size."""
_EVALUATION_S = 0.05
"""So long one slice of samples follows the other."""
_ROWS = 100
"""Births and states in one transaction."""
_BIRTH_BYTES = 1_000_000
"""Of births in one transaction."""
_DEVICES = 10
"""That are entered in one transaction."""
_POINTS = 250
"""That are entered in one transaction; a birth with more is entered in parts."""


class Rounds:
    """Settles what the host's nodes have, a slice of each kind at a time; in the ingest thread."""

    def __init__(
        self,
        host: Host,
        records: Records,
        registry: Registry,
        clock: Clock,
        *,
        persist: Persist,
        evaluate: Evaluate,
        answers: Answers,
        settled: Callable[[int], None],
    ) -> None:
        """Prepare.

        Args:
            host: Whose nodes are settled.
            records: Where births and states go.
            registry: Where new equipment is entered.
            clock: Says how long a slice took.
            persist: Runs work that needs a store, again while it fails.
            evaluate: Takes samples; returns when what follows is committed.
            answers: Takes what gateways say of commands.
            settled: Hears when the oldest message of what a node has settled had arrived.
        """
        self.ready = Ready()
        self._size = _SAMPLES
        self._host = host
        self._records = records
        self._registry = registry
        self._clock = clock
        self._persist = persist
        self._evaluate = evaluate
        self._answers = answers
        self._settled = settled

    def settle(self) -> None:
        """Settle a slice of everything; what is left keeps its node busy."""
        self._evaluate_samples()
        self._write()
        self._enter()
        self._answer()
        self._collect()

    def _evaluate_samples(self) -> None:
        """Show the alarms what they must see of nodes whose births and states are written."""
        now_s = self._clock.monotonic_s()
        until_s = now_s + _EVALUATION_S
        while True:
            waiting = [
                node
                for node in self._host.busy.values()
                if node.decoded.samples and not node.unwritten
            ]
            if not waiting:
                return
            samples: list[Sample] = []
            shares = _shares(waiting, self._size)
            for node, share in shares:
                samples += node.decoded.samples[:share]
            self._persist("alarms", lambda samples=samples: self._evaluate(samples))
            for node, share in shares:
                del node.decoded.samples[:share]
                self._put_last(node)
            before_s, now_s = now_s, self._clock.monotonic_s()
            was_short = now_s - before_s <= _SHORT_S
            self._size = min(2 * self._size, _MOST_SAMPLES) if was_short else _SAMPLES
            if now_s >= until_s:
                return

    def _write(self) -> None:
        """Write births and states."""
        births: dict[str, StoredBirth] = {}
        changes: list[StatusChange] = []
        size = 0
        for node, share in _shares([n for n in self._host.busy.values() if n.unwritten], _ROWS):
            for key in list(islice(node.births, share)):
                if size >= _BIRTH_BYTES:
                    break
                births[key] = birth = node.births.pop(key)
                size += len(birth.payload)
            # A state without its birth says nothing yet.
            if not node.births:
                changes += node.changes[:share]
                del node.changes[:share]
            self._put_last(node)
        if not births and not changes:
            return

        def write(session: Session) -> None:
            store_births(session, births)
            store_status(session, changes)

        self._persist("status", lambda: self._records.write(write))

    def _enter(self) -> None:
        """Enter births that are not in the ledger, then do what waited behind them."""
        births = dict[str, EquipmentBirth]()
        nodes: list[Node] = []
        left = _POINTS
        waiting = [node for node in self._host.busy.values() if node.events]
        for node, share in _shares(waiting, _DEVICES):
            if left <= 0:
                break
            for event, _ in islice(node.events, share):
                if not isinstance(event, Newborn) or event.birth.key in births or left <= 0:
                    break
                part = self._registry.part_of(event.birth, points=left)
                births[part.key] = part
                left -= max(1, len(part.points))
            nodes.append(node)
        if births:
            self._persist("birth", lambda: self._registry.born(*births.values()))
        for node in nodes:
            self._host.advance(node)
            self._put_last(node)

    def _answer(self) -> None:
        nodes = [node for node in self._host.busy.values() if node.decoded.answers]
        if not nodes:
            return
        answers = [answer for node in nodes for answer in node.decoded.answers]
        self._persist("commands", lambda: self._answers(answers))
        for node in nodes:
            node.decoded.answers.clear()

    def _collect(self) -> None:
        """Let those go of whom nothing waits; what the alarms have seen is for the history."""
        for node in list(self._host.busy.values()):
            if node.unwritten or node.decoded.samples:
                continue
            self.ready.take(node)
            if not node.events:
                self._settled(node.oldest_at)
                node.oldest_at = 0
                del self._host.busy[node.key]

    def _put_last(self, node: Node) -> None:
        """Let the others come first the next time."""
        busy = self._host.busy
        busy[node.key] = busy.pop(node.key)


def _shares(nodes: list[Node], total: int) -> list[tuple[Node, int]]:
    """Share out a slice: each node the same, who has waited longest first."""
    served = nodes[:total]
    return [(node, max(1, total // len(served))) for node in served]
