"""Real processes: an alarm of one gateway beside another one that floods, or is born in a loop."""

from pathlib import Path

import pytest

from tests.bench.load_ingest import beside

_PATIENCE_MS = 5_000
"""Far beyond what ``make bench-load`` holds: other tests share the machine."""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["flood", "births", "loop", "reconnect"])
async def test_an_alarm_does_not_wait_for_a_bad_neighbour(tmp_path: Path, name: str) -> None:
    outcome = await beside(name, tmp_path, panels=20)
    assert outcome.lost == 0
    assert max(outcome.latencies) < _PATIENCE_MS
