"""The rules of an edge node, pure: what to send, in which order, with which seq.

The caller connects, subscribes and publishes; it tells what happened and sends what it is
answered, in that order. States:

    OFFLINE --connect()--> CONNECTING --connected()--> BORN
    with a primary host    CONNECTING --connected()--> WAITING --host online--> BORN
    BORN --host offline, close()--> CLOSING            any --connection_lost()--> OFFLINE
"""

from enum import StrEnum
from typing import NamedTuple

from protocols.sparkplug.sequence import MODULUS, next_bd_seq
from protocols.sparkplug.topics import MessageKind


class Phase(StrEnum):
    """How far the session has come."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    WAITING = "waiting"
    """Connected; the primary host is not there."""
    BORN = "born"
    CLOSING = "closing"
    """NDEATH is sent, the connection is being closed; nothing more is published."""


class DeviceState(StrEnum):
    """What is known of a device; one that was never polled is not known."""

    UP = "up"
    DOWN = "down"
    REOPENED = "reopened"
    """Down, but born again for a while so that its backlog may be sent."""


class Send(NamedTuple):
    """Publish this message: QoS 0, not retained.

    Attributes:
        kind: NBIRTH, NDEATH, DBIRTH, DDEATH, NDATA or DDATA.
        device: None for messages of the node.
        seq: None only for NDEATH.
        bd_seq: Of NBIRTH and NDEATH.
        online: Of a DBIRTH: False when the device is only described, it does not answer.
    """

    kind: MessageKind
    device: str | None = None
    seq: int | None = None
    bd_seq: int | None = None
    online: bool = True


class Disconnect(NamedTuple):
    """Close the connection in the MQTT way; an NDEATH went before."""


Action = Send | Disconnect


class EdgeSession:
    """One edge node on one broker.

    A device that is down is described as well (DBIRTH with ``online`` False, then DDEATH), so a
    host learns of equipment that never answered.
    """

    def __init__(self, *, bd_seq: int | None = None, primary_host: str | None = None) -> None:
        """Begin offline.

        Args:
            bd_seq: Number of the last CONNECT, kept by the caller over restarts.
            primary_host: Host id whose STATE is obeyed; None obeys none.
        """
        self.phase = Phase.OFFLINE
        self.bd_seq = bd_seq
        self.primary_host = primary_host
        self.devices: dict[str, DeviceState] = {}
        self._seq = 0
        self.host_timestamp: int | None = None
        """The newest that the primary host has said on this connection, UTC ms; None: nothing."""
        self._host_online = False

    def connect(self) -> int:
        """Return the bdSeq for the Will of the connection that is now attempted."""
        self.phase = Phase.CONNECTING
        self.bd_seq = next_bd_seq(self.bd_seq)
        # What is retained is told again on every connection, and believed: the host's clock may
        # have been turned back, or an earlier broker may have lied.
        self._host_online, self.host_timestamp = False, None
        return self.bd_seq

    def connected(self) -> list[Action]:
        """Answer to the broker's acceptance, after NCMD, DCMD and STATE are subscribed."""
        if self.phase is not Phase.CONNECTING:
            return []
        if self.primary_host is not None and not self._host_online:
            self.phase = Phase.WAITING
            return []
        return self._births()

    def connection_lost(self) -> None:
        """Record that the connection is gone, whoever closed it."""
        self.phase = Phase.OFFLINE

    def close(self) -> list[Action]:
        """Answer to the wish to end: death first, then the disconnect."""
        match self.phase:
            case Phase.BORN:
                self.phase = Phase.CLOSING
                return [Send(MessageKind.NDEATH, bd_seq=self.bd_seq), Disconnect()]
            case Phase.CONNECTING | Phase.WAITING:
                self.phase = Phase.CLOSING
                return [Disconnect()]
            case Phase.OFFLINE | Phase.CLOSING:
                return []

    def host_state(
        self, host_id: str, *, online: bool, timestamp: int, retained: bool = False
    ) -> list[Action]:
        """Answer to a STATE message.

        Args:
            host_id: Who says it.
            online: Whether it is there.
            timestamp: The one in the payload, UTC ms; live, what is older than the newest is
                ignored.
            retained: The broker had kept it: it is true now, whatever was said before.
        """
        if host_id != self.primary_host:
            return []
        newest = self.host_timestamp
        if newest is not None and timestamp < newest and not retained:
            return []
        self.host_timestamp = timestamp
        self._host_online = online
        if online and self.phase is Phase.WAITING:
            return self._births()
        if not online and self.phase is Phase.BORN:
            return self.close()
        return []

    def rebirth(self) -> list[Action]:
        """Answer to a rebirth command: everything again, the same bdSeq, seq from 0."""
        return self._births() if self.phase is Phase.BORN else []

    def device_up(self, device: str) -> list[Action]:
        """Answer to a device that answers, for the first time or again."""
        if self.devices.get(device) is DeviceState.UP:
            return []
        self.devices[device] = DeviceState.UP
        return self._if_born(MessageKind.DBIRTH, device)

    def device_down(self, device: str) -> list[Action]:
        """Answer to a device that stopped answering, or never did."""
        before = self.devices.get(device)
        if before in {DeviceState.DOWN, DeviceState.REOPENED}:
            return []
        self.devices[device] = DeviceState.DOWN
        if before is None:
            return self._describe_down(device)
        return self._if_born(MessageKind.DDEATH, device)

    def device_changed(self, device: str) -> list[Action]:
        """Answer to a device whose description changed: it is born again as it is."""
        match self.devices.get(device):
            case DeviceState.UP:
                return self._if_born(MessageKind.DBIRTH, device)
            case DeviceState.DOWN:
                return self._describe_down(device)
            case DeviceState.REOPENED:
                return self._if_born(MessageKind.DBIRTH, device, online=False)
            case None:
                return []

    def device_removed(self, device: str) -> list[Action]:
        """Answer to a device that is no longer configured: it dies and is forgotten."""
        before = self.devices.pop(device, None)
        if before in {DeviceState.UP, DeviceState.REOPENED}:
            return self._if_born(MessageKind.DDEATH, device)
        return []

    def data(self, device: str | None = None, *, historical: bool = False) -> list[Action]:
        """Return what to send so that one data message goes out; empty: not now, keep it.

        The backlog of a device that is down is legal only while the device is born: the first
        such message comes with a DBIRTH (``online`` False), ``backlog_sent`` ends it.
        """
        if self.phase is not Phase.BORN:
            return []
        if device is None:
            return [self._next(MessageKind.NDATA, None)]
        state = self.devices.get(device)
        if state is DeviceState.UP or (historical and state is DeviceState.REOPENED):
            return [self._next(MessageKind.DDATA, device)]
        if not historical:
            return []
        self.devices[device] = DeviceState.REOPENED
        birth = self._next(MessageKind.DBIRTH, device, online=False)
        return [birth, self._next(MessageKind.DDATA, device)]

    def backlog_sent(self) -> list[Action]:
        """Return the deaths of devices born only for their backlog; call when it is through."""
        actions: list[Action] = []
        for device, state in self.devices.items():
            if state is DeviceState.REOPENED:
                self.devices[device] = DeviceState.DOWN
                actions += self._if_born(MessageKind.DDEATH, device)
        return actions

    def _births(self) -> list[Action]:
        self.phase = Phase.BORN
        self._seq = 0
        actions: list[Action] = [Send(MessageKind.NBIRTH, seq=0, bd_seq=self.bd_seq)]
        for device, state in self.devices.items():
            if state is DeviceState.UP:
                actions += self._if_born(MessageKind.DBIRTH, device)
            else:
                self.devices[device] = DeviceState.DOWN
                actions += self._describe_down(device)
        return actions

    def _describe_down(self, device: str) -> list[Action]:
        birth = self._if_born(MessageKind.DBIRTH, device, online=False)
        return birth + self._if_born(MessageKind.DDEATH, device)

    def _if_born(self, kind: MessageKind, device: str, *, online: bool = True) -> list[Action]:
        if self.phase is not Phase.BORN:
            return []
        return [self._next(kind, device, online=online)]

    def _next(self, kind: MessageKind, device: str | None, *, online: bool = True) -> Send:
        self._seq = (self._seq + 1) % MODULUS
        return Send(kind, device, self._seq, online=online)
