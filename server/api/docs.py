"""/docs and the description of the interface; neither needs a login, and no other host is asked."""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request, Response

PATHS = frozenset(
    {
        "/docs",
        "/docs/docs.js",
        "/docs/swagger-ui.css",
        "/docs/swagger-ui-bundle.js",
        "/api/v1/openapi.json",
    }
)
_BUNDLE = "fastapi_offline"
"""Package that carries Swagger UI; only its files are used."""
_CACHE = {"Cache-Control": "no-cache"}
_CSS, _SCRIPT = "text/css; charset=utf-8", "text/javascript; charset=utf-8"


def docs_router(document: Callable[[], dict[str, Any]]) -> APIRouter:
    """Return the routes; ``document`` describes the interface and is called once."""
    router = APIRouter(include_in_schema=False)

    @cache
    def text() -> bytes:
        return json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()

    def get_description(request: Request) -> Response:
        return _answer(request, text(), "application/json")

    def get_docs(request: Request) -> Response:
        return _answer(request, _own("docs.html"), "text/html; charset=utf-8")

    def get_docs_script(request: Request) -> Response:
        return _answer(request, _own("docs.js"), _SCRIPT)

    def get_swagger_script(request: Request) -> Response:
        return _answer(request, _bundled("swagger-ui-bundle.js"), _SCRIPT)

    def get_swagger_style(request: Request) -> Response:
        return _answer(request, _bundled("swagger-ui.css"), _CSS)

    router.get("/api/v1/openapi.json")(get_description)
    router.get("/docs")(get_docs)
    router.get("/docs/docs.js")(get_docs_script)
    router.get("/docs/swagger-ui.css")(get_swagger_style)
    router.get("/docs/swagger-ui-bundle.js")(get_swagger_script)
    return router


def _answer(request: Request, content: bytes, media_type: str) -> Response:
    """Send it, unless the browser has it already."""
    etag = f'"{_digest(content)}"'
    headers = _CACHE | {"ETag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


@cache
def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@cache
def _own(name: str) -> bytes:
    return (files("server.api") / "docs_page" / name).read_bytes()


@cache
def _bundled(name: str) -> bytes:
    return (files(_BUNDLE) / "static" / name).read_bytes()
