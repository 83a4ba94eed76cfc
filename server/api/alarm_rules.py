"""/alarm-rules: the rules in force, and changing them for a class, a site or one equipment."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import EquipmentClass
from server.access.principal import Principal
from server.access.roles import Permission
from server.alarms.model import AlarmRuleOverride
from server.alarms.overrides import (
    StaleRuleError,
    delete_override,
    find_override,
    load_overrides,
    put_override,
    version_of,
    versions_of,
)
from server.alarms.rulebook import RuleBook
from server.api.context import Services, Use, problems
from server.api.etag import IfMatch, expected_version, set_etag
from server.api.rights import may
from server.api.router import api_router
from server.api.rule_checks import TWO_PERSONS, check_change, check_without
from server.api.rule_shapes import (
    Layer,
    RuleChange,
    RuleItem,
    RuleList,
    RuleVersion,
    RuleVersions,
    Scope,
    classes_in,
    find_rule,
    scope_of,
    writable_place,
)
from server.core.errors import ConflictError, NotFoundError
from server.core.problem import FieldError, ProblemError

router = api_router(prefix="/alarm-rules", tag="alarms", responses=problems())

RuleReader = Annotated[Principal, may(Permission.RULES_READ)]
RuleWriter = Annotated[Principal, may(Permission.RULES_WRITE)]
RuleId = Annotated[str, Path(max_length=130, description="<class>.<rule>")]
OfSite = Annotated[str | None, Query(max_length=64, description="Key of a site.")]
OfEquipment = Annotated[str | None, Query(max_length=200, description="Id or key of equipment.")]


@router.get("")
def list_alarm_rules(
    use: Use,
    caller: RuleReader,
    *,
    equipment_class: Annotated[
        str | None, Query(alias="class", max_length=64, description="Only of this class.")
    ] = None,
    site: OfSite = None,
    equipment: OfEquipment = None,
) -> RuleList:
    """List the rules in force: of all classes, or as a site or one equipment has them."""

    def read(session: Session) -> RuleList:
        scope = scope_of(session, site, equipment, caller.scope)
        wanted = scope.equipment_class or equipment_class
        seen = classes_in(session, use, caller.scope)
        kinds = [use.classes[key] for key in sorted(seen) if wanted in {None, "", key}]
        book = RuleBook(use.classes, load_overrides(session))
        items = [
            _item(session, book, kind, name, scope)
            for kind in kinds
            for name in book.names_of(kind, site=scope.site, equipment=scope.equipment)
        ]
        return RuleList(items=[item for item in items if item is not None])

    return use.records.read(read)


@router.get("/{rule}", responses=problems(404))
def get_alarm_rule(
    rule: RuleId,
    use: Use,
    caller: RuleReader,
    response: Response,
    *,
    site: OfSite = None,
    equipment: OfEquipment = None,
) -> RuleItem:
    """Show one rule there; the ETag is the version of what exactly this scope changes."""

    def read(session: Session) -> tuple[RuleItem, int]:
        scope = scope_of(session, site, equipment, caller.scope)
        return _shown(session, use, rule, scope), version_of(session, scope.place(rule))

    item, version = use.records.read(read)
    set_etag(response, version)
    return item


@router.get("/{rule}/versions")
def list_alarm_rule_versions(
    rule: RuleId,
    use: Use,
    caller: RuleReader,
    site: OfSite = None,
    equipment: OfEquipment = None,
) -> RuleVersions:
    """List who changed the rule for exactly this scope, when, how and why."""

    def read(session: Session) -> RuleVersions:
        rows = versions_of(session, scope_of(session, site, equipment, caller.scope).place(rule))
        return RuleVersions(
            items=[RuleVersion.model_validate(row, from_attributes=True) for row in rows]
        )

    return use.records.read(read)


@router.put("/{rule}", responses=problems(403, 404, 412, 428))
def put_alarm_rule(
    rule: RuleId,
    use: Use,
    caller: RuleWriter,
    body: RuleChange,
    response: Response,
    *,
    site: OfSite = None,
    equipment: OfEquipment = None,
    if_match: IfMatch = None,
) -> RuleItem:
    """Change a rule, or make a new one, for a class, a site or one equipment.

    It holds within a second; open alarms stay open. A first change needs If-Match: "0".
    """
    expected = _expected(if_match)

    def change(session: Session) -> tuple[RuleItem, int]:
        scope = scope_of(session, site, equipment, caller.scope)
        place = writable_place(scope, rule, caller.scope)
        less = check_change(session, use, place, scope, body.changes)
        if less:
            raise FieldError("body.changes", f"{less}; {TWO_PERSONS}")
        version = put_override(
            session,
            place,
            changes=body.changes,
            reason=body.reason,
            by=caller.name,
            expected=expected,
            now=use.clock.now_ms(),
        )
        session.flush()
        return _shown(session, use, rule, scope), version

    item, version = _written(use, change)
    set_etag(response, version)
    return item


@router.delete(
    "/{rule}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(403, 404, 409, 412, 428),
)
def delete_alarm_rule(
    rule: RuleId,
    use: Use,
    caller: RuleWriter,
    *,
    reason: Annotated[str, Query(min_length=1, max_length=500, description="For the record.")],
    site: OfSite = None,
    equipment: OfEquipment = None,
    if_match: IfMatch = None,
) -> None:
    """Take back what exactly this scope changes."""
    expected = _expected(if_match)

    def change(session: Session) -> int:
        scope = scope_of(session, site, equipment, caller.scope)
        place = writable_place(scope, rule, caller.scope)
        if find_override(session, place) is not None:
            less = check_without(session, use, place)
            if less:
                raise ConflictError(f"{less}; {TWO_PERSONS}")
        return delete_override(
            session,
            place,
            reason=reason,
            by=caller.name,
            expected=expected,
            now=use.clock.now_ms(),
        )

    _written(use, change)


def _written(use: Services, change: Callable[[Session], Any]) -> Any:  # noqa: ANN401 (as given)
    try:
        return use.records.write(change)
    except StaleRuleError as error:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, str(error)) from error


def _expected(if_match: str | None) -> int | None:
    if if_match is None:
        raise ProblemError(
            HTTPStatus.PRECONDITION_REQUIRED,
            "send If-Match with the ETag of GET /alarm-rules/{rule}",
        )
    return expected_version(if_match)


def _shown(session: Session, use: Services, rule: str, scope: Scope) -> RuleItem:
    kind, name = find_rule(use, rule)
    book = RuleBook(use.classes, load_overrides(session))
    there = name in book.names_of(kind, site=scope.site, equipment=scope.equipment)
    item = _item(session, book, kind, name, scope) if there else None
    if item is None:
        raise NotFoundError(f"no rule {rule!r} there")
    return item


def _item(
    session: Session, book: RuleBook, kind: EquipmentClass, name: str, scope: Scope
) -> RuleItem | None:
    rule = f"{kind.equipment_class}.{name}"
    settings = book.standing(kind, name, site=scope.site, equipment=scope.equipment)
    if settings is None:
        return None
    query = select(AlarmRuleOverride).where(AlarmRuleOverride.rule == rule)
    rows = {(row.scope, row.target): row for row in session.scalars(query)}
    layers = [
        Layer.model_validate(rows[one.scope, one.target], from_attributes=True)
        for one in book.layers_of(rule, site=scope.site, equipment=scope.equipment)
    ]
    return RuleItem(
        rule=rule,
        equipment_class=kind.equipment_class,
        name=settings.named(kind.points),
        settings=settings,
        source=layers[-1].scope if layers else "class_file",
        layers=layers,
    )
