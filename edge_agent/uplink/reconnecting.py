"""Keeps one connection to the broker after the other, and the session on each of them."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from config.mqtt import MqttSettings
from edge_agent.clock import Clock
from edge_agent.errors import UplinkError
from edge_agent.journal.base import Journal
from edge_agent.uplink.link_status import Link, LinkStatus
from edge_agent.uplink.mqtt import MqttConnection
from edge_agent.uplink.node import Node
from edge_agent.uplink.resend import ResendBook
from edge_agent.uplink.stamping import Stamping
from protocols.sparkplug.edge_session import Action

log = structlog.get_logger()

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 1.5
"""A broker that returns has its gateways back within two seconds."""
_SETTLED_S: Final = 5.0
_LOOK_S: Final = 1.0
_PROBE_S: Final = 1.0
_ASK_STATE_S: Final = 30.0
"""A gateway that waits for its primary host asks the broker this often what is retained."""

OnMessage = Callable[[str, bytes, bool], None]
"""Topic, payload, whether the broker had kept it."""


class Reconnector:
    """Connects, lets the node be born, stays; for ever.

    Args:
        mqtt: How to reach the broker.
        node: The edge node.
        journal: Keeps the number of each CONNECT.
        stamping: Says when the clock is good enough for a session.
        book: What was sent; a lost connection forgets it.
        link_status: Hears what became of each attempt.
        act: Performs what the session answers.
        received: Takes what the broker delivers.
    """

    def __init__(
        self,
        mqtt: MqttSettings,
        *,
        node: Node,
        journal: Journal,
        stamping: Stamping,
        book: ResendBook,
        link_status: LinkStatus,
        clock: Clock,
        act: Callable[[Sequence[Action]], None],
        received: OnMessage,
    ) -> None:
        self._mqtt = mqtt
        self._node = node
        self._journal = journal
        self._stamping = stamping
        self._book = book
        self._link_status = link_status
        self._clock = clock
        self._act = act
        self._received = received
        self._accepted = False
        self._logged_down: set[str] = set()
        """Why the broker is away, as far as that was logged since it was there."""

    async def run(self) -> None:
        """Stay connected, for ever."""
        pause_s = _FIRST_PAUSE_S
        while True:
            began_s = self._clock.monotonic_s()
            self._accepted = False
            try:
                why = await self._one_connection()
            except UplinkError as error:
                why = str(error)
            lived_s = self._clock.monotonic_s() - began_s
            if self._accepted and lived_s > _SETTLED_S:
                pause_s = _FIRST_PAUSE_S
            self._log_down(why)
            most_s = max(pause_s, self._link_status.takeover.pause_s)
            await self._clock.sleep(random.uniform(0.5, 1.0) * most_s)  # noqa: S311 (jitter)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def up(self) -> None:
        """Log that a session has begun."""
        self._link_status.become(Link.ONLINE)
        log.info("uplink_up", host=self._mqtt.host, port=self._mqtt.port)
        self._logged_down.clear()

    async def look(self) -> None:
        """Log what lasts too long, and ask again for a STATE that is waited for; for ever."""
        asked_s = 0.0
        while True:
            await self._clock.sleep(_LOOK_S)
            now_s = self._clock.monotonic_s()
            self._link_status.look(self._book.unanswered_s(now_s))
            if self._link_status.link is not Link.WAITS_FOR_HOST:
                asked_s = now_s
            elif now_s - asked_s >= _ASK_STATE_S:
                asked_s = now_s
                self._node.ask_state()

    async def _listens(self) -> bool:
        """Return whether the broker is there at once: one that was stopped explains the loss."""
        try:
            async with asyncio.timeout(_PROBE_S):
                _, writer = await asyncio.open_connection(self._mqtt.host, self._mqtt.port)
        except (OSError, TimeoutError):
            return False
        writer.transport.abort()
        return True

    def _log_down(self, why: str) -> None:
        self._link_status.become(Link.BROKER_AWAY, why)
        if why not in self._logged_down:
            log.warning("uplink_down", host=self._mqtt.host, port=self._mqtt.port, why=why)
            self._logged_down.add(why)

    async def _one_connection(self) -> str:
        """Connect, be born, stay until the connection ends; returns why it did."""
        node, link_status = self._node, self._link_status
        bd_seq = node.session.connect()
        # On disk before it is used: a number used twice would let an old death kill a new birth.
        self._journal.keep_bd_seq(bd_seq)
        await self._journal.commit()
        will_topic, will_payload = node.will(bd_seq)
        connection = MqttConnection(
            self._mqtt,
            client_id=node.client_id,
            will_topic=will_topic,
            will_payload=will_payload,
            on_message=self._received,
        )
        began_s = self._clock.monotonic_s()
        try:
            await connection.open(node.filters)
            node.connection = connection
            link_status.become(Link.WAITS_FOR_CLOCK)
            if await self._stamping.ready(self._clock, connection.closed):
                link_status.become(Link.WAITS_FOR_HOST)
                self._act(node.session.connected())
            return await asyncio.shield(connection.closed)
        finally:
            self._accepted = connection.accepted
            if not connection.accepted:
                link_status.takeover.refused()
            elif connection.closed.done() and not connection.leaving:
                lived_s = self._clock.monotonic_s() - began_s
                if await self._listens():
                    link_status.lost(lived_s)
                else:
                    link_status.takeover.refused()
            if not connection.closed.done():
                self._act(node.session.close())
            node.session.connection_lost()
            node.connection = None
            self._book.forget_sent()
            await connection.close()
