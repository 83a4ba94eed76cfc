"""The dashboard: one page for every address below /app, and the files that it loads.

Its router in the browser finds the screen, so a link to any of them is answered with the same page.
"""

from collections.abc import Callable
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response

from server.core.problem import ProblemError

PAGES: Final = frozenset({"/", "/app", "/favicon.ico", "/sw.js", "/manifest.webmanifest"})
FOLDERS: Final = ("/app/", "/assets/")
"""Addresses of the page and its files; they need no login, as the login is on the page."""

_DIST = Path(str(files("server") / "dashboard" / "dist"))
_ASK_AGAIN = {"Cache-Control": "no-cache"}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
"""The name of a file of the build holds a hash of its content."""
_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_NAMED: Final = {
    "sw.js": _TYPES[".js"],
    "manifest.webmanifest": "application/manifest+json",
}
"""The service worker, which keeps the files on a phone, and what makes them an application."""
_MISSING = (
    "The dashboard of this server is not built; its interface works, see /docs.\n"
    "In a checkout `make dashboard` builds it; a package of Plantroom has it inside.\n"
)


def page_router(folder: Path = _DIST) -> APIRouter:
    """Return the routes.

    Args:
        folder: What ``server/dashboard/build.py`` has made.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    @router.get("/app")
    @router.get("/app/{screen:path}")
    def get_page() -> Response:
        """Return the page, whatever the screen."""
        path = folder / "index.html"
        if not path.is_file():
            return Response(
                _MISSING, HTTPStatus.SERVICE_UNAVAILABLE, media_type="text/plain; charset=utf-8"
            )
        return Response(
            path.read_bytes(), media_type="text/html; charset=utf-8", headers=_ASK_AGAIN
        )

    @router.get("/assets/{name}")
    def get_asset(name: str, request: Request) -> Response:
        """Return a file of the build, compressed when the browser takes that."""
        assets = folder / "assets"
        suffix = Path(name).suffix
        names = {one.name for one in assets.iterdir()} if assets.is_dir() else set[str]()
        if name not in names or suffix not in _TYPES:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"the dashboard has no file {name!r}")
        packed = f"{name}.gz"
        if packed in names and "gzip" in request.headers.get("accept-encoding", ""):
            name, headers = packed, {**_FOR_EVER, "Content-Encoding": "gzip"}
        else:
            headers = _FOR_EVER
        return Response((assets / name).read_bytes(), media_type=_TYPES[suffix], headers=headers)

    for name, media_type in _NAMED.items():
        router.add_api_route(f"/{name}", _giver(folder / name, media_type))

    @router.get("/favicon.ico")
    def get_icon() -> Response:
        """Return the icon."""
        icon = (files("server.api") / "docs_page" / "favicon.svg").read_bytes()
        return Response(icon, media_type="image/svg+xml", headers=_ASK_AGAIN)

    return router


def _giver(path: Path, media_type: str) -> Callable[[], Response]:
    """Return what gives a file whose name never changes."""

    def give() -> Response:
        if not path.is_file():
            raise ProblemError(HTTPStatus.NOT_FOUND, f"the dashboard has no file {path.name!r}")
        return Response(path.read_bytes(), media_type=media_type, headers=_ASK_AGAIN)

    return give
