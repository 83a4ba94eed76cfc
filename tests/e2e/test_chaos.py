"""The server is killed at random moments under load; the long form is ``make chaos``."""

from pathlib import Path

import pytest

from tests.chaos.run import Chaos


@pytest.mark.alone
async def test_nothing_is_lost_or_doubled_when_the_server_is_killed(tmp_path: Path) -> None:
    chaos = Chaos(tmp_path, rounds=3, seed=20261122)
    for name, score in (await chaos.run()).items():
        assert score.wanted > 0, name
        assert (score.lost, score.doubled, score.late) == (0, 0, 0), score.notes
