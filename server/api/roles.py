"""/roles: who may do what, as the one table of rights says it."""

from pydantic import BaseModel

from server.access.rights import NEEDS_SECOND_FACTOR, RIGHTS, Reach
from server.access.roles import Permission, Role
from server.api.context import problems
from server.api.router import api_router
from server.api.users import UserManager

router = api_router(prefix="/roles", tag="users", responses=problems(403))


class RoleRow(BaseModel):
    """One permission, and how far it goes for each role."""

    permission: Permission
    second_factor: bool
    """In a browser it needs a login with a second factor."""
    reaches: dict[Role, Reach]
    """all, scope (equipment of the person's scope), own (as scope, own work orders only), whole
    (only for those whose scope is everything), - (refused)."""


class RoleTable(BaseModel):
    """The whole table; one page holds it."""

    items: list[RoleRow]
    next_cursor: None = None


@router.get("")
def list_roles(_caller: UserManager) -> RoleTable:
    """Show what each role may do."""
    return RoleTable(
        items=[
            RoleRow(
                permission=permission,
                second_factor=permission in NEEDS_SECOND_FACTOR,
                reaches=dict(reaches),
            )
            for permission, reaches in RIGHTS.items()
        ]
    )
