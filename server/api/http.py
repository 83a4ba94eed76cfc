"""The application behind HTTP: gate, idempotency, one router per room."""

from fastapi import APIRouter, FastAPI, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.middleware import Middleware

from server.api import (
    alarms,
    classes,
    equipment,
    events,
    health,
    incidents,
    messages,
    page,
    points,
    readings,
    session,
    sites,
    stream,
    tokens,
    users,
    workorders,
)
from server.api.context import Services
from server.api.gate import COOKIE, Gate
from server.api.idempotency import MAX_BODY, Idempotency
from server.core.problem import install_problems

ROOMS = (
    session,
    tokens,
    users,
    sites,
    stream,
    equipment,
    points,
    readings,
    classes,
    alarms,
    incidents,
    workorders,
    messages,
    events,
)

# The gate does the work; these only tell OpenAPI how to get through it.
_DOORS = [
    Security(HTTPBearer(auto_error=False, description="A token of POST /tokens.")),
    Security(APIKeyCookie(name=COOKIE, auto_error=False, description="POST /session sets it.")),
]


def build_app(services: Services) -> FastAPI:
    """Build the application; it opens nothing and owns nothing."""
    records, clock = services.records, services.clock
    app = FastAPI(
        title="Plantroom",
        version="1",
        summary="Watches the plant of residential estates.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        max_body_size=MAX_BODY,
        telemetry={"tracing": False},
        middleware=[
            Middleware(Gate, records=records, clock=clock),
            Middleware(Idempotency, records=records, clock=clock),
        ],
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
    return app


def _operation_id(route: APIRoute) -> str:
    """Stable names for generated clients: the endpoint function's."""
    return route.name.rstrip("_")
