"""Which owner a port has on which the equipment speaks first: the one place that knows."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from config.gateway import ResolvedDevice
from config.ports import HearingPort
from edge_agent.clock import Clock
from edge_agent.health import Health
from edge_agent.journal.base import Journal
from edge_agent.polling.sink import ReadingSink
from edge_agent.port_owner import Owner


def opener(
    *,
    sink: ReadingSink,
    journal: Journal,
    health: Health,
    clock: Clock,
    beside: Path,
) -> Callable[[str, HearingPort, Mapping[str, ResolvedDevice]], Owner]:
    """Return what makes the owner of a port that listens.

    Args:
        beside: The journal's file; what is open is kept beside it.
    """

    def open_port(name: str, settings: HearingPort, devices: Mapping[str, ResolvedDevice]) -> Owner:
        # What no file uses is not imported.
        from edge_agent.listening.port import ListeningPort  # noqa: PLC0415
        from edge_agent.listening.wires import build_wire  # noqa: PLC0415

        sources = [str(device.unit) for device in devices.values()]
        return ListeningPort(
            name,
            settings=settings,
            devices=devices,
            build_wire=partial(
                build_wire, name=name, settings=settings, sources=sources, clock=clock
            ),
            sink=sink,
            journal=journal,
            health=health,
            clock=clock,
            path=beside.with_suffix(f".fire-{name}.json"),
        )

    return open_port
