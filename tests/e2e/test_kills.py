"""A few rounds of ``make kill``."""

from pathlib import Path

from tests.soak.kill import run


async def test_an_agent_killed_at_random_while_the_broker_is_away_loses_nothing(
    tmp_path: Path,
) -> None:
    figures = await run(6, tmp_path, seed=1)
    assert figures["rows_journaled"] > 30
