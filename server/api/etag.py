"""Versions as entity tags: ``ETag`` says which one was read, ``If-Match`` which one is meant."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Header, Response

from server.core.problem import FieldError, ProblemError

IfMatch = Annotated[str | None, Header(description="ETag that the change is meant for; else 412.")]


def set_etag(response: Response, version: int | str) -> None:
    """Set the version of the answer."""
    response.headers["ETag"] = f'"{version}"'


def expected_version(if_match: str | None) -> int | None:
    """Return the version that a change is meant for; None for any.

    Raises:
        FieldError: It did not come from an ETag.
    """
    text = _named(if_match)
    if text is None:
        return None
    if not text.isdecimal():
        raise FieldError("header.If-Match", 'send the ETag that was read, such as "3"')
    return int(text)


def require_version(if_match: str | None, version: str, *, what: str) -> None:
    """Go on when the change is meant for this version, or for any.

    Raises:
        ProblemError: It is meant for another one.
    """
    text = _named(if_match)
    if text is not None and text != version:
        raise ProblemError(
            HTTPStatus.PRECONDITION_FAILED, f"{what} was changed meanwhile; read it again"
        )


def _named(if_match: str | None) -> str | None:
    if if_match is None or if_match.strip() == "*":
        return None
    return if_match.strip().removeprefix("W/").strip('"')
