"""/healthz, /readyz and /metrics."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from server.access.principal import Principal
from server.access.roles import Permission
from server.api.context import UseBasicServices
from server.api.rights import may

_CAN_WAIT = {"broker"}
"""While the broker is away people still need the pages."""

MetricsReader = Annotated[Principal, may(Permission.METRICS_READ)]

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """Whether the process lives, and what each part says when asked."""

    ok: bool
    parts: dict[str, bool]
    late_s: dict[str, float] = {}
    """Of each part that is late: since when its oldest work waits, seconds."""
    notes: dict[str, str] = {}
    """What people should know of a part although it works."""


@router.get("/healthz")
async def get_health() -> Health:
    """Answer while the process works; needs no login."""
    return Health(ok=True, parts={})


@router.get(
    "/readyz",
    responses={503: {"model": Health, "description": "A part is not ready."}},
)
async def get_readiness(use: UseBasicServices, response: Response) -> Health:
    """Return whether every part works, 503 when one does not; needs no login."""
    parts = {"records": await use.records.beat()}
    parts |= {name: check() for name, check in use.checks.items()}
    late_s = dict(use.late_s())
    notes = {name: text for name, note in use.notes.items() if (text := note())}
    if use.server is not None:
        notes |= await use.server.notes()
        others, late = await use.server.parts()
        parts |= others
        late_s |= late
    ok = all(works for name, works in parts.items() if name not in _CAN_WAIT)
    if not ok:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Health(ok=ok, parts=parts, late_s=late_s, notes=notes)


@router.get("/metrics", response_class=Response)
async def get_metrics(use: UseBasicServices, _caller: MetricsReader) -> Response:
    """Figures for Prometheus; give it a token."""
    figures = await asyncio.to_thread(generate_latest, use.metrics)
    if use.server is not None:
        figures = await use.server.figures() + figures
    return Response(figures, media_type=CONTENT_TYPE_LATEST)
