"""The way up: takes readings from the ports, keeps the session with the broker alive."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from config.gateway import Gateway
from edge_agent.clock import Clock
from edge_agent.commands.result import CommandResult
from edge_agent.errors import JournalFullError
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
from edge_agent.uplink.link_status import LinkStatus
from edge_agent.uplink.node import Node
from edge_agent.uplink.own import REPORT_S, Loads
from edge_agent.uplink.reconnecting import Reconnector
from edge_agent.uplink.resend import ResendBook
from edge_agent.uplink.stamping import Stamping
from edge_agent.uplink.stats import UplinkStats
from protocols.errors import FrameError
from protocols.reading import Quality, Reading
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.edge_session import Action, DeviceState, Phase
from protocols.sparkplug.names import COMMAND_RESULT
from protocols.sparkplug.topics import parse_state_topic

log = structlog.get_logger()

_UNANSWERED_TIMES = 3
"""After how many acknowledgement timeouts without any it is logged."""


def _always() -> bool:
    return True


class Uplink:
    """Implements the ReadingSink of polling; ``run`` keeps the connection.

    Args:
        gateway: What it is.
        journal: Keeps what is not acknowledged.
        clock: Stamps the readings.
        synchronised: Whether the machine's clock is kept right; default: it is.
        loads: How busy the ports are; None: the gateway says nothing of itself.
    """

    def __init__(
        self,
        gateway: Gateway,
        journal: Journal,
        clock: Clock,
        *,
        synchronised: Callable[[], bool] = _always,
        loads: Loads | None = None,
    ) -> None:
        settings = gateway.settings
        self._journal = journal
        self._clock = clock
        self._node = Node(gateway, journal, clock, loads=loads)
        self._book = ResendBook(
            ack_timeout_s=settings.uplink.ack_timeout_s, rate=settings.uplink.backlog_rate
        )
        self._drain = Drain(journal, self._node, self._book, settings.uplink, clock)
        self._trust = ClockTrust(
            clock,
            synchronised=synchronised,
            grace_s=settings.uplink.clock_grace_s,
            believed=journal.believed,
        )
        self._stamping = Stamping(self._trust, journal=journal, node=self._node, act=self._act)
        uplink = settings.uplink
        self._acknowledged_by_host = uplink.acknowledgement == "journal"
        most_s = _UNANSWERED_TIMES * uplink.ack_timeout_s
        self._link_status = LinkStatus(
            clock,
            client_id=settings.mqtt.client_id or self._node.client_id,
            topics=self._node.topics,
            user=settings.mqtt.username,
            primary_host=uplink.primary_host,
            unanswered_s=most_s if self._acknowledged_by_host else None,
        )
        self._reconnector = Reconnector(
            settings.mqtt,
            node=self._node,
            journal=journal,
            stamping=self._stamping,
            book=self._book,
            link_status=self._link_status,
            clock=clock,
            act=self._act,
            received=self._received,
        )
        self._devices = gateway.devices
        self._desk: CommandDesk | None = None
        self._acknowledged = self._refused = self._unreadable = 0
        self._unnumbered = self._given_up = 0

    def journal_renamed(self) -> None:
        """Send anew: nothing was sent under the journal's new name, and aliases may be others."""
        self._node.rebuild()
        if self._book.begun:
            self._book.begin(self._journal.next_offset, self._clock.monotonic_s())
            self._act(self._node.session.rebirth())

    def device_up(self, device: str, at: int) -> None:
        """Have a device that answers born, before its first readings."""
        self._boot_offset_of(at)
        self._node.encoders[device].remember(state_readings("online", "", at))
        self._node.perform(self._node.session.device_up(device))
        self._book.bring_back(device)

    def device_down(self, device: str, at: int, reason: str) -> None:
        """Let a device die that does not answer; its births and a message before say why."""
        state = state_readings("offline", reason, at)
        self._boot_offset_of(at)
        if self._node.session.devices.get(device) is DeviceState.UP:
            self.publish(device, state)
        self._node.encoders[device].remember(state)
        self._node.perform(self._node.session.device_down(device))

    def device_state(self, device: str, at: int, state: str, reason: str) -> None:
        """Publish that answers of a device are missing now and then, or no longer."""
        self.publish(device, state_readings(state, reason, at))

    def publish(self, device: str, readings: Sequence[Reading]) -> None:
        """Journal readings and publish them at once if the session is live."""
        if not readings:
            return
        taken_at = readings[-1].taken_at
        boot_offset_ms = self._boot_offset_of(taken_at)
        fragment = self._node.encoders[device].fragment(readings)
        try:
            offset = self._journal.append(
                device,
                fragment,
                taken_at=taken_at,
                readings=len(readings),
                boot_offset_ms=boot_offset_ms,
            )
        except JournalFullError:
            # Live all the same; the journal has said aloud that it is not writable.
            sent = boot_offset_ms is None and self._node.publish(device, fragment, None)
            self._unnumbered += len(readings) if sent else 0
            self._given_up += 0 if sent else len(readings)
            return
        if boot_offset_ms is not None:
            return
        if self._node.publish(device, fragment, offset):
            self._book.sent_live(offset, self._clock.monotonic_s())
        else:
            self._book.missed(offset)

    def publish_result(self, result: CommandResult) -> None:
        """Publish what became of a command, as a reading of its device."""
        reading = Reading(COMMAND_RESULT, result_text(result), Quality.GOOD, result.at)
        self.publish(result.device, self._still_known(result.device, [reading]))

    def _boot_offset_of(self, taken_at: int) -> int | None:
        """Return what to journal with a stamp, UTC ms; None when it is final, as almost always."""
        if taken_at >= self._trust.final_from_ms:
            return None
        return self._trust.boot_offset_of(taken_at, live=self._node.live)

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
            link=self._link_status.link.value,
            why=self._link_status.why,
            problem=self._link_status.problem,
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
            synchronised=self._trust.synchronised,
        )

    async def run(self, handler: CommandHandler) -> None:
        """Stay connected, send the backlog, execute commands; for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stamping.run(self._clock), name="uplink clock")
            tasks.create_task(self._drain.run(), name="uplink backlog")
            tasks.create_task(self._reconnector.look(), name="uplink status")
            tasks.create_task(self._report(), name="uplink report")
            self._desk = CommandDesk(
                handler, port_of=self._port_of, answer=self.publish_result, clock=self._clock
            )
            tasks.create_task(self._desk.run(), name="uplink commands")
            await self._reconnector.run()

    async def _report(self) -> None:
        """Say how the gateway itself does, for ever."""
        while True:
            await self._clock.sleep(REPORT_S)
            self._node.report()

    def _still_known(self, device: str, readings: Sequence[Reading]) -> list[Reading]:
        """Leave out what a reload has taken away since the readings were made."""
        encoder = self._node.encoders.get(device)
        return [reading for reading in readings if encoder and reading.point in encoder.points]

    def _act(self, actions: Sequence[Action]) -> None:
        """Perform what the session answers; a session that begins owes the whole journal."""
        if self._node.session.phase is Phase.BORN and not self._book.begun:
            self._book.begin(self._journal.next_offset, self._clock.monotonic_s())
            self._reconnector.up()
        self._node.perform(actions)

    def _received(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001
        try:
            messages = read_message(topic, payload, self._datatypes_of)
        except FrameError as error:
            self._unreadable += 1
            host = parse_state_topic(topic)
            if host is not None and host == self._node.session.primary_host:
                nothing = "nothing is kept there, it was deleted"
                self._link_status.host_state(f"unreadable, {error}" if payload else nothing)
            log.debug("message_unreadable", topic=topic, error=str(error))
            return
        for message in messages:
            self._obey(message, retained=retained)

    def _obey(self, message: Inbound, *, retained: bool) -> None:
        session = self._node.session
        match message:
            case HostState(host_id, online, timestamp):
                self._host_state(host_id, online=online, timestamp=timestamp, retained=retained)
            case Rebirth():
                log.info("rebirth_asked")
                # Maybe a server that was away: it acknowledges, when there is something to.
                self._book.found_acknowledging()
                self._act(session.rebirth())
            case Acknowledgement():
                self._acknowledge(message)
            case PointCommand():
                self._take(message)

    def _host_state(self, host_id: str, *, online: bool, timestamp: int, retained: bool) -> None:
        session = self._node.session
        if host_id == session.primary_host:
            self._link_status.host_state("" if online else "it says that it is offline")
        before = session.host_timestamp
        self._act(
            session.host_state(host_id, online=online, timestamp=timestamp, retained=retained)
        )
        came_anew = online and before is not None and session.host_timestamp != before
        if came_anew and self._book.begun and not self._acknowledged_by_host:
            # It was away meanwhile without a message: what is not old enough goes again.
            self._book.begin(self._journal.next_offset, self._clock.monotonic_s())

    def _acknowledge(self, ack: Acknowledgement) -> None:
        # An offset never given out, or another journal's: not ours, nothing is deleted.
        next_offset = self._journal.next_offset
        ours = ack.journal_id == self._journal.journal_id
        if not ours or any(last >= next_offset for _, last in ack.ranges):
            self._refused += 1
            if not ours:
                self._link_status.foreign_acknowledgement()
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

    def _datatypes_of(self, device: str) -> Mapping[int | str, DataType]:
        encoder = self._node.encoders.get(device)
        return encoder.datatypes if encoder else {}
