"""All ports of a gateway, replaceable while they run: unchanged ones are never touched."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import structlog

from config.errors import ConfigError
from config.gateway import Gateway, ResolvedDevice
from config.listening import HeardPort
from config.ports import AnyPort, HearingPort, Port
from edge_agent.clock import Clock
from edge_agent.drivers.base import Driver, OnLateResponse
from edge_agent.health import Health
from edge_agent.polling.availability_store import AvailabilityStore
from edge_agent.polling.port import PortOwner
from edge_agent.polling.sink import ReadingSink
from edge_agent.port_owner import Owner
from protocols.errors import PlantroomError

log = structlog.get_logger()

_SPREAD_S = 0.1
"""Ports begin their grids within this time: no burst of all of them in one millisecond."""
_STEPS = 25
"""At so many moments of it: ports that begin together wait for each other."""

OpenListener: TypeAlias = Callable[[str, HearingPort, Mapping[str, ResolvedDevice]], Owner]
"""Makes the owner of a port that listens: name, settings, devices on it."""


def _listens_nowhere(name: str, _: HearingPort, __: Mapping[str, ResolvedDevice]) -> Owner:
    raise ConfigError(f"port {name}: nothing listens here")


@dataclass(frozen=True)
class Change:
    """What turns the running gateway into the wanted one; made before anything is touched.

    Attributes:
        gateway: The wanted one.
        stopped: Ports that end, to be replaced or for good.
        started: Ports that begin.
        added: Devices that are new.
        removed: Devices that are gone.
        changed: Devices that mean something else now.
    """

    gateway: Gateway
    stopped: tuple[str, ...]
    started: Mapping[str, Owner]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


class PortManager:
    """Owns the ports and their tasks.

    Attributes:
        ports: Port name to its owner; the same mapping for as long as the agent runs.
        devices: Device id to what is configured; likewise.
    """

    def __init__(
        self,
        *,
        sink: ReadingSink,
        health: Health,
        availability: AvailabilityStore,
        clock: Clock,
        open_driver: Callable[[Port, Clock, OnLateResponse], Driver],
        open_listener: OpenListener = _listens_nowhere,
    ) -> None:
        self.ports: dict[str, Owner] = {}
        self.devices: dict[str, ResolvedDevice] = {}
        self._settings: dict[str, AnyPort] = {}
        self._sink = sink
        self._health = health
        self._availability = availability
        self._clock = clock
        self._open_driver = open_driver
        self._open_listener = open_listener
        self._running: dict[str, asyncio.Task[None]] = {}

    def prepare(self, gateway: Gateway) -> Change:
        """Build what is new, and touch nothing.

        Raises:
            ConfigError: A device cannot be asked what it shall be.
        """
        wanted = _by_port(gateway.devices)
        running = _by_port(self.devices)
        same = {
            name
            for name, devices in wanted.items()
            if running.get(name) == devices
            and self._settings.get(name) == gateway.settings.ports[name]
        }
        new = [name for name in wanted if name not in same]
        began_s = self._clock.monotonic_s()
        return Change(
            gateway=gateway,
            stopped=tuple(name for name in self.ports if name not in same),
            started={
                name: self._build(
                    name,
                    gateway.settings.ports[name],
                    wanted[name],
                    began_s + _SPREAD_S / _STEPS * (_STEPS * number // len(new)),
                )
                for number, name in enumerate(new)
            },
            added=tuple(one for one in gateway.devices if one not in self.devices),
            removed=tuple(one for one in self.devices if one not in gateway.devices),
            changed=tuple(
                one
                for one, device in gateway.devices.items()
                if one in self.devices and self.devices[one] != device
            ),
        )

    async def stop(self, change: Change) -> None:
        """End the ports that are replaced or gone; their commands under way are refused."""
        tasks = [self._running.pop(name) for name in change.stopped if name in self._running]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for name in change.stopped:
            del self.ports[name]
            del self._settings[name]
        self._health.forget(
            ports=[name for name in change.stopped if name not in change.started],
            devices=change.removed,
        )

    def start(self, change: Change, tasks: asyncio.TaskGroup) -> None:
        """Begin the ports that are new."""
        self.devices.clear()
        self.devices.update(change.gateway.devices)
        for name, port in change.started.items():
            if port.load > 1:
                log.warning("port_overloaded", port=name, load_percent=round(100 * port.load))
            self.ports[name] = port
            self._settings[name] = change.gateway.settings.ports[name]
            self._running[name] = tasks.create_task(port.run(), name=f"port:{name}")

    def _build(
        self, name: str, settings: AnyPort, devices: Mapping[str, ResolvedDevice], at_s: float
    ) -> Owner:
        if isinstance(settings, HeardPort):
            return self._open_listener(name, settings, devices)
        try:
            return PortOwner(
                name,
                settings=settings,
                devices=devices,
                open_driver=partial(self._open_driver, settings, self._clock),
                sink=self._sink,
                health=self._health,
                availability=self._availability,
                clock=self._clock,
                # What it takes to build the others is no part of the spread.
                phase_s=at_s - self._clock.monotonic_s(),
            )
        except (PlantroomError, ValueError) as error:
            raise ConfigError(f"port {name}: {error}") from error


def _by_port(devices: Mapping[str, ResolvedDevice]) -> dict[str, dict[str, ResolvedDevice]]:
    """Return the devices of each port that has any, ports in alphabetical order."""
    found: dict[str, dict[str, ResolvedDevice]] = {
        name: {} for name in sorted({device.port for device in devices.values()})
    }
    for device in devices.values():
        found[device.port][device.id] = device
    return found
