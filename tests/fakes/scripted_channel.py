"""A channel whose answer can be held back."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from server.messages.queue import Outgoing
from server.messages.rate_limits import DeliveryPolicy
from server.notifications.channels.base import Outcome, Sent


@dataclass
class ScriptedChannel:
    """Answers from ``outcomes`` in order, then Sent; waits for ``gate`` before it answers."""

    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    sent: list[Outgoing] = field(default_factory=list[Outgoing])
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    @property
    def timeout_s(self) -> float:
        return 10

    def policy(self, address: str) -> DeliveryPolicy:  # noqa: ARG002
        return DeliveryPolicy()

    def check_address(self, address: str) -> str | None:  # noqa: ARG002
        return None

    async def send(self, message: Outgoing) -> Outcome:
        self.sent.append(message)
        self.asked.set()
        await self.gate.wait()
        return self.outcomes.pop(0) if self.outcomes else Sent()
