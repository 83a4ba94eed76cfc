"""Finds sites of a shard whose first births it missed: they send data that nobody asks for.

For some seconds after each connection the data of all sites are listened to, on a connection of
their own, so that nothing is delivered twice. An agent that is not acknowledged repeats itself
within that time.
"""

from config.mqtt import MqttSettings
from server.core.clock import Clock
from server.ingest.mqtt import MqttLink
from server.ingest.side_client import SideClient
from server.ingest.subscriptions import data_of

_LISTEN_S = 15.0
_LOOK_S = 1.0


class Census:
    """Follows the connections of a link."""

    def __init__(self, settings: MqttSettings, link: MqttLink, clock: Clock) -> None:
        self._settings = settings
        self._link = link
        self._clock = clock

    async def run(self) -> None:
        """Listen after each new connection, until cancelled."""
        counted = 0
        while True:
            await self._clock.sleep(_LOOK_S)
            connection = self._link.connection
            if connection in (0, counted):
                continue
            counted = connection
            side = SideClient(
                self._settings,
                "census",
                filters=[data_of("+")],
                hear=lambda topic, _payload: self._link.note_site(topic),
            )
            with side:
                await self._clock.sleep(_LISTEN_S)
