"""The rules of a host for one edge node, pure: what a message means, given what came before.

Nothing received is thrown away for its place in the sequence: after a gap early messages wait for
the missing ones up to the reorder timeout, then they are delivered in order and a rebirth is
asked. Completeness is the journal's business, not the sequence's. What cannot be decoded is not
delivered, so it is not acknowledged and comes again after the rebirth.
"""

from typing import Final

from protocols.sparkplug.births import NO_BD_SEQ, Table, bd_seq_of, says_online
from protocols.sparkplug.host_events import (
    AskRebirth,
    Counters,
    Data,
    DeviceBorn,
    DeviceDied,
    Event,
    Message,
    NodeBorn,
    NodeDied,
    NodePhase,
)
from protocols.sparkplug.names import REBIRTH
from protocols.sparkplug.rebirth import RebirthBudget, RebirthLimit
from protocols.sparkplug.sequence import MODULUS, ahead, next_seq
from protocols.sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from protocols.sparkplug.topics import MessageKind

__all__ = [
    "AskRebirth",
    "Counters",
    "Data",
    "DeviceBorn",
    "DeviceDied",
    "Event",
    "HostSession",
    "Message",
    "NodeBorn",
    "NodeDied",
    "NodePhase",
]

_BEHIND: Final = MODULUS // 2
_MOST_EARLY: Final = 64
_MOST_EARLY_BYTES: Final = 4_000_000
_SEQUENCED: Final = frozenset(
    {MessageKind.DDATA, MessageKind.NDATA, MessageKind.DBIRTH, MessageKind.DDEATH}
)


