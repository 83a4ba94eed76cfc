"""The application behind HTTP: gate, idempotency, one router per room."""

from typing import Any

from fastapi import APIRouter, FastAPI, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.middleware import Middleware

from server.api import (
    alarm_figures,
    alarm_rules,
    alarm_trials,
    alarm_verbs,
    alarms,
    channels,
    classes,
    commands,
    equipment,
    events,
    health,
    incidents,
    links,
    messages,
    page,
    persons,
    points,
    policies,
    power_links,
    readings,
    rosters,
    session,
    sites,
    stream,
    tokens,
    users,
    workorders,
)
from server.api.context import Services
from server.api.gate import COOKIE, SESSION_PATH, Gate
from server.api.idempotency import MAX_BODY, MAX_KEY, Idempotency
from server.core.problem import MEDIA_TYPE, install_problems

ROOMS = (
    session,
    tokens,
    users,
    sites,
    stream,
    equipment,
    power_links,
    points,
    readings,
    commands,
    classes,
    alarms,
    alarm_verbs,
    alarm_trials,
    alarm_rules,
    alarm_figures,
    incidents,
    workorders,
    persons,
    rosters,
    policies,
    messages,
    channels,
    events,
)

# The gate does the work; these only tell OpenAPI how to get through it.
_DOORS = [
    Security(HTTPBearer(auto_error=False, description="A token of POST /tokens.")),
    Security(APIKeyCookie(name=COOKIE, auto_error=False, description="POST /session sets it.")),
]


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key does the work once and gives the first answer again for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
}


class _Application(FastAPI):
    """Describes its errors as what they are."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is not None:
            return self.openapi_schema
        document = super().openapi()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                # FastAPI adds its default beside the media type that is really sent.
                for response in operation["responses"].values():
                    content = response.get("content", {})
                    if MEDIA_TYPE in content:
                        content.pop("application/json", None)
                if method == "post" and path != SESSION_PATH:
                    operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        return document


def build_app(services: Services) -> FastAPI:
    """Build the application; it opens nothing and owns nothing."""
    app = _Application(
        title="Plantroom",
        version="1",
        summary="Watches the plant of residential estates.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        max_body_size=MAX_BODY,
        telemetry={"tracing": False},
        middleware=[Middleware(Gate), Middleware(Idempotency)],
    )
    app.state.services = services
    app.state.throttle = session.LoginThrottle()
    install_problems(app)
    api = APIRouter(prefix="/api/v1", dependencies=_DOORS)
    for room in ROOMS:
        api.include_router(room.router)
    app.include_router(api)
    app.include_router(health.router)
    app.include_router(page.router)
    app.include_router(links.router)
    return app


def _operation_id(route: APIRoute) -> str:
    """Stable names for generated clients: the endpoint function's."""
    return route.name.rstrip("_")
