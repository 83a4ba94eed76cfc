"""An agent with ports, journal and uplink in memory, whose configuration can be exchanged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from config.edge import AgentSettings
from config.errors import ConfigError
from config.gateway import Gateway, ResolvedDevice
from config.points import Table
from config.ports import ModbusTcpPort, Port
from edge_agent.clock import Clock, SystemClock
from edge_agent.drivers.base import OnLateResponse, Reply
from edge_agent.health import Health
from edge_agent.journal.base import Journal
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.linkages.service import LinkageService
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port_manager import PortManager
from edge_agent.reload import Reloader
from edge_agent.uplink.uplink import Uplink
from protocols.sparkplug.topics import MessageKind
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeDriver, FakeUnit
from tests.fakes.linkage_bench import DiskStore
from tests.fakes.uplink_connection import FakeConnection
from tests.patience import PATIENCE_S

PERIOD_S = 0.02


class CountingDriver(FakeDriver):
    """Unit 1 counts its reads in register 0."""

    async def read(
        self, unit: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> Reply:
        register = self.units[unit].registers
        if unit == 1:
            register[Table.HOLDING, 0] = (register[Table.HOLDING, 0] + 1) % 65536
        return await super().read(unit, table, address, count, timeout_s=timeout_s)


def gateway_of(folder: Path, *devices: ResolvedDevice, **ports: float) -> Gateway:
    """A gateway; ``ports`` maps names to the timeout_s that tells one version from another."""
    chosen = ports or dict.fromkeys({one.port for one in devices}, 1.0)
    content = {
        "site": "site",
        "gateway": "gw",
        "journal": {"path": folder / "journal.sqlite", "commit_interval_s": 0.05},
        "ports": {
            name: {"kind": "modbus_tcp", "host": "127.0.0.1", "timeout_s": timeout_s}
            for name, timeout_s in chosen.items()
        },
        "devices": {one.id: {"port": one.port, "name": one.name.model_dump()} for one in devices},
    }
    return Gateway(AgentSettings.model_validate(content), {one.id: one for one in devices})


def meter(name: str, *, port: str = "a", unit: int = 1, **options: object) -> ResolvedDevice:
    """A device with one point, reported at each read."""
    given = {"period_s": PERIOD_S, "report_all": True} | options
    return device(name, {"count": point(0, **given)}, unit=unit, port=port)


class ReloadBench:
    """``wanted`` is what the file says; a ConfigError there is a wrong file."""

    def __init__(self, gateway: Gateway, journal: Journal, tasks: asyncio.TaskGroup) -> None:
        self.clock = SystemClock()
        self.wanted: Gateway | ConfigError = gateway
        self.journal = journal
        self.health = Health()
        self.opened: list[str] = []
        self.units = {unit: FakeUnit({(Table.HOLDING, 0): 0}, 0.0005) for unit in (1, 2, 3)}
        self.uplink = Uplink(gateway, journal, self.clock)
        self.connection = FakeConnection()
        self.port_manager = PortManager(
            sink=self.uplink,
            health=self.health,
            availability=MemoryAvailability(),
            clock=self.clock,
            open_driver=self._open,
        )
        self.port_manager.start(self.port_manager.prepare(gateway), tasks)
        self.linkages = LinkageService(
            ports=self.port_manager.ports,
            sink=self.uplink,
            store=DiskStore(),
            health=self.health,
            clock=self.clock,
        )
        self.reloader = Reloader(
            gateway,
            load=self._load,
            port_manager=self.port_manager,
            uplink=self.uplink,
            linkages=self.linkages,
            health=self.health,
            tasks=tasks,
        )

    async def reload(self, wanted: Gateway | ConfigError) -> bool:
        self.wanted = wanted
        return await self.reloader.reload()

    def connect(self) -> None:
        node = self.uplink._node
        node.session.connect()
        node.connection = self.connection
        self.uplink._act(node.session.connected())

    def said(self) -> list[tuple[str, str | None]]:
        """Births and deaths of devices, in order."""
        kinds = {MessageKind.DBIRTH, MessageKind.DDEATH}
        return [
            (topic.kind.value, topic.device)
            for topic, _ in self.connection.sent
            if topic.kind in kinds
        ]

    def counts(self, name: str) -> list[int]:
        """Values of a device in the live messages, in order."""
        return [
            int(metric.value)  # type: ignore[arg-type]
            for topic, payload in self.connection.sent
            if topic.kind is MessageKind.DDATA and topic.device == name
            for metric in payload.metrics
        ]

    async def until_read(self, name: str, more: int = 3) -> None:
        """Let a device be read so many times more."""
        async with asyncio.timeout(PATIENCE_S):
            before = self._taken(name)
            seen = 0
            while seen < more:
                await asyncio.sleep(PERIOD_S / 4)
                now = self._taken(name)
                seen += now != before
                before = now

    def _taken(self, name: str) -> int:
        port = self.port_manager.ports.get(self.port_manager.devices[name].port)
        latest = port.latest(name, "count") if port else None
        return latest.taken_at if latest else 0

    def _load(self) -> Gateway:
        if isinstance(self.wanted, ConfigError):
            raise self.wanted
        return self.wanted

    def _open(self, port: Port, clock: Clock, late: OnLateResponse) -> FakeDriver:
        assert isinstance(port, ModbusTcpPort)
        self.opened.append(f"{port.timeout_s:g}")
        return CountingDriver(self.units, clock).opened(late)


class _EndError(Exception):
    """The test is over."""


@asynccontextmanager
async def reload_bench(gateway: Gateway) -> AsyncIterator[ReloadBench]:
    """Run an agent with its journal on disk."""
    async with SqliteJournal(gateway.settings.journal, SystemClock()) as journal:
        try:
            async with asyncio.TaskGroup() as tasks:
                bench = ReloadBench(gateway, journal, tasks)
                tasks.create_task(journal.run(bench.uplink.journal_renamed))
                yield bench
                raise _EndError  # noqa: TRY301 (ends the group, and with it the ports)
        except* _EndError:
            pass
