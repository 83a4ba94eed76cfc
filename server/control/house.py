"""The doors of a house that is divided: which of its ingest processes can be asked from here."""

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from server.control.visitor import Visitor, visit
from server.core.shard import Shard, shard_of
from server.history.base import Batch


@contextmanager
def visit_shards(folder: Path, shards: Mapping[Shard, str]) -> Generator[dict[Shard, Visitor]]:
    """Give those of these shards whose process has this data folder on this machine.

    Args:
        folder: The data folder.
        shards: What is ingested now, and by whom.

    Raises:
        StoreError: One runs, but this user may not talk to it.
    """
    with ExitStack() as stack:
        found = {one: stack.enter_context(visit(folder, one)) for one in shards}
        yield {shard: door for shard, door in found.items() if door is not None}


class ShardStore:
    """Fills readings in, each at the process that ingests its site."""

    def __init__(
        self,
        doors: Mapping[Shard, Visitor],
        held: Mapping[Shard, str],
        sites: Mapping[int, str],
    ) -> None:
        """Prepare.

        Args:
            doors: Who can be asked from here.
            held: Who ingests what, at least one.
            sites: Key of the site of each series.
        """
        self._doors = doors
        self._held = held
        self._sites = sites
        self._count = next(iter(held)).count
        self._left: Counter[Shard] = Counter()

    def append(self, batch: Batch) -> None:
        """Store what belongs to processes of this machine, count the rest.

        Raises:
            StoreError: A process does not take its part; nothing is doubled by a repetition.
        """
        for shard, part in self._split(batch).items():
            if shard in self._doors:
                self._doors[shard].append(part)
            else:
                self._left[shard] += len(part)

    def left(self) -> list[str]:
        """Return in words whose readings could not be stored from here."""
        return [
            f"{rows:,} readings belong to shard {shard}, which {self._who(shard)}"
            for shard, rows in sorted(self._left.items(), key=lambda one: one[0].number)
        ]

    def _who(self, shard: Shard) -> str:
        if shard not in self._held:
            return "nobody ingests now: start it, then use this command again"
        return f"{self._held[shard]} ingests: use this command there"

    def _split(self, batch: Batch) -> dict[Shard, Batch]:
        parts: dict[Shard, Batch] = {}
        for row, series in enumerate(batch.series):
            part = parts.setdefault(shard_of(self._sites[series], self._count), Batch())
            if row in batch.nth:
                part.nth[len(part)] = batch.nth[row]
            at, value = batch.taken_at[row], batch.values[row]
            part.add(series, at, value, batch.quality[row], batch.reason[row])
        return parts
