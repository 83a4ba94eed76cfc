"""What the rest of the agent knows of the task that owns a port, polled or listened on."""

from collections.abc import Collection, Mapping
from typing import Protocol

from config.gateway import ResolvedDevice
from config.interlock import Place
from edge_agent.polling.device import Observer
from edge_agent.polling.units import UnitState
from edge_agent.polling.writes import FinalCheck, Written, no_check
from protocols.reading import Reading, Value


class OwnedUnit(Protocol):
    """How a unit of a port answers."""

    @property
    def number(self) -> int | str:
        """Its address."""
        ...

    @property
    def state(self) -> UnitState:
        """How it answers."""
        ...

    @property
    def response_s(self) -> float | None:
        """Usual time to its answer, seconds; None when it is not known or not asked."""
        ...

    @property
    def failures(self) -> int:
        """Requests without an answer since the last one."""
        ...


class OwnedDevice(Protocol):
    """A device of a port.

    Attributes:
        latest: The last reading of each point, reported or not.
        observer: Told of every reading.
    """

    latest: dict[str, Reading]
    observer: Observer | None

    @property
    def device(self) -> ResolvedDevice:
        """What is configured."""
        ...

    @property
    def unit(self) -> OwnedUnit:
        """Its unit."""
        ...


class Owner(Protocol):
    """One task and everything on its port."""

    @property
    def load(self) -> float:
        """Predicted share of its time that it is busy."""
        ...

    @property
    def devices(self) -> Mapping[str, OwnedDevice]:
        """Its devices by id."""
        ...

    async def run(self) -> None:
        """Keep the port open and serve it; never returns."""
        ...

    def answers(self, device: str) -> bool:
        """Whether a command for the device is worth trying."""
        ...

    def latest(self, device: str, point: str) -> Reading | None:
        """Return the last reading of a point; None before the first."""
        ...

    async def write(
        self,
        device: str,
        point: str,
        value: Value,
        *,
        expires_at: int | None = None,
        watched: Collection[Place] = (),
        final_check: FinalCheck = no_check,
    ) -> Written:
        """Carry out a command.

        Raises:
            CommandError: It was not carried out.
            DriverError: It is unknown whether it was.
        """
        ...
