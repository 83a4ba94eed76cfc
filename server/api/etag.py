"""Versions as entity tags: ``ETag`` says which one was read, ``If-Match`` which one is meant."""

from typing import Annotated

from fastapi import Header, Response

from server.core.problem import FieldError

IfMatch = Annotated[str | None, Header(description="ETag that the change is meant for; else 412.")]


def set_etag(response: Response, version: int) -> None:
    """Say which version this is."""
    response.headers["ETag"] = f'"{version}"'


def expected_version(if_match: str | None) -> int | None:
    """Return the version that a change is meant for; None for any.

    Raises:
        FieldError: It did not come from an ETag.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdecimal():
        raise FieldError("header.If-Match", 'send the ETag that was read, such as "3"')
    return int(text)
