"""What a request may carry: nothing that the operation would not read.

A misspelt key or parameter that is passed over does something else than what was asked for, and
says that it went well.
"""

from typing import cast, get_args, get_origin

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel

from server.core.problem import FieldError
from server.core.query import query_names

Endpoint = object


class Body(BaseModel, extra="forbid"):
    """Base of what a request may carry as JSON: an unknown key is refused."""


class Carried:
    """What each operation reads of a request."""

    def __init__(self, app: FastAPI) -> None:
        routes = _routes(app)
        self.queries: dict[Endpoint, frozenset[str]] = {
            route.endpoint: query_names(route) for route in routes
        }
        self.repeated: dict[Endpoint, frozenset[str]] = {
            route.endpoint: query_names(route, only=_is_list) for route in routes
        }
        self.without_body: frozenset[Endpoint] = frozenset(
            route.endpoint
            for route in routes
            if route.body_field is None and "requestBody" not in (route.openapi_extra or {})
        )


async def _check(request: Request) -> None:
    carried = cast("Carried", request.app.state.carried)
    endpoint: Endpoint = request.scope["endpoint"]
    known = carried.queries.get(endpoint, frozenset())
    repeated = carried.repeated.get(endpoint, frozenset())
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            raise FieldError(f"query.{name}", "no such parameter here", sorted(known))
        if name in seen and name not in repeated:
            raise FieldError(f"query.{name}", "given more than once")
        seen.add(name)
    if request.method == "GET" or endpoint not in carried.without_body:
        return
    if (await request.body()).strip() not in {b"", b"{}"}:
        raise FieldError("body", "this takes no body")


Strict = Depends(_check)
"""For routers: refuses unknown query parameters, repeated ones that are no list, and a body that
nobody reads."""


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """Return the methods that a path answers, sorted; empty for an unknown path."""
    found: set[str] = set()
    for one in iter_route_contexts(app.routes):
        if one.methods and one.path_regex.match(path):
            found |= one.methods
    return sorted(found)


def _routes(app: FastAPI) -> list[APIRoute]:
    contexts = iter_route_contexts(app.routes)
    found = (one.original_route for one in contexts)
    return [route for route in found if isinstance(route, APIRoute)]


def _is_list(kind: object) -> bool:
    return get_origin(kind) is list or any(get_origin(one) is list for one in get_args(kind))
