"""Records with messages, and a channel that does as it is told, for tests of the delivery."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core.records import Records
from server.messages.model import Message
from server.messages.queue import Outgoing, send_to
from server.messages.rate_limits import DeliveryPolicy
from server.messages.receivers import Receiver
from server.notifications.channels.base import DeliveryStatus, Outcome, Sent


@dataclass
class AnsweringChannel:
    """Answers from ``outcomes`` and ``statuses`` in order, then Sent."""

    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    statuses: list[DeliveryStatus] = field(default_factory=list[DeliveryStatus])
    of: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    sent: list[Outgoing] = field(default_factory=list[Outgoing])
    asked: list[Outgoing] = field(default_factory=list[Outgoing])

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
        return self.of

    def check_address(self, address: str) -> str | None:  # noqa: ARG002
        return None

    async def send(self, message: Outgoing) -> Outcome:
        self.sent.append(message)
        return self.outcomes.pop(0) if self.outcomes else Sent()

    async def ask(self, message: Outgoing) -> DeliveryStatus:
        self.asked.append(message)
        return self.statuses.pop(0) if self.statuses else Sent()


def write_message(
    records: Records, key: str, *ways: Receiver, now: int, severity: str = "high", **more: Any
) -> None:
    """A message to the first way, the others being its fail-over."""
    title = {"title_en": key, "title_zh": key}

    def work(session: Session) -> None:
        send_to(
            session,
            ways,
            key=key,
            kind="incident.opened",
            severity=severity,
            incident_id=more.get("incident_id"),
            payload={"incident": title},
            now=now,
        )

    records.write(work)


def rows(records: Records) -> dict[str, Message]:
    """All messages by their key."""
    found = records.read(lambda session: session.scalars(select(Message)).all())
    return {row.key: row for row in found}


def states(records: Records) -> dict[str, str]:
    return {key: row.state for key, row in rows(records).items()}
