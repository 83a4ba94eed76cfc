"""The status page at /: three static files, read once."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)

_CACHE = {"Cache-Control": "no-cache"}


@cache
def _file(name: str) -> bytes:
    return (files("server") / "page" / name).read_bytes()


@router.get("/")
def get_page() -> Response:
    """Return the page; it logs in by itself."""
    return Response(_file("page.html"), media_type="text/html; charset=utf-8", headers=_CACHE)


@router.get("/page.css")
def get_style() -> Response:
    """Return its style."""
    return Response(_file("page.css"), media_type="text/css; charset=utf-8", headers=_CACHE)


@router.get("/page.js")
def get_script() -> Response:
    """Return its script."""
    return Response(_file("page.js"), media_type="text/javascript; charset=utf-8", headers=_CACHE)


@router.get("/words.js")
def get_words() -> Response:
    """Return its words."""
    return Response(_file("words.js"), media_type="text/javascript; charset=utf-8", headers=_CACHE)


@router.get("/favicon.ico")
def get_icon() -> Response:
    """Return the icon."""
    return Response(_file("favicon.svg"), media_type="image/svg+xml", headers=_CACHE)
