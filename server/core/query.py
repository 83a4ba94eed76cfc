"""What an operation takes from the query of its requests."""

from collections.abc import Callable

from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute


def query_names(route: APIRoute, only: Callable[[object], bool] = lambda _: True) -> frozenset[str]:
    """Return the names of its parameters, as callers write them.

    Args:
        route: Of the operation.
        only: Takes the type of one; those for which it is false are left out.
    """
    fields = get_flat_params(route.dependant)
    return frozenset(
        field.alias
        for field in fields
        if isinstance(field.field_info, Query) and only(field.field_info.annotation)
    )
