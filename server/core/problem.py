"""Errors as application/problem+json (RFC 9457), one shape for all of them."""

from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from structlog import get_logger

from server.core.errors import (
    ArgumentError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ServerError,
    StoreError,
)
from server.core.query import query_names

MEDIA_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[ServerError], HTTPStatus], ...] = (
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (InvalidError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
)

log = get_logger()


class FieldProblem(BaseModel):
    """What is wrong with one field of the request."""

    field: str
    """Where: body.comment, query.from, header.If-Match."""
    message: str
    allowed: list[str] | None = None
    """The values that would be accepted, where they can be listed."""


class Problem(BaseModel):
    """RFC 9457: what happened, in words that a person can act on."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None


class FieldError(InvalidError):
    """One field of the request is wrong; says which and what is allowed."""

    def __init__(self, field: str, message: str, allowed: Sequence[str] | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.allowed = None if allowed is None else list(allowed)


class FieldsError(InvalidError):
    """Several things are wrong, each at its own place."""

    def __init__(self, fields: Sequence[FieldProblem], detail: str) -> None:
        super().__init__(detail)
        self.fields = list(fields)


class ProblemError(ServerError):
    """A refusal with a status and headers of its own, such as 401 or 429."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        headers: dict[str, str] | None = None,
        *,
        errors: list[FieldProblem] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers
        self.errors = errors


def problem_response(
    status: int,
    detail: str,
    *,
    errors: list[FieldProblem] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Build the answer; ``title`` is the status in words."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)
    return JSONResponse(
        body.model_dump(exclude_none=True), status, headers=headers, media_type=MEDIA_TYPE
    )


def answer_for(error: ServerError, asked: Collection[str] = ()) -> JSONResponse:
    """Translate an error that was raised on purpose.

    Args:
        error: As it was raised.
        asked: Names that the operation takes from the query; others stand in the body.
    """
    if isinstance(error, ProblemError):
        return problem_response(
            error.status, str(error), errors=error.errors, headers=error.headers
        )
    fields = None
    if isinstance(error, FieldError):
        fields = [FieldProblem(field=error.field, message=str(error), allowed=error.allowed)]
    elif isinstance(error, FieldsError):
        fields = error.fields
    elif isinstance(error, ArgumentError):
        place = "query." if error.argument in asked else "body."
        field = "body" if error.argument == "body" else place + error.argument
        fields = [FieldProblem(field=field, message=error.message)]
    for kind, status in _STATUS:
        if isinstance(error, kind):
            wait = {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
            return problem_response(status, str(error), errors=fields, headers=wait)
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))


def install_problems(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(ServerError, _server_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)


async def _server_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServerError)  # noqa: S101 (registered for this class)
    route = request.scope.get("route")
    asked = query_names(route) if isinstance(route, APIRoute) else frozenset[str]()
    answer = answer_for(error, asked)
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", path=request.url.path, error=str(error))
    return answer


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for this class)
    fields = [_field_problem(item) for item in error.errors()]
    detail = "; ".join(f"{field.field}: {field.message}" for field in fields)
    return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=fields)


def _field_problem(item: dict[str, Any]) -> FieldProblem:
    context: dict[str, Any] = item.get("ctx") or {}
    expected: object = context.get("expected")
    allowed = None
    if item["type"] in {"enum", "literal_error"} and isinstance(expected, str):
        allowed = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
    field = ".".join(str(part) for part in item["loc"])
    return FieldProblem(
        field=field, message=str(item["msg"]).removeprefix("Value error, "), allowed=allowed
    )


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for this class)
    headers = dict(error.headers) if error.headers else None
    return problem_response(error.status_code, str(error.detail), headers=headers)


async def _bug(request: Request, error: Exception) -> JSONResponse:
    log.error("request_crashed", path=request.url.path, error=repr(error))
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The server failed on this request and has logged why; nothing of it was stored.",
    )
