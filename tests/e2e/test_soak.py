"""A day of ``make soak``."""

from pathlib import Path

from tests.soak.soak import run


async def test_a_day_of_outages_reloads_and_commands_leaves_memory_and_handles_flat(
    tmp_path: Path,
) -> None:
    figures = await run(24, tmp_path)
    assert len(figures["samples"]) == 3
    assert figures["messages"] > 100_000
    assert (figures["commands"], figures["reloads"]) == (144, 12)
