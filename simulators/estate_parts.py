"""Units of an estate that have no registers and speak by themselves: fire panels, doors."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from config.osdp_keys import load_reader_keys
from simulators.clock import Clock
from simulators.equipment.kinds import DOOR_EVENTS, FIRE_EVENTS
from simulators.errors import UnknownNameError
from simulators.estate import CentreEndpoint, Estate, ReaderLineEndpoint
from simulators.osdp_reader import OsdpLine, OsdpReader
from simulators.transmission_device import DeviceSettings, TransmissionDevice
from simulators.wire_settings import FireTransmitter

_CARD: Final = (52, 22136)
_CONTACT, _EXIT_BUTTON = 0, 1


class Part(Protocol):
    """What is done to such a unit."""

    def happen(self, event: str) -> None:
        """Let an event, or ``clear``, begin.

        Raises:
            UnknownNameError: It has no such event.
        """
        ...


class EstatePanel:
    """A fire panel behind its transmission device, which connects to the agent.

    Each event concerns the next of its components; ``clear`` resets the panel.
    """

    def __init__(
        self, name: str, settings: FireTransmitter, *, centre: CentreEndpoint, clock: Clock
    ) -> None:
        self.device = TransmissionDevice(
            DeviceSettings(
                centre.host, centre.port, settings.source, heartbeat_s=settings.heartbeat_s
            ),
            clock=clock,
        )
        self._name = name
        self._components = settings.components
        self._changed = 0

    def happen(self, event: str) -> None:
        """Let an event begin."""
        if event == "clear":
            if self._changed:
                self._changed = 0
                self.device.reset()
            return
        _refuse_unknown(event, FIRE_EVENTS, self._name)
        zone, point, text = self._components[self._changed % len(self._components)]
        self._changed += 1
        show = self.device.show_fire if event == "fire" else self.device.show_fault
        show((zone, point, text))


class EstateDoor:
    """A door on a reader: ``card``, ``leave`` (exit button), ``force``; ``clear`` shuts it."""

    def __init__(self, name: str, reader: Callable[[], OsdpReader]) -> None:
        self._name = name
        self._reader = reader

    def happen(self, event: str) -> None:
        """Let an event begin."""
        reader = self._reader()
        if event == "clear":
            reader.contact(_CONTACT, on=False)
            return
        _refuse_unknown(event, DOOR_EVENTS, self._name)
        if event == "card":
            reader.card(*_CARD)
            return
        if event == "leave":
            reader.contact(_EXIT_BUTTON, on=True)
            reader.contact(_EXIT_BUTTON, on=False)
        reader.contact(_CONTACT, on=True)


class EstateParts:
    """All such units of an estate; they speak while this is entered.

    Attributes:
        units: Name to unit.
        lines: Endpoint to the line of readers, while this is entered.
    """

    def __init__(self, estate: Estate, clock: Clock) -> None:
        self.units: dict[str, Part] = {}
        self.lines: dict[str, OsdpLine] = {}
        self._estate = estate
        self._clock = clock
        self._panels: list[EstatePanel] = []
        self._stack = AsyncExitStack()
        for name, unit in estate.units.items():
            endpoint = estate.endpoints[unit.endpoint]
            if unit.fire is not None and isinstance(endpoint, CentreEndpoint):
                panel = EstatePanel(name, unit.fire, centre=endpoint, clock=clock)
                self._panels.append(panel)
                self.units[name] = panel
            elif unit.osdp is not None:
                reader = partial(self._reader, unit.endpoint, unit.osdp.number)
                self.units[name] = EstateDoor(name, reader)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            for name, endpoint in self._estate.endpoints.items():
                if isinstance(endpoint, ReaderLineEndpoint):
                    line = OsdpLine(
                        Path(endpoint.path), self._keys(name, endpoint), clock=self._clock
                    )
                    self.lines[name] = await opening.enter_async_context(line)
            for panel in self._panels:
                task = asyncio.create_task(panel.device.run(), name="panel")
                opening.push_async_callback(_ended, task)
            self._stack = opening.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()
        self.lines.clear()

    def _reader(self, endpoint: str, address: int) -> OsdpReader:
        return self.lines[endpoint].readers[address]

    def _keys(self, name: str, endpoint: ReaderLineEndpoint) -> Mapping[int, bytes | None]:
        found = [unit.osdp for unit in self._estate.units.values() if unit.endpoint == name]
        return _keys(endpoint.key_file, [one.number for one in found if one is not None])


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})


def _keys(path: Path, addresses: list[int]) -> Mapping[int, bytes | None]:
    """Return the keys of readers; a file that is missing is made, readable by its owner only."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text("".join(f"{one} {secrets.token_hex(16)}\n" for one in addresses), "utf-8")
    known = load_reader_keys(path)
    return {address: known.get(address) for address in addresses}


def _refuse_unknown(event: str, events: frozenset[str], name: str) -> None:
    if event not in events:
        known = ", ".join(sorted(events))
        raise UnknownNameError(f"no event {event!r} of {name}; known: {known}")
