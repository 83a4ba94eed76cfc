"""What the next group commit writes; taken as a whole, and put back as one when it fails."""

from edge_agent.journal.aliases import AliasBook
from edge_agent.journal.bounds import Age
from edge_agent.journal.buffer import Buffer
from edge_agent.journal.file import Batch
from edge_agent.journal.ranges import RangeSet


class Group:
    """News since the last commit.

    Attributes:
        pending: Rows that are not on disk.
        aliases: All aliases, and which of them are new.
        acknowledged: Offsets to delete.
        facts: Numbers to write.
        writing: How many rows are being written just now.
    """

    def __init__(self, pending: Buffer) -> None:
        self.pending = pending
        self.aliases = AliasBook({})
        self.acknowledged = RangeSet()
        self.facts: dict[str, int] = {}
        self.writing = 0

    def take(self, age: Age | None) -> Batch | None:
        """Return everything as a batch; None when there is nothing to write."""
        acknowledged = list(self.acknowledged)
        news = self.pending.rows or acknowledged or self.facts or self.aliases.news
        if not news and age is None:
            return None
        rows, held = self.pending.take()
        self.writing = len(rows)
        batch = Batch(
            acknowledged=acknowledged,
            aliases=self.aliases.news,
            rows=list(rows.values()),
            held=list(held.values()),
            facts=self.facts,
            age=age,
        )
        self.acknowledged, self.aliases.news, self.facts = RangeSet(), [], {}
        return batch

    def restore(self, batch: Batch) -> None:
        """Take back what could not be written."""
        # Acknowledged while being written: must not come back.
        rows = {row.offset: row for row in batch.rows if row.offset not in self.acknowledged}
        self.pending.put_back(rows, {row.offset: row for row in batch.held})
        self.acknowledged.update(batch.acknowledged)
        self.aliases.news = batch.aliases + self.aliases.news
        self.facts = batch.facts | self.facts
