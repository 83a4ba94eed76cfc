"""Real processes: an alarm beside gateways that flood or are born in a loop, and bad clients."""

from pathlib import Path

import pytest

from tests.bench.load_ingest import beside
from tests.bench.load_readers import hostile
from tests.forked import ForkedChild

_PATIENCE_MS = 5_000
"""Far beyond what ``make bench-load`` holds."""
pytestmark = pytest.mark.alone


@pytest.mark.parametrize("name", ["flood", "births", "loop", "reconnect", "backlog", "restless"])
async def test_an_alarm_does_not_wait_for_a_bad_neighbour(tmp_path: Path, name: str) -> None:
    outcome = await beside(name, tmp_path, panels=20, child=ForkedChild)
    assert outcome.lost == 0
    assert max(outcome.latencies) < _PATIENCE_MS


@pytest.mark.parametrize("name", ["logins", "unread", "bodies", "exports"])
async def test_an_alarm_does_not_wait_for_a_bad_client(tmp_path: Path, name: str) -> None:
    outcome = await hostile(name, tmp_path, panels=20, child=ForkedChild)
    assert outcome.lost == 0
    assert max(outcome.latencies) < _PATIENCE_MS
    # Whoever is logged in can work meanwhile: an error would have ended the case.
    assert outcome.more["work_worst_ms"] > 0
    if name == "logins":
        statuses = outcome.more["http_statuses"]
        assert statuses["503"] > 0
        refused = sum(count for status, count in statuses.items() if status in {"429", "503"})
        assert outcome.more["http_retry_after"] == refused
