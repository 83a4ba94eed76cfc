"""The way up: takes readings from the ports, keeps the session with the broker alive."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

import structlog

from config.resolve import Gateway
from edge_agent.clock import Clock
from edge_agent.commands.result import CommandResult
from edge_agent.errors import JournalFullError, UplinkError
from edge_agent.journal.base import Journal
from edge_agent.uplink.clock_trust import ClockTrust
from edge_agent.uplink.commands import CommandDesk, CommandHandler, result_text
from edge_agent.uplink.drain import Drain
from edge_agent.uplink.encoder import state_readings
from edge_agent.uplink.inbound import (
    Acknowledgement,
    HostState,
    Inbound,
    PointCommand,
    Rebirth,
    read_message,
)
from edge_agent.uplink.mqtt import MqttConnection
from edge_agent.uplink.node import Node
from edge_agent.uplink.resend import ResendBook
from edge_agent.uplink.stamping import Stamping
from edge_agent.uplink.stats import UplinkStats
from protocols.errors import FrameError
from protocols.reading import Quality, Reading
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.edge_session import Action, DeviceState, Phase
from protocols.sparkplug.names import COMMAND_RESULT

log = structlog.get_logger()

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 1.5
"""A broker that returns has its gateways back within two seconds."""
_SETTLED_S = 5.0


def _always() -> bool:
    return True


class Uplink:
    """Implements the ReadingSink of polling; ``run`` keeps the connection.

    Args:
        gateway: What it is.
        journal: Keeps what is not acknowledged.
        clock: Stamps the readings.
        synchronised: Whether somebody keeps the machine's clock right; default: somebody does.
    """

    def __init__(
        self,
        gateway: Gateway,
        journal: Journal,
        clock: Clock,
        *,
        synchronised: Callable[[], bool] = _always,
    ) -> None:
        settings = gateway.settings
        self._mqtt = settings.mqtt
        self._journal = journal
        self._clock = clock
        self._node = Node(gateway, journal, clock)
        self._book = ResendBook(
            ack_timeout_s=settings.uplink.ack_timeout_s, rate=settings.uplink.backlog_rate
        )
        self._drain = Drain(journal, self._node, self._book, settings.uplink, clock)
        trust = ClockTrust(
            clock,
            synchronised=synchronised,
            grace_s=settings.uplink.clock_grace_s,
            believed=journal.believed,
        )
        self._stamping = Stamping(trust, journal=journal, node=self._node, act=self._act)
        journal.on_renamed = self._journal_renamed
        self._devices = gateway.devices
        self._desk: CommandDesk | None = None
        self._said_down = False
        self._acknowledged = self._refused = self._unreadable = 0
        self._unnumbered = self._given_up = 0

    def device_up(self, device: str, at: int) -> None:
        """Note that a device answers; it is born before its first readings."""
        self._stamping.zero(at)
        self._node.encoders[device].remember(state_readings("online", "", at))
        self._node.perform(self._node.session.device_up(device))

    def device_down(self, device: str, at: int, reason: str) -> None:
        """Note that a device does not answer; why is said before its death, and by its births."""
        said = state_readings("demoted", reason, at)
        self._stamping.zero(at)
        if self._node.session.devices.get(device) is DeviceState.UP:
            self.readings(device, said)
        self._node.encoders[device].remember(said)
        self._node.perform(self._node.session.device_down(device))

    def device_state(self, device: str, at: int, state: str, reason: str) -> None:
        """Publish that answers of a device are missing now and then, or no longer."""
        self.readings(device, state_readings(state, reason, at))

    def readings(self, device: str, readings: Sequence[Reading]) -> None:
        """Journal readings and publish them at once if the session is live."""
        if not readings:
            return
        zero_ms = self._stamping.zero(readings[-1].taken_at)
        fragment = self._node.encoders[device].fragment(readings)
        try:
            offset = self._journal.append(
                device,
                fragment,
                taken_at=readings[-1].taken_at,
                readings=len(readings),
                zero_ms=zero_ms,
            )
        except JournalFullError:
            # Live all the same; the journal has said aloud that it is not writable.
            sent = zero_ms is None and self._node.publish(device, fragment, None)
            self._unnumbered += len(readings) if sent else 0
            self._given_up += 0 if sent else len(readings)
            return
        if zero_ms is not None:
            return
        if self._node.publish(device, fragment, offset):
            self._book.sent_live(offset, self._clock.monotonic_s())
        else:
            self._book.missed(offset)

    def reconfigure(
        self, gateway: Gateway, *, removed: Sequence[str], changed: Sequence[str]
    ) -> None:
        """Take over other devices; the connection, the journal and all aliases stay."""
        self._devices = gateway.devices
        self._node.reconfigure(gateway, removed=removed, changed=changed)

    def stats(self) -> UplinkStats:
        """Return the figures of this moment."""
        return UplinkStats(
            online=self._node.live,
            published=self._node.published,
            resent=self._drain.resent,
            acknowledged=self._acknowledged,
            refused_acknowledgements=self._refused,
            unreadable=self._unreadable,
            due_ranges=len(self._book.due),
            queued_bytes=self._node.queued_bytes,
            unnumbered=self._unnumbered,
            given_up=self._given_up,
            failed_reads=self._drain.failed_reads,
            synchronised=self._stamping.trust.synchronised,
        )

    async def run(self, handler: CommandHandler) -> None:
        """Stay connected, send the backlog, execute commands; for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stamping.run(self._clock), name="uplink clock")
            tasks.create_task(self._drain.run(), name="uplink backlog")
            self._desk = CommandDesk(
                handler, port_of=self._port_of, answer=self._tell, clock=self._clock
            )
            tasks.create_task(self._desk.run(), name="uplink commands")
            await self._stay_connected()

    def _still_known(self, device: str, readings: Sequence[Reading]) -> list[Reading]:
        """Leave out what a reload has taken away since the readings were made."""
        encoder = self._node.encoders.get(device)
        return [reading for reading in readings if encoder and reading.point in encoder.points]

    def _journal_renamed(self) -> None:
        """Nothing was sent under the new name, and aliases may be others."""
        self._node.rebuild()
        if self._book.begun:
            self._book.begin(self._journal.next_offset, self._clock.monotonic_s())
            self._act(self._node.session.rebirth())

    async def _stay_connected(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            began_s = self._clock.monotonic_s()
            try:
                why = await self._one_connection()
                # Two agents with one client id throw each other out: that must not spin.
                if self._clock.monotonic_s() - began_s > _SETTLED_S:
                    pause_s = _FIRST_PAUSE_S
            except UplinkError as error:
                why = str(error)
            if not self._said_down:
                log.warning("uplink_down", host=self._mqtt.host, port=self._mqtt.port, why=why)
                self._said_down = True
            await self._clock.sleep(random.uniform(0.5, 1.0) * pause_s)  # noqa: S311 (jitter)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _one_connection(self) -> str:
        """Connect, be born, stay until the connection ends; returns why it did."""
        node = self._node
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
        try:
            await connection.open(node.filters)
            node.connection = connection
            if await self._stamping.ready(self._clock, connection.closed):
                self._act(node.session.connected())
            return await asyncio.shield(connection.closed)
        finally:
            if not connection.closed.done():
                self._act(node.session.close())
            node.session.connection_lost()
            node.connection = None
            self._book.forget_sent()
            await connection.close()

    def _act(self, actions: Sequence[Action]) -> None:
        """Perform what the session answers; a session that begins owes the whole journal."""
        if self._node.session.phase is Phase.BORN and not self._book.begun:
            self._book.begin(self._journal.next_offset, self._clock.monotonic_s())
            log.info("uplink_up", host=self._mqtt.host, port=self._mqtt.port)
            self._said_down = False
        self._node.perform(actions)

    def _received(self, topic: str, payload: bytes) -> None:
        try:
            messages = read_message(topic, payload, self._datatypes_of)
        except FrameError as error:
            self._unreadable += 1
            log.debug("message_unreadable", topic=topic, error=str(error))
            return
        for message in messages:
            self._obey(message)

    def _obey(self, message: Inbound) -> None:
        session = self._node.session
        match message:
            case HostState(host_id, online, timestamp):
                self._act(session.host_state(host_id, online=online, timestamp=timestamp))
            case Rebirth():
                log.info("rebirth_asked")
                self._act(session.rebirth())
            case Acknowledgement():
                self._acknowledge(message)
            case PointCommand():
                self._take(message)

    def _acknowledge(self, ack: Acknowledgement) -> None:
        # An offset never given out, or another journal's: not ours, nothing is deleted.
        next_offset = self._journal.next_offset
        ours = ack.journal_id == self._journal.journal_id
        if not ours or any(last >= next_offset for _, last in ack.ranges):
            self._refused += 1
            return
        self._journal.acknowledge(ack.ranges)
        self._book.acknowledged(ack.ranges, self._clock.monotonic_s())
        self._acknowledged += sum(last - first + 1 for first, last in ack.ranges)

    def _take(self, command: PointCommand) -> None:
        encoder = self._node.encoders.get(command.device)
        point = command.point
        if encoder is not None and isinstance(point, int):
            point = encoder.name_of(point) or point
        if self._desk is not None:
            self._desk.take(command._replace(point=point))

    def _port_of(self, device: str) -> str | None:
        known = self._devices.get(device)
        return known.port if known else None

    def _tell(self, result: CommandResult) -> None:
        reading = Reading(COMMAND_RESULT, result_text(result), Quality.GOOD, result.at)
        self.readings(result.device, self._still_known(result.device, [reading]))

    def _datatypes_of(self, device: str) -> Mapping[int | str, DataType]:
        encoder = self._node.encoders.get(device)
        return encoder.datatypes if encoder else {}
