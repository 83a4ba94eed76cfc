"""/alarm-rules: the rules in force, and changing them for a class, a site or one equipment."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.base import ConflictingSettingsError, dotted
from config.classes import AlarmRule, EquipmentClass
from config.errors import ConfigError
from config.rule_names import says_number
from server.alarms.model import AlarmRuleOverride
from server.alarms.overrides import (
    Place,
    StaleRuleError,
    delete_override,
    find_override,
    load_overrides,
    put_override,
    version_of,
    versions_of,
)
from server.alarms.rulebook import Override, RuleBook, merged
from server.api.context import Administrator, Services, Use, problems
from server.api.etag import IfMatch, expected_version, set_etag
from server.api.rule_shapes import (
    Layer,
    RuleChange,
    RuleItem,
    RuleList,
    RuleVersion,
    RuleVersions,
    Scope,
    find_rule,
    newly_broken,
    scope_of,
)
from server.core.errors import ConflictError, NotFoundError
from server.core.problem import FieldError, ProblemError

router = APIRouter(prefix="/alarm-rules", tags=["alarms"], responses=problems())

RuleId = Annotated[str, Path(max_length=130, description="<class>.<rule>")]
OfSite = Annotated[str | None, Query(max_length=64, description="Key of a site.")]
OfEquipment = Annotated[str | None, Query(max_length=200, description="Id or key of equipment.")]


@router.get("")
def list_alarm_rules(
    use: Use,
    *,
    equipment_class: Annotated[
        str | None, Query(alias="class", max_length=64, description="Only of this class.")
    ] = None,
    site: OfSite = None,
    equipment: OfEquipment = None,
) -> RuleList:
    """List the rules in force: of all classes, or as a site or one equipment has them."""

    def read(session: Session) -> RuleList:
        scope = scope_of(session, site, equipment)
        wanted = scope.equipment_class or equipment_class
        kinds = [kind for key, kind in sorted(use.classes.items()) if wanted in {None, "", key}]
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
    rule: RuleId, use: Use, response: Response, site: OfSite = None, equipment: OfEquipment = None
) -> RuleItem:
    """Show one rule there; the ETag is the version of what exactly this scope changes."""

    def read(session: Session) -> tuple[RuleItem, int]:
        scope = scope_of(session, site, equipment)
        return _shown(session, use, rule, scope), version_of(session, scope.place(rule))

    item, version = use.records.read(read)
    set_etag(response, version)
    return item


@router.get("/{rule}/versions")
def list_alarm_rule_versions(
    rule: RuleId, use: Use, site: OfSite = None, equipment: OfEquipment = None
) -> RuleVersions:
    """List who changed the rule for exactly this scope, when, how and why."""

    def read(session: Session) -> RuleVersions:
        rows = versions_of(session, scope_of(session, site, equipment).place(rule))
        return RuleVersions(
            items=[RuleVersion.model_validate(row, from_attributes=True) for row in rows]
        )

    return use.records.read(read)


@router.put("/{rule}", responses=problems(403, 404, 412, 428))
def put_alarm_rule(
    rule: RuleId,
    use: Use,
    caller: Administrator,
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
        scope = scope_of(session, site, equipment)
        place = scope.place(rule)
        _check(session, use, place, scope, body.changes)
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


@router.delete("/{rule}", responses=problems(403, 404, 409, 412, 428))
def delete_alarm_rule(
    rule: RuleId,
    use: Use,
    caller: Administrator,
    *,
    reason: Annotated[str, Query(min_length=1, max_length=500, description="For the record.")],
    site: OfSite = None,
    equipment: OfEquipment = None,
    if_match: IfMatch = None,
) -> Response:
    """Take back what exactly this scope changes."""
    expected = _expected(if_match)

    def change(session: Session) -> int:
        place = scope_of(session, site, equipment).place(rule)
        if find_override(session, place) is not None:
            _check_without(session, use, place)
        return delete_override(
            session,
            place,
            reason=reason,
            by=caller.name,
            expected=expected,
            now=use.clock.now_ms(),
        )

    _written(use, change)
    return Response(status_code=HTTPStatus.NO_CONTENT)


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


def _check(
    session: Session, use: Services, place: Place, scope: Scope, changes: dict[str, Any]
) -> None:
    """Refuse changes that do not make a rule, or spoil those of narrower scopes; says where."""
    kind, name = find_rule(use, place.rule)
    before = load_overrides(session)
    others = [one for one in before if one[:3] != place]
    book = RuleBook(use.classes, others)
    wider_site = scope.site if place.scope != "class" else ""
    base = book.standing(kind, name, site=wider_site if place.scope == "equipment" else "")
    try:
        made = merged(kind, name, base, changes)
    except ConflictingSettingsError as error:
        first = error.conflicts[0]
        words = "; ".join(f"{dotted(one.path)}: {one.message}" for one in error.conflicts)
        raise FieldError(f"body.changes.{dotted(first.path)}", words) from error
    except ConfigError as error:
        raise FieldError("body.changes", str(error)) from error
    if base is not None and made.name == base.name:
        _refuse_old_figure(base, made)
    after = RuleBook(use.classes, [*others, Override(*place, changes)])
    spoilt = newly_broken(session, RuleBook(use.classes, before), after, kind, name)
    if spoilt:
        raise FieldError("body.changes", f"these would make no rule any more: {spoilt}")


def _refuse_old_figure(base: AlarmRule, made: AlarmRule) -> None:
    """Refuse a change after which the name would say a figure that does not hold any more."""
    before, after = (
        {**one.condition.figures, "on_delay_s": one.on_delay_s} for one in (base, made)
    )
    for option, figure in before.items():
        if after.get(option) != figure and says_number(base.name, figure):
            place = f"{{{option.removesuffix('_s')}}}"
            words = f"the name {base.name.en!r} says {figure:g}: change it too; {place} in it"
            raise FieldError("body.changes.name", f"{words} becomes the figure of each place")


def _check_without(session: Session, use: Services, place: Place) -> None:
    """Refuse to take back what the changes of narrower scopes stand on."""
    kind, name = find_rule(use, place.rule)
    before = load_overrides(session)
    after = RuleBook(use.classes, [one for one in before if one[:3] != place])
    spoilt = newly_broken(session, RuleBook(use.classes, before), after, kind, name)
    if spoilt:
        raise ConflictError(f"these would make no rule any more, take them back first: {spoilt}")


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
