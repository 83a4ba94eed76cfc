"""What pages without scripts share: their style, their frame, and the headers that bind them."""

from html import escape
from http import HTTPStatus
from importlib.resources import files
from typing import Final, NamedTuple

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

STYLE_PATH: Final = "/plain.css"
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
router = APIRouter(include_in_schema=False)


class Frame(NamedTuple):
    """What stands around a page."""

    language: str
    """zh or en."""
    root: str
    """The relative way to the address of the server, without a slash at its end."""


@router.get(STYLE_PATH)
def get_style() -> Response:
    """Return the style."""
    style = (files("server.api") / "plain_page" / "plain.css").read_bytes()
    return Response(
        style, media_type="text/css; charset=utf-8", headers={"Cache-Control": "no-cache"}
    )


def page(
    frame: Frame,
    title: str,
    body: str,
    *,
    status: int = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    """Return a page; ``body`` is markup in which every word from outside is escaped."""
    language = "en" if frame.language == "en" else "zh-CN"
    text = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{frame.root}{STYLE_PATH}">'
        f"<title>{escape(title)}</title></head><body><main>{body}</main></body></html>"
    )
    return HTMLResponse(text, status, headers=HEADERS | (headers or {}))