class HostSession:
    """One edge node as its host sees it."""

    def __init__(
        self,
        *,
        reorder_timeout_ms: int = 2_000,
        rebirth_interval_ms: int = 10_000,
        birth_grace_ms: int = 10_000,
        budget: RebirthBudget | None = None,
    ) -> None:
        """Begin with a node of which nothing is known.

        Args:
            reorder_timeout_ms: How long early messages wait for missing ones.
            rebirth_interval_ms: Shortest time between two requests; doubles while they recur.
            birth_grace_ms: How long after its node's birth a device may take to be born.
            budget: Shared by the sessions of all nodes.
        """
        self.phase = NodePhase.UNKNOWN
        self.bd_seq: int = NO_BD_SEQ
        self.node = Table()
        self.devices: dict[str, Table] = {}
        self.counters = Counters()
        self._restored = False
        self._expected: int | None = None
        self._behind: int | None = None
        self._behind_until: int | None = None
        """Until when the node has to go on as expected after a number that had passed; only
        while ``_behind`` is set."""
        self._early: dict[int, Message] = {}
        self._early_until = 0
        self._born_until: int | None = None
        self._reorder_timeout_ms = reorder_timeout_ms
        self._birth_grace_ms = birth_grace_ms
        self._rebirth = RebirthLimit(interval_ms=rebirth_interval_ms, budget=budget)

    def restore(
        self, device: str | None, payload: WirePayload, *, bd_seq: int, online: bool = True
    ) -> None:
        """Take a stored birth, the node's before its devices'; call before any message.

        The first seq seen afterwards is accepted as it is. A device's birth of another session
        than the node's is worth nothing and is left out. Data that does not show that it belongs
        to a stored birth is not delivered before the node is born again, if it can be asked.
        """
        if device is None:
            self.phase = NodePhase.ALIVE if online else NodePhase.DEAD
            self.bd_seq = bd_seq
            self.node = Table(payload.metrics)
            self.node.stored = REBIRTH in self.node.names
            self._restored = True
        elif bd_seq == self.bd_seq:
            table = self.devices[device] = Table(payload.metrics, online=online)
            table.stored = self.node.stored

    def receive(self, message: Message) -> list[Event]:
        """Return what a message brings about, in order; the hot path of the server."""
        kind = message.topic.kind
        if kind in _SEQUENCED:
            seq = message.payload.seq
            if seq and seq == self._expected and not self._early:
                self._expected = next_seq(seq)
                self._behind = None
                return self._deliver(message)
            return self._sequenced(message, seq)
        if kind is MessageKind.NBIRTH:
            return self._node_birth(message)
        if kind is MessageKind.NDEATH:
            return self._node_death(message)
        return []

    def ask_rebirth(self, reason: str, now_ms: int) -> list[Event]:
        """Return the request, or nothing while the last one is too young (``tick`` repeats it).

        For what only the reader of the metrics sees: ``unknown_alias``, ``malformed``.
        """
        return [AskRebirth(reason)] if self._rebirth.want(reason, now_ms) else []

    def tick(self, now_ms: int) -> list[Event]:
        """Return what the passing of time brings about; due when ``next_due`` says so."""
        events: list[Event] = []
        if self._early and now_ms >= self._early_until:
            events += self._give_up_waiting(now_ms)
        passed_until = self._passed_until
        if passed_until is not None and now_ms >= passed_until:
            # Sent twice, or 128 to 255 messages are lost and nothing followed that would tell.
            self._behind_until = None
            self.counters.gaps += 1
            events += self.ask_rebirth("seq_gap", now_ms)
        if self._born_until is not None and now_ms >= self._born_until:
            events += self._bury_unborn()
        reason, due_at = self._rebirth.reason, self._rebirth.due_at()
        if reason is not None and due_at is not None and now_ms >= due_at:
            events += self.ask_rebirth(reason, now_ms)
        return events

    def next_due(self) -> int | None:
        """Return when ``tick`` has something to do, UTC ms; None = nothing is waiting."""
        early = self._early_until if self._early else None
        dues = (early, self._passed_until, self._born_until, self._rebirth.due_at())
        return min((due for due in dues if due is not None), default=None)

    def set_back(self, by_ms: int) -> None:
        """Follow a clock that was set back: nothing waits longer than before."""
        self._early_until -= by_ms
        if self._behind_until is not None:
            self._behind_until -= by_ms
        if self._born_until is not None:
            self._born_until -= by_ms
        self._rebirth.set_back(by_ms)

    @property
    def _passed_until(self) -> int | None:
        # The hot path only forgets what was behind.
        return None if self._behind is None else self._behind_until

    @property
    def _early_bytes(self) -> int:
        return sum(len(message.data) for message in self._early.values())

    def _sequenced(self, message: Message, seq: int) -> list[Event]:
        """Place a message that is not simply the next one."""
        if not message.payload.HasField("seq") or seq >= MODULUS:
            self.counters.malformed += 1
            return self._deliver(message)
        if self._expected is None:
            self._expected = seq
        distance = ahead(seq, self._expected)
        if distance == 0:
            self._expected = next_seq(seq)
            self._behind = None
            return self._deliver(message) + self._deliver_run(message.arrived_at)
        if distance >= _BEHIND or seq in self._early:
            return self._passed(message, seq)
        if not self._early:
            self.counters.gaps += 1
            self._early_until = message.arrived_at + self._reorder_timeout_ms
        self._early[seq] = message
        full = len(self._early) > _MOST_EARLY or self._early_bytes > _MOST_EARLY_BYTES
        return self._give_up_waiting(message.arrived_at) if full else []

    def _passed(self, message: Message, seq: int) -> list[Event]:
        """Take a message whose number had passed: sent twice, late, or after a very long gap."""
        self._forget_older()
        if seq == self._behind:
            self.counters.gaps += 1
            events = self._flush()
            self._expected, self._behind = next_seq(seq), None
            return events + self._deliver(message) + self._ask("seq_gap", message)
        self.counters.duplicates += 1
        if self._behind is None:
            self._behind_until = message.arrived_at + self._reorder_timeout_ms
        self._behind = next_seq(seq)
        # Late values are history; a late birth or death would undo a newer one.
        if message.topic.kind in {MessageKind.DDATA, MessageKind.NDATA}:
            return self._deliver(message)
        return []

    def _deliver_run(self, now_ms: int) -> list[Event]:
        """Deliver the early messages that are no longer early."""
        events: list[Event] = []
        while self._expected in self._early:
            message = self._early.pop(self._expected)
            self._expected = next_seq(self._expected)
            events += self._deliver(message)
        if self._early:
            self._early_until = now_ms + self._reorder_timeout_ms
        return events

    def _give_up_waiting(self, now_ms: int) -> list[Event]:
        self._forget_older()
        return self._flush() + self.ask_rebirth("seq_gap", now_ms)

    def _forget_older(self) -> None:
        """Count messages as missing, maybe births: who was not born since has other aliases.

        A node that starts anew under the same bdSeq may number its metrics otherwise.
        """
        for table in self.devices.values():
            if table.older:
                table.forget()

    def _flush(self) -> list[Event]:
        """Deliver all early messages in order and go on after the last of them."""
        expected = self._expected or 0
        events: list[Event] = []
        for seq in sorted(self._early, key=lambda number: ahead(number, expected)):
            events += self._deliver(self._early[seq])
            self._expected = next_seq(seq)
        self._early.clear()
        return events

    def _deliver(self, message: Message) -> list[Event]:
        device = message.topic.device
        if self.phase is not NodePhase.ALIVE:
            self.counters.undecodable += 1
            return self._ask("no_birth", message)
        if message.topic.kind is MessageKind.DBIRTH:
            return self._device_birth(message, device or "")
        table = self.node if device is None else self.devices.get(device)
        if message.topic.kind is MessageKind.DDEATH:
            if table is not None:
                table.online = table.awaited = False
            return [DeviceDied(device or "", message)]
        born = table is not None and table.names
        if table is None or not born or (table.stored and not table.confirm(message.payload)):
            self.counters.undecodable += 1
            return self._ask("stored_birth" if born else "no_birth", message)
        if table.online or any(metric.is_historical for metric in message.payload.metrics):
            return [Data(device, message, table)]
        return [Data(device, message, table), *self._ask("dead_device", message)]

    def _device_birth(self, message: Message, device: str) -> list[Event]:
        table = Table(message.payload.metrics, online=says_online(message.payload))
        self.devices[device] = table
        return [DeviceBorn(device, message, table)]

    def _node_birth(self, message: Message) -> list[Event]:
        events = self._flush()
        bd_seq = bd_seq_of(message.payload)
        same = self.phase is NodePhase.ALIVE and bd_seq == self.bd_seq
        for table in self.devices.values():
            table.awaited, table.older = table.online, True
            if not same:
                table.forget()
        self.phase, self.bd_seq, self._restored = NodePhase.ALIVE, bd_seq, False
        self.node = Table(message.payload.metrics)
        self._expected, self._behind = next_seq(message.payload.seq), None
        self._born_until = message.arrived_at + self._birth_grace_ms
        self._rebirth.granted()
        return [*events, NodeBorn(message, bd_seq)]

    def _node_death(self, message: Message) -> list[Event]:
        if self.phase is not NodePhase.ALIVE:
            return []
        if bd_seq_of(message.payload) != self.bd_seq:
            self.counters.foreign_deaths += 1
            # Seen right after a restart it says that the stored birth is out of date.
            return self._ask("bd_seq", message) if self._restored else []
        events = self._flush()
        self.phase = NodePhase.DEAD
        self._expected = self._behind = self._born_until = None
        for table in self.devices.values():
            table.online = table.awaited = False
        self._rebirth.dropped()
        return [*events, NodeDied(message)]

    def _bury_unborn(self) -> list[Event]:
        """Declare those devices dead that did not follow the birth of their node."""
        self._born_until = None
        unborn = [device for device, table in self.devices.items() if table.awaited]
        for device in unborn:
            self.devices[device].online = self.devices[device].awaited = False
        return [DeviceDied(device, None) for device in unborn]

    def _ask(self, reason: str, message: Message) -> list[Event]:
        return self.ask_rebirth(reason, message.arrived_at)
