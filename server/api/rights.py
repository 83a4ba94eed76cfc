"""Each endpoint declares its permission, once, where it takes the caller.

    Handler = Annotated[Principal, may(Permission.ALARMS_HANDLE)]
    def shelve_alarm(..., caller: Handler) -> ...

An endpoint without one is refused when the application is built, unless its path is open to all.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, cast

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from server.access.principal import Principal
from server.access.rights import require
from server.access.roles import Permission


@dataclass(frozen=True, slots=True)
class Right:
    """The dependency that lets a request pass, and gives the endpoint its caller."""

    permission: Permission

    async def __call__(self, request: Request) -> Principal:
        """Return the caller.

        Raises:
            ForbiddenError: It may not do this.
        """
        principal = cast("Principal", request.state.principal)
        require(principal, self.permission)
        return principal


def may(permission: Permission) -> Any:  # noqa: ANN401 (as FastAPI declares its own)
    """Declare what an endpoint does."""
    return Depends(Right(permission))


OwnUser = Annotated[Principal, may(Permission.OWN_USE)]
PeopleReader = Annotated[Principal, may(Permission.PEOPLE_READ)]
PeopleWriter = Annotated[Principal, may(Permission.PEOPLE_WRITE)]
PlantReader = Annotated[Principal, may(Permission.PLANT_READ)]


class Operation(NamedTuple):
    """An endpoint as the interface has it."""

    method: str
    path: str


class UndeclaredError(TypeError):
    """An endpoint does not say what it does; a mistake of its author."""


def declared(
    app: FastAPI, *, is_public: Callable[[Operation], bool]
) -> Mapping[Operation, Permission | None]:
    """Return the permission of every operation; None for one that is open to all.

    Args:
        app: With all its routes.
        is_public: Says so of an operation that needs no permission, because the gate asks nobody.

    Raises:
        UndeclaredError: An operation has no permission, or several.
    """
    found: dict[Operation, Permission | None] = {}
    for operation, route in operations(app):
        permissions = {right.permission for right in _rights(route.dependant)}
        if is_public(operation) and not permissions:
            found[operation] = None
        elif len(permissions) == 1:
            (found[operation],) = permissions
        else:
            given = ", ".join(sorted(permissions)) or "none"
            raise UndeclaredError(
                f"{operation.method} {operation.path} declares {given}; write one: "
                "caller: Annotated[Principal, may(Permission...)]"
            )
    return found


def operations(app: FastAPI) -> Iterator[tuple[Operation, APIRoute]]:
    """Yield every operation and its route."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            for method in sorted(context.methods or ()):
                yield Operation(method, context.path or ""), route


def _rights(dependant: Dependant) -> Iterator[Right]:
    for one in dependant.dependencies:
        if isinstance(one.call, Right):
            yield one.call
        yield from _rights(one)
