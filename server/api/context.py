"""What the endpoints are given: services, the caller, page parameters, error shapes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Protocol, cast

from fastapi import Depends, Path, Query, Request
from prometheus_client import CollectorRegistry
from starlette.types import Scope

from config.classes import EquipmentClass
from config.plans import EmergencyPlan
from config.schematics import Schematic
from config.server import ServerSettings
from server.access.login_provider import LoginProvider
from server.api.feed import EventFeed
from server.api.peer import client_address
from server.api.principals import Principals
from server.api.reservation import STATE, Reservation
from server.core.audit import Actor, Outcome
from server.core.clock import Clock
from server.core.paging import DEFAULT_LIMIT, MAX_LIMIT
from server.core.problem import MEDIA_TYPE, Problem
from server.core.records import Records
from server.history.base import HistoryReader
from server.live.hub import LiveHub
from server.live.values import Values
from server.messages.links import LinkKey
from server.requests.progress import STATUS_PATH

if TYPE_CHECKING:
    from server.access.principal import Principal

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_LONGEST_REQUEST = 300


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

    def note_refusal(self, actor: Actor) -> None:
        """Write into the audit that a request was refused here."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicServices:
    """What tells how a process is, and who may know; built by the composition root."""

    settings: ServerSettings
    records: Records
    clock: Clock
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(BasicServices):
    """Everything that the endpoints call; built by the composition root."""

    classes: Mapping[str, EquipmentClass]
    history: HistoryReader
    values: Values
    hub: LiveHub
    feed: EventFeed
    login_provider: LoginProvider | None = None
    """The company's own login; None when there is none, and in a web process."""
    links: LinkKey | None = None
    """What one-time links are signed with; None when there are none."""
    plans: Mapping[str, EmergencyPlan] = field(default_factory=dict[str, EmergencyPlan])
    """Emergency plans by key."""
    schematics: Mapping[str, Schematic] = field(default_factory=dict[str, Schematic])
    """Schematics by key."""
    trials: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a rule is tried on the history; one at a time."""


def services_of(scope: Scope) -> Services:
    """Return what the application of a request was built with."""
    return cast("Services", scope["app"].state.services)


def basic_services_of(scope: Scope) -> BasicServices:
    """Return what every application was built with, also one that only tells how a process is."""
    return cast("BasicServices", scope["app"].state.services)


async def _basic_services(request: Request) -> BasicServices:
    return basic_services_of(request.scope)


async def _services(request: Request) -> Services:
    use = services_of(request.scope)
    if request.method in SAFE:
        return use
    reserved: Reservation | None = request.scope.get("state", {}).get(STATE)
    noting = (
        None if reserved is None else reserved.noting(request.scope["route"].status_code or 200)
    )
    return replace(use, records=use.records.acting(actor_of(request.scope), noting))


def actor_of(scope: Scope, *, refused: HTTPStatus | None = None) -> Actor:
    """Return who sent a request, as the audit says it."""
    use = basic_services_of(scope)
    principal: Principal | None = scope.get("state", {}).get("principal")
    return Actor(
        at=use.clock.now_ms(),
        by=None if principal is None else principal.name,
        request=f"{scope['method']} {_path_to_keep(scope['path'])}"[:_LONGEST_REQUEST],
        address=client_address(scope, use.settings.http.trusted_proxies),
        user_id=None if principal is None else principal.user_id,
        token_id=None if principal is None else principal.token_id,
        outcome=Outcome.DONE if refused is None else Outcome.REFUSED,
        status=None if refused is None else int(refused),
    )


def _path_to_keep(path: str) -> str:
    """Return a path for the audit; whoever has the one of a status sees it without a login."""
    begin, found, _ = path.partition(STATUS_PATH)
    return f"{begin}{found}..." if found and not begin else path


Use = Annotated[Services, Depends(_services)]
UseBasicServices = Annotated[BasicServices, Depends(_basic_services)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description=f"Items, up to {MAX_LIMIT}.")]
Cursor = Annotated[str | None, Query(max_length=200, description="next_cursor of the last page.")]
RowId = Annotated[int, Path(ge=1, le=2**63 - 1)]
OfIncident = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Id of an incident.")]
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
        502: "The login provider does not answer.",
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
