"""A connection beside the host's: what is wrong with it is said once, in words."""

import asyncio

import pytest
import structlog

from config.mqtt import MqttSettings
from plantroom.processes import free_port
from server.ingest.side_client import SideClient
from tests.patience import PATIENCE_S


@pytest.mark.long
async def test_a_broker_that_is_away_is_told_once_with_its_address() -> None:
    port = free_port()
    settings = MqttSettings(port=port)
    with structlog.testing.capture_logs() as logs:
        side = SideClient(settings, "show", filters=["plantroom/live"], hear=lambda *_: None)
        with side:
            async with asyncio.timeout(PATIENCE_S):
                while not side.problem:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(1.2)  # it tries again
            side.say("plantroom/live/ask", b"")  # nobody hears it
            assert not side.connected
    assert f"no connection to the broker 127.0.0.1:{port}" in side.problem
    assert [one["event"] for one in logs] == ["side_client_unconnected"]
