"""Which plans an incident is offered, and which equipment the steps of a plan may mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.plans import EmergencyPlan, PlanEquipment, is_made_for, serves
from server.assets.model import Equipment, Particulars, Room, Site
from server.assets.presence import present
from server.core.errors import ArgumentError, ConflictError
from server.incidents.model import Incident


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan that may be started from an incident."""

    plan: EmergencyPlan
    suggested: bool
    """The plan names the class and cause of the incident."""
    candidates: Mapping[str, Sequence[Equipment]]
    """Key in the plan to the equipment that fits."""


def offers_of(session: Session, incident: Incident, plans: Iterable[EmergencyPlan]) -> list[Offer]:
    """Return the plans of the incident's estate, those made for such incidents first."""
    equipment = session.get_one(Equipment, incident.equipment_id)
    site = session.get_one(Site, equipment.site_id).key
    found = [
        Offer(
            plan,
            is_made_for(plan, equipment_class=equipment.equipment_class, cause=incident.cause),
            {key: candidates(session, one, equipment) for key, one in plan.equipment.items()},
        )
        for plan in plans
        if serves(plan, site)
    ]
    return sorted(found, key=lambda one: (not one.suggested, one.plan.plan))


def candidates(session: Session, wanted: PlanEquipment, of: Equipment) -> Sequence[Equipment]:
    """Return the equipment that fits, seen from that which the run is about."""
    query = select(Equipment).where(Equipment.equipment_class == wanted.equipment_class, present())
    if wanted.key is not None:
        query = query.where(Equipment.key == wanted.key)
    match wanted.within:
        case "incident":
            query = query.where(Equipment.id == of.id)
        case "gateway":
            query = query.where(Equipment.gateway_id == of.gateway_id)
        case "site" | "building":
            query = query.where(Equipment.site_id == of.site_id)
    found = session.scalars(query.order_by(Equipment.key)).all()
    return _of_the_building(session, found, of) if wanted.within == "building" else found


def _of_the_building(
    session: Session, found: Sequence[Equipment], of: Equipment
) -> Sequence[Equipment]:
    """Return what stands in the same building; when nothing is known to, what may."""
    query = (
        select(Particulars.equipment_id, Room.building)
        .join(Room, Room.id == Particulars.room_id)
        .where(Room.site_id == of.site_id, Room.building != "")
    )
    buildings = {row.equipment_id: row.building for row in session.execute(query)}
    mine = buildings.get(of.id)
    if mine is None:
        return found
    there = [one for one in found if buildings.get(one.id) == mine]
    return there or [one for one in found if one.id not in buildings]


def choose(
    session: Session, plan: EmergencyPlan, of: Equipment, chosen: Mapping[str, Equipment]
) -> dict[str, int]:
    """Return which equipment each key of the plan means.

    Raises:
        ArgumentError: A key that the plan does not have, equipment that does not fit, or several do
            and none was chosen.
        ConflictError: Nothing fits.
    """
    for key in chosen:
        if key not in plan.equipment:
            known = ", ".join(plan.equipment) or "none"
            raise ArgumentError(
                f"equipment.{key}", f"the plan has no such equipment; it has: {known}"
            )
    found: dict[str, int] = {}
    for key, wanted in plan.equipment.items():
        fitting = {one.id: one for one in candidates(session, wanted, of)}
        names = ", ".join(one.key for one in fitting.values())
        if not fitting:
            where = wanted.key or f"{wanted.equipment_class} of this {wanted.within}"
            raise ConflictError(f"equipment.{key}: there is no {where}")
        if key not in chosen:
            if len(fitting) > 1:
                raise ArgumentError(f"equipment.{key}", f"choose one of {names}")
            (found[key],) = fitting
        elif chosen[key].id in fitting:
            found[key] = chosen[key].id
        else:
            raise ArgumentError(
                f"equipment.{key}", f"{chosen[key].key} does not fit; choose {names}"
            )
    return found


def parameters_of(plan: EmergencyPlan, given: Mapping[str, float]) -> dict[str, float]:
    """Return the value of each parameter.

    Raises:
        ArgumentError: One that the plan does not have, that is missing, or out of its range.
    """
    for key in given:
        if key not in plan.parameters:
            known = ", ".join(plan.parameters) or "none"
            raise ArgumentError(
                f"parameters.{key}", f"the plan has no such parameter; it has: {known}"
            )
    found: dict[str, float] = {}
    for key, one in plan.parameters.items():
        value = given.get(key, one.default)
        if value is None or not one.minimum <= value <= one.maximum:
            got = "" if value is None else f", got {value:g}"
            raise ArgumentError(
                f"parameters.{key}", f"expected {one.minimum:g} to {one.maximum:g}{got}"
            )
        found[key] = value
    return found
