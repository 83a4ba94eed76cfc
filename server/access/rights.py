"""Who may do what: the one table, and the one question that is asked of it.

A right is a permission times a reach. The reach is a word of the table:

    all    allowed, whatever the person's scope
    scope  allowed on equipment of the person's scope (sites, classes, equipment)
    own    as scope, and only for work orders that are the person's own or nobody's yet
    whole  allowed to those only whose scope is everything
    -      refused

A scope without sites, classes and equipment is everything; ``server/access/scope.py`` has the rest.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from server.access.principal import Principal
from server.access.roles import Permission, Role
from server.core.errors import ForbiddenError


class Reach(StrEnum):
    """How far a right goes."""

    ALL = "all"
    SCOPE = "scope"
    OWN = "own"
    WHOLE = "whole"
    NONE = "-"


_TABLE: Final = """
                    administrator company estate_manager operator technician contractor desk  auditor viewer
own.use             all           all     all            all      all        all        all   all     all
plant.read          all           all     scope          scope    scope      scope      scope scope   scope
classes.read        all           all     all            all      all        all        all   all     all
events.read         all           all     scope          scope    scope      scope      scope scope   scope
figures.read        all           all     scope          scope    scope      -          scope scope   scope
metrics.read        all           all     whole          whole    -          -          -     whole   whole
alarms.acknowledge  all           all     scope          scope    scope      -          -     -       -
alarms.handle       all           all     scope          scope    -          -          -     -       -
equipment.service   all           all     scope          scope    scope      -          -     -       -
equipment.retire    all           all     scope          scope    -          -          -     -       -
equipment.command   all           all     scope          scope    scope      -          -     -       -
plans.read          all           all     all            all      all        -          all   all     all
plans.run           all           all     scope          scope    scope      -          -     -       -
links.write         all           all     scope          scope    -          -          -     -       -
sites.write         all           all     scope          -        -          -          -     -       -
rules.read          all           all     scope          scope    scope      -          -     scope   scope
rules.try           all           all     scope          scope    -          -          -     -       -
rules.write         all           all     scope          -        -          -          -     -       -
orders.read         all           all     scope          scope    scope      scope      scope scope   scope
orders.step         all           all     scope          scope    own        own        scope -       -
orders.assign       all           all     scope          scope    -          -          scope -       -
requests.take       all           all     scope          scope    -          -          scope -       -
ledger.write        all           all     scope          -        -          -          -     -       -
residents.contact   all           all     scope          scope    own        own        scope -       -
people.read         all           all     all            all      all        -          all   all     all
duty.read           all           all     scope          scope    scope      -          scope scope   scope
people.contact      all           all     all            all      -          -          all   -       -
people.write        all           all     whole          -        -          -          -     -       -
rosters.change      all           all     all            all      -          -          -     -       -
channels.read       all           all     all            all      -          -          all   all     all
channels.test       all           all     all            all      -          -          -     -       -
messages.read       all           all     scope          scope    -          -          scope scope   scope
messages.contact    all           all     scope          scope    -          -          scope -       -
messages.send       all           all     scope          scope    -          -          -     -       -
users.manage        all           -       -              -        -          -          -     -       -
audit.read          all           -       -              -        -          -          -     whole   -
"""  # noqa: E501 (a table)


def _read(table: str) -> dict[Permission, dict[Role, Reach]]:
    """Return the table, complete: a word, role or permission too few or too many is an error."""
    head, *lines = table.strip().splitlines()
    roles = [Role(word) for word in head.split()]
    rows = {Permission(line.split()[0]): line.split()[1:] for line in lines}
    if set(roles) != set(Role) or set(rows) != set(Permission) or len(rows) != len(lines):
        raise ValueError("the table of rights must name each role and each permission once")
    return {
        permission: dict(zip(roles, map(Reach, words), strict=True))
        for permission, words in rows.items()
    }


NEEDS_SECOND_FACTOR: Final = frozenset({Permission.EQUIPMENT_COMMAND, Permission.PLANS_RUN})
"""What nobody does in a browser session that was begun with a password alone."""
RIGHTS: Final[Mapping[Permission, Mapping[Role, Reach]]] = _read(_TABLE)


def permits(principal: Principal, permission: Permission) -> bool:
    """Return whether somebody may do something, at least somewhere."""
    if principal.permissions is not None and permission not in principal.permissions:
        return False
    if permission in NEEDS_SECOND_FACTOR and not principal.second_factor:
        return False
    reach = RIGHTS[permission][principal.role]
    return reach is not Reach.NONE and (reach is not Reach.WHOLE or principal.scope.is_everything)


def require(principal: Principal, permission: Permission) -> None:
    """Go on when somebody may do something.

    Raises:
        ForbiddenError: The role, the token or the scope does not allow it.
    """
    if permits(principal, permission):
        return
    if principal.permissions is not None and permission not in principal.permissions:
        given = ", ".join(sorted(principal.permissions)) or "nothing"
        raise ForbiddenError(f"this token is not made for {permission}; it is for: {given}")
    reach = RIGHTS[permission][principal.role]
    if permission in NEEDS_SECOND_FACTOR and reach is not Reach.NONE:
        raise ForbiddenError(
            f"{permission} needs a login with a second factor: POST /api/v1/session/second-factor"
        )
    if reach is Reach.WHOLE:
        raise ForbiddenError(f"{permission} is for those only whose scope is everything")
    roles = ", ".join(role for role, reach in RIGHTS[permission].items() if reach is not Reach.NONE)
    raise ForbiddenError(
        f"the role {principal.role} does not allow {permission}; it is for: {roles}"
    )


def permissions_of(principal: Principal) -> list[Permission]:
    """Return what somebody may do, at least somewhere, in the order of the table."""
    return [permission for permission in RIGHTS if permits(principal, permission)]


def needs_own(principal: Principal, permission: Permission) -> bool:
    """Return whether somebody may do it only to work orders of its own."""
    return RIGHTS[permission][principal.role] is Reach.OWN
