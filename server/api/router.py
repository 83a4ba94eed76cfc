"""The routers of the interface."""

from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute

from server.api.strict import Strict

API = "/api/v1"


def api_router(
    *, tag: str, prefix: str = "", responses: dict[int | str, dict[str, Any]] | None = None
) -> APIRouter:
    """Return a router whose operations are whole: an application takes them as they are.

    Including a router in another makes each of its operations anew, which took a quarter of the
    server's start.

    Args:
        tag: Of its operations, in the OpenAPI document.
        prefix: Of their paths, after ``/api/v1``.
        responses: What all of them may answer.
    """
    return APIRouter(
        prefix=API + prefix,
        tags=[tag],
        responses=responses,
        dependencies=[Strict],
        generate_unique_id_function=operation_id,
    )


def operation_id(route: APIRoute) -> str:
    """Stable names for generated clients: the endpoint function's."""
    return route.name.rstrip("_")
