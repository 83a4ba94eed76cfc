"""A few rounds of ``make handles``."""

from pathlib import Path

from tests.soak.handles import run


async def test_an_agent_that_loses_its_broker_and_its_ports_again_and_again_keeps_its_handles(
    tmp_path: Path,
) -> None:
    figures = await run(9, tmp_path)
    assert figures["broker_reconnects"] == 6
    assert figures["port_reconnects"] == 12
    assert figures["messages"] > 100
