"""The table before the router answers what the router would."""

from functools import cache

import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.testclient import TestClient

from server.api.routes import Straight

PATHS = (
    "/api/things",
    "/api/things/",
    "/api/things/7",
    "/api/things/best",
    "/api/things/last",
    "/api/boxes",
    "/api/boxes/full",
    "/api",
    "/plain",
    "/nothing",
)


@cache
def app_of(*, straight: bool) -> TestClient:
    app = FastAPI()
    api, things, boxes = APIRouter(prefix="/api"), APIRouter(prefix="/things"), APIRouter()

    @things.get("/last")
    @things.get("")
    @things.post("")
    @things.get("/{name}")
    @things.get("/best")
    @boxes.get("/boxes")
    @boxes.put("/boxes/full")
    def show(request: Request) -> dict[str, object]:
        scope = request.scope
        return {
            "path": scope["route"].path,
            "parameters": scope["path_params"],
            "endpoint": scope["endpoint"].__name__,
        }

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    api.include_router(things)
    api.include_router(boxes)
    app.include_router(api)
    if straight:
        app.router.middleware_stack = Straight(app, app.router.middleware_stack)
    return TestClient(app)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
def test_the_table_and_the_router_agree(method: str, path: str) -> None:
    table, router = app_of(straight=True), app_of(straight=False)
    one, other = table.request(method, path), router.request(method, path)
    assert (one.status_code, one.content) == (other.status_code, other.content)
    assert one.headers.get("allow") == other.headers.get("allow")
