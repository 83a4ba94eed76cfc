"""/plans: emergency plans as they are written, and which an incident is offered."""

from typing import Annotated

from fastapi import Path, Query, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from config.base import IDENTIFIER_PATTERN
from config.plans import EmergencyPlan
from server.access.principal import Principal
from server.access.roles import Permission
from server.access.scope import Place, Scope
from server.api.context import RowId, Services, Use, problems
from server.api.plan_page import PAPER, page_of_plan
from server.api.plan_shapes import CandidateItem, PlanOffer
from server.api.rights import PlantReader, may
from server.api.router import api_router
from server.api.visible import require_visible
from server.core.errors import NotFoundError
from server.incidents.model import Incident
from server.incidents.service import get_incident
from server.messages.receivers import Language
from server.plans.choosing import Offer, offers_of

PlansReader = Annotated[Principal, may(Permission.PLANS_READ)]
PlanKey = Annotated[str, Path(max_length=64, pattern=IDENTIFIER_PATTERN, description="Its key.")]
PageLanguage = Annotated[Language, Query(description="Of the page.")]

router = api_router(tag="plans", responses=problems(403))


def find_plan(use: Services, key: str) -> EmergencyPlan:
    """Return a plan of this server.

    Raises:
        NotFoundError: It has none of that key.
    """
    plan = use.plans.get(key)
    if plan is None:
        raise NotFoundError(f"no plan {key!r}; there are: {', '.join(sorted(use.plans)) or 'none'}")
    return plan


class PlanList(BaseModel):
    """All plans; there are few, so one page holds them."""

    items: list[EmergencyPlan]
    next_cursor: None = None


class OfferList(BaseModel):
    """All plans of the incident's estate, those made for such incidents first."""

    items: list[PlanOffer]
    next_cursor: None = None


@router.get("/plans")
def list_plans(use: Use, _caller: PlansReader) -> PlanList:
    """List the emergency plans, as they are written."""
    return PlanList(items=[use.plans[key] for key in sorted(use.plans)])


@router.get("/plans/{key}", responses=problems(404))
def get_plan(key: PlanKey, use: Use, _caller: PlansReader) -> EmergencyPlan:
    """Show one plan, as it is written."""
    return find_plan(use, key)


@router.get("/plans/{key}/print", response_class=Response, responses=PAPER)
def print_plan(
    key: PlanKey, use: Use, _caller: PlansReader, language: PageLanguage = "zh"
) -> Response:
    """Return the plan as a page for A4 paper, with room for signatures."""
    return page_of_plan(find_plan(use, key), language)


@router.get("/incidents/{incident_id}/plans", responses=problems(404))
def list_offers(incident_id: RowId, use: Use, caller: PlantReader) -> OfferList:
    """List the plans that may be started from an incident; `suggested` are made for its cause."""

    def read(session: Session) -> OfferList:
        require_visible(session, Incident, incident_id, "incident", caller.scope)
        offers = offers_of(session, get_incident(session, incident_id), use.plans.values())
        return OfferList(items=[_offer(one, caller.scope) for one in offers])

    return use.records.read(read)


def _offer(offer: Offer, scope: Scope) -> PlanOffer:
    candidates = {
        key: [
            CandidateItem.model_validate(one, from_attributes=True)
            for one in equipment
            if scope.has(Place(one.key.partition("/")[0], one.equipment_class, one.key))
        ]
        for key, equipment in offer.candidates.items()
    }
    return PlanOffer(plan=offer.plan, suggested=offer.suggested, candidates=candidates)
