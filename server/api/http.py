"""The application behind HTTP: gate, idempotency, one router per room."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from server.api import (
    alarm_figures,
    alarm_reports,
    alarm_rules,
    alarm_trials,
    alarm_verbs,
    alarms,
    assurances,
    audit,
    channels,
    classes,
    commands,
    equipment,
    equipment_documents,
    events,
    hand_over,
    health,
    incidents,
    ledger,
    ledger_import,
    links,
    login_provider,
    messages,
    order_hands,
    order_records,
    order_work,
    persons,
    plain,
    plan_runs,
    plans,
    points,
    policies,
    power_links,
    public_requests,
    readings,
    repair_requests,
    report_workbook,
    reports,
    request_places,
    roles,
    rooms,
    rosters,
    rule_proposals,
    schematics,
    second_factor,
    session,
    sessions,
    sites,
    stream,
    tokens,
    trend_export,
    trends,
    users,
    workorders,
)
from server.api.bodies import Bodies
from server.api.context import BasicServices, Services, problems
from server.api.docs import docs_router
from server.api.gate import COOKIE, LOGIN_PATHS, PUBLIC, Gate, is_public
from server.api.idempotency import MAX_KEY, Idempotency
from server.api.page import page_router
from server.api.passwords import Doorkeeper
from server.api.rights import declared
from server.api.router import operation_id
from server.api.routes import Straight
from server.api.strict import Carried, Strict, allowed_methods
from server.core.problem import MEDIA_TYPE, install_problems

ROOMS = (
    session,
    login_provider,
    second_factor,
    sessions,
    tokens,
    users,
    roles,
    sites,
    stream,
    equipment,
    equipment_documents,
    schematics,
    power_links,
    points,
    readings,
    trends,
    trend_export,
    commands,
    classes,
    alarms,
    alarm_verbs,
    alarm_trials,
    alarm_rules,
    rule_proposals,
    alarm_figures,
    incidents,
    plans,
    plan_runs,
    order_hands,
    hand_over,
    order_work,
    order_records,
    workorders,
    repair_requests,
    request_places,
    reports,
    alarm_reports,
    report_workbook,
    rooms,
    ledger,
    ledger_import,
    assurances,
    persons,
    rosters,
    policies,
    messages,
    channels,
    events,
    audit,
)

# The gate does the work; these only tell OpenAPI how to get through it.
_DOORS: dict[str, Any] = {
    "HTTPBearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of POST /tokens.",
    },
    "APIKeyCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "POST /session sets it.",
    },
}


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key does the work once and gives the first answer again for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
}


_NAMES = {"site", "equipment", "point", "feeder", "policy"}
"""Query parameters that name something that may not exist."""


class _Application(FastAPI):
    """Describes its errors as what they are."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is not None:
            return self.openapi_schema
        document = super().openapi()
        document["components"]["securitySchemes"] = _DOORS
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                _describe(path, method, operation)
        return document


def _describe(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add to an operation what the layers around it take and answer."""
    if path.startswith("/api/"):
        operation["security"] = [{door: []} for door in _DOORS]
    if method == "post" and path not in LOGIN_PATHS:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    responses, statuses = operation["responses"], _statuses(path, method, operation)
    for status, response in problems(*statuses, everywhere=False).items():
        known = responses.setdefault(str(status), {})
        known.setdefault("description", response["description"])
        known.setdefault("content", response["content"])
    for response in responses.values():
        # FastAPI adds its default beside the media type that is really sent.
        content = response.get("content", {})
        if MEDIA_TYPE in content:
            content.pop("application/json", None)


def _statuses(path: str, method: str, operation: dict[str, Any]) -> set[HTTPStatus]:
    """Return what an operation may answer that its endpoint does not know of."""
    statuses = {HTTPStatus.UNPROCESSABLE_ENTITY}
    changes, in_api = method not in {"get", "head"}, path.startswith("/api/")
    if in_api:
        statuses |= {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE}
    if path not in PUBLIC:
        # No right to it, or another site's page.
        statuses |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if changes:
        statuses |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
    if changes and in_api:
        statuses |= {HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    if method == "post" and path not in LOGIN_PATHS:
        statuses |= {HTTPStatus.CONFLICT}
    if any(one["in"] == "path" or one["name"] in _NAMES for one in operation.get("parameters", [])):
        statuses |= {HTTPStatus.NOT_FOUND}
    return statuses


def _allow_what_is_allowed(app: FastAPI) -> None:
    """Let 405 name every method of the path; the framework names those of one route."""
    usual = app.exception_handlers[HTTPException]

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 (registered for this class)
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = ", ".join(allowed_methods(app, request.scope["path"]))
            detail = f"{request.method} is not possible here; allowed are: {allowed}"
            error = HTTPException(error.status_code, detail, {"Allow": allowed})
        return await usual(request, error)  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType] (the handler of install_problems)

    app.add_exception_handler(HTTPException, refuse)


def build_app(
    services: Services,
    *,
    behind_gate: Middleware | None = None,
    outermost: Sequence[Middleware] = (),
) -> FastAPI:
    """Build the application; it opens nothing and owns nothing.

    Args:
        services: What the endpoints call.
        behind_gate: Sees every request that the gate has let in; by default it gives the answer
            to a repeated POST again.
        outermost: See every request first.
    """
    app = _Application(
        routes=[route for room in ROOMS for route in room.router.routes],
        title="Plantroom",
        version="1",
        summary="Watches the plant of residential estates.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
        telemetry={"tracing": False},
        middleware=[
            *outermost,
            Middleware(Gate),
            Middleware(Bodies),
            behind_gate or Middleware(Idempotency),
        ],
    )
    app.state.services = services
    app.state.doorkeeper = Doorkeeper(services.records, services.clock)
    install_problems(app)
    app.include_router(health.router, dependencies=[Strict])
    app.include_router(page_router())
    app.include_router(docs_router(app.openapi))
    app.include_router(links.router)
    app.include_router(plain.router)
    app.include_router(public_requests.router)
    app.state.carried = Carried(app)
    app.state.permissions = declared(app, is_public=lambda one: is_public(*one))
    app.router.middleware_stack = Straight(app, app.router.middleware_stack)
    _allow_what_is_allowed(app)
    return app


def build_health_app(services: BasicServices) -> FastAPI:
    """Build what tells how a process is that serves nothing else: /healthz, /readyz, /metrics."""
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False},
        middleware=[Middleware(Gate)],
    )
    app.state.services = services
    install_problems(app)
    app.include_router(health.router)
    return app
