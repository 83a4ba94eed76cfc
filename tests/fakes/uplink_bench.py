"""An uplink without a broker: a fake connection, a fake clock."""

from config.edge import JournalSettings
from edge_agent.journal.base import Journal
from edge_agent.journal.memory import MemoryJournal
from edge_agent.uplink.drain import Drain
from edge_agent.uplink.encoder import DeviceEncoder
from edge_agent.uplink.node import Node
from edge_agent.uplink.own import Loads
from edge_agent.uplink.resend import ResendBook
from edge_agent.uplink.uplink import Uplink
from tests.fakes.agent_clock import FakeClock
from tests.fakes.gateway import NOW, gateway, reading
from tests.fakes.uplink_connection import FakeConnection


class Bench:
    """An uplink whose connection is up, without a broker."""

    def __init__(
        self,
        *,
        connected: bool = True,
        utc_ms: int = NOW,
        right: bool = True,
        journal: Journal | None = None,
        loads: Loads | None = None,
        **uplink: object,
    ) -> None:
        self.clock = FakeClock(utc_ms)
        settings = gateway(uplink=uplink)
        self.journal = journal or MemoryJournal(JournalSettings(), self.clock)
        self.uplink = Uplink(
            settings, self.journal, self.clock, synchronised=lambda: right, loads=loads
        )
        self.connection = FakeConnection()
        if connected:
            self.connect()
        self.uplink.device_up("p1", NOW)

    @property
    def node(self) -> Node:
        return self.uplink._node

    @property
    def book(self) -> ResendBook:
        return self.uplink._book

    @property
    def drain(self) -> Drain:
        return self.uplink._drain

    @property
    def encoder(self) -> DeviceEncoder:
        return self.node.encoders["p1"]

    def connect(self) -> None:
        self.connection = FakeConnection()
        self.node.session.connect()
        self.node.connection = self.connection
        self.uplink._act(self.node.session.connected())

    def lose_connection(self) -> None:
        self.node.session.connection_lost()
        self.node.connection = None
        self.book.forget_sent()

    def say(self, *values: float) -> None:
        for value in values:
            self.uplink.publish("p1", [reading(value), reading(True, name="running")])  # noqa: FBT003

    async def drain_all(self) -> list[float]:
        pauses: list[float] = []
        while self.book.due:
            pauses.append(await self.drain.step())
            self.clock.advance(pauses[-1])
        return pauses
