"""A gateway replays its journal: nobody else's readings grow old meanwhile."""

import pytest

from protocols.sparkplug.payload import uuid_of
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, IngestPlant, node, plant, pump

__all__ = ["node", "plant", "pump"]

POINTS = 40
AT_ONCE = 1_000


@pytest.mark.long
@pytest.mark.size(2_500, 5_000)
def test_live_readings_beside_a_large_backlog_are_as_young_as_ever(
    pump: IngestPlant, node: EdgeNode, size: int
) -> None:
    """``size`` messages of 40 historical values wait."""
    other = EdgeNode("site", "returning", clock_ms=node.clock_ms)
    names = {f"p{number}": 1.0 for number in range(POINTS)}
    pump.receive(other.nbirth(), other.dbirth("d", names))
    hour_ago = other.clock_ms - 3_600_000
    for number in range(size):
        values = dict.fromkeys(range(1, POINTS + 1), float(number))
        uuid = uuid_of("journal", number)
        at = hour_ago + number
        pump.reception.inbox.put(*other.ddata("d", values, at=at, uuid=uuid, historical=True))
    series = pump.series(f"{PUMP}/pressure")
    read = 0
    while len(pump.reception.inbox):
        read += 1
        node.clock_ms += 1
        pump.reception.inbox.put(*node.ddata("pump", {1: float(read)}, at=node.clock_ms))
        pump.ingest._work(wait_s=0)
        # Read and judged in the very next turn, however much of the other waits.
        assert series.last_value == float(read)
        assert "site/gw" not in pump.ingest._host.busy
        assert len(pump.ingest._rounds.ready.batch) <= 2 * 20_000 + AT_ONCE * POINTS
    assert read > 10
    pump.wait(5)
    pump.wait(5)
    assert pump.stored(f"{PUMP}/pressure")[-read:] == [float(one + 1) for one in range(read)]
    assert len(pump.stored("site/returning/d/p0")) == size + 1
