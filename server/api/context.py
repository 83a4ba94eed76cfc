"""What the endpoints are given: services, the caller, page parameters, error shapes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, cast

from fastapi import Depends, Path, Query, Request
from prometheus_client import CollectorRegistry
from starlette.types import Scope

from config.classes import EquipmentClass
from config.server import ServerSettings
from server.api.feed import EventFeed
from server.api.principals import Principals
from server.core.auth import Principal, Role
from server.core.clock import Clock
from server.core.errors import ForbiddenError
from server.core.paging import DEFAULT_LIMIT, MAX_LIMIT
from server.core.problem import MEDIA_TYPE, Problem
from server.core.records import Records
from server.history.base import HistoryReader
from server.live.hub import LiveHub
from server.live.values import Values
from server.messages.links import LinkKey


class Server(Protocol):
    """The server's own process, as the process that serves HTTP for it sees it."""

    async def parts(self) -> tuple[dict[str, bool], dict[str, float]]:
        """Return which parts work, and for how long the work of late parts has waited, seconds.

        ``server`` is false when nobody answers.
        """
        ...

    async def notes(self) -> dict[str, str]:
        """Return remarks about its parts, by part."""
        ...

    async def figures(self) -> bytes:
        """Return the server's figures for Prometheus; empty without an answer."""
        ...

    def note_token(self, token_id: int, at: int) -> None:
        """Record the use of a token, UTC ms."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the endpoints call; built by the composition root."""

    settings: ServerSettings
    records: Records
    clock: Clock
    classes: Mapping[str, EquipmentClass]
    history: HistoryReader
    values: Values
    hub: LiveHub
    feed: EventFeed
    metrics: CollectorRegistry
    checks: Mapping[str, Callable[[], bool]]
    """Name of a part to a function that says whether it works now."""
    late_s: Callable[[], Mapping[str, float]] = dict[str, float]
    """Says since when the oldest work of each part that is late waits, seconds."""
    notes: Mapping[str, Callable[[], str]] = field(default_factory=dict[str, Callable[[], str]])
    """Name of a part to a function that says what people should know of it; empty: nothing."""
    server: Server | None = None
    """Who writes and judges; None when it is this process."""
    principals: Principals | None = None
    """Who was let in a moment ago; None looks everybody up each time."""
    links: LinkKey | None = None
    """What one-time links are signed with; None when there are none."""
    trials: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a rule is tried on the history; one at a time."""


def services_of(scope: Scope) -> Services:
    """Return what the application of a request was built with."""
    return cast("Services", scope["app"].state.services)


async def _services(request: Request) -> Services:
    return services_of(request.scope)


async def _principal(request: Request) -> Principal:
    return cast("Principal", request.state.principal)


async def _administrator(request: Request) -> Principal:
    principal = await _principal(request)
    if not principal.role.may_act_as(Role.ADMINISTRATOR):
        raise ForbiddenError("only an administrator may do this")
    return principal


Use = Annotated[Services, Depends(_services)]
Caller = Annotated[Principal, Depends(_principal)]
Administrator = Annotated[Principal, Depends(_administrator)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description=f"Items, up to {MAX_LIMIT}.")]
Cursor = Annotated[str | None, Query(max_length=200, description="next_cursor of the last page.")]
RowId = Annotated[int, Path(ge=1, le=2**63 - 1)]
PAGE = DEFAULT_LIMIT


def problems(*statuses: int, everywhere: bool = True) -> dict[int | str, dict[str, Any]]:
    """Error bodies of a router for OpenAPI; 401 and 422 are everywhere."""
    words = {
        401: "No login or token.",
        403: "The role does not allow it.",
        404: "No such thing.",
        409: "Its state does not allow it.",
        410: "It is over.",
        412: "It was changed by somebody else meanwhile.",
        413: "The body is too large.",
        415: "The body is no JSON in UTF-8.",
        422: "The input is wrong; errors names the fields.",
        428: "If-Match is missing.",
        429: "Too many tries; Retry-After says when.",
        500: "The server failed on this request and has logged why.",
        503: "It cannot be done now; Retry-After says when to try again.",
    }
    return {
        status: {
            "description": words[status],
            "model": Problem,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*statuses, *((401, 422) if everywhere else ())})
    }
