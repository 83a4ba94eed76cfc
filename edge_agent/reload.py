"""Takes over a changed agent file while everything else goes on (SIGHUP).

All or nothing: the file is read and everything new is built before anything is touched. A wrong
file changes nothing and is said with every problem.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from config.edge import AgentSettings
from config.errors import ConfigError
from config.gateway import Gateway
from edge_agent.health import Health
from edge_agent.linkages.device import devices_of, with_linkages
from edge_agent.linkages.service import LinkageService
from edge_agent.polling.port_manager import Change, PortManager
from edge_agent.uplink.uplink import Uplink

log = structlog.get_logger()

_RELOADED: Final = frozenset({"ports", "devices", "device_files", "class_files", "linkages"})


class Reloader:
    """Brings the running agent to what the file says now.

    Args:
        load: Reads the agent file again; raises ConfigError.
        health: Tells whether the last file was refused.
        tasks: Where the tasks of new ports run.

    Attributes:
        refusal: Why the last file was not taken over; empty when it was.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        load: Callable[[], Gateway],
        port_manager: PortManager,
        uplink: Uplink,
        linkages: LinkageService,
        health: Health,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.refusal = ""
        self._health = health
        self._settings = gateway.settings
        self._load = load
        self._port_manager = port_manager
        self._uplink = uplink
        self._linkages = linkages
        self._tasks = tasks

    async def reload(self) -> bool:
        """Take over the file; returns False when it is refused, and everything is as it was."""
        change, self.refusal = await self._prepared()
        self._health.reload_refused.set(change is None)
        if change is None:
            log.error("reload_refused", error=self.refusal)
            return False
        await self._apply(change)
        log.info(
            "reloaded",
            devices=len(change.gateway.devices),
            ports=len(self._port_manager.ports),
            ports_restarted=sorted(change.started),
            devices_added=list(change.added),
            devices_removed=list(change.removed),
            devices_changed=list(change.changed),
        )
        return True

    async def _prepared(self) -> tuple[Change | None, str]:
        """Return the change, or why there is none; nothing is touched so far."""
        try:
            gateway = await asyncio.to_thread(self._load)
            _check_unchanged(self._settings, gateway.settings)
            return self._port_manager.prepare(gateway), ""
        except ConfigError as error:
            return None, str(error)

    async def _apply(self, change: Change) -> None:
        # Old readings end before the births change, new ones begin after.
        await self._port_manager.stop(change)
        await self._linkages.leave(change.gateway)
        before = devices_of(self._settings.linkages)
        after = devices_of(change.gateway.settings.linkages)
        self._uplink.reconfigure(
            with_linkages(change.gateway),
            removed=[*change.removed, *(name for name in before if name not in after)],
            changed=[
                *change.changed,
                *(name for name in before if name in after and before[name] != after[name]),
            ],
        )
        self._port_manager.start(change, self._tasks)
        await self._linkages.enter(change.gateway)
        self._settings = change.gateway.settings


def _check_unchanged(old: AgentSettings, new: AgentSettings) -> None:
    """Refuse what is only read at the start."""
    others = [
        name
        for name in type(old).model_fields
        if name not in _RELOADED and getattr(old, name) != getattr(new, name)
    ]
    if others:
        raise ConfigError(f"{', '.join(others)}: changes only with a restart of the agent")
