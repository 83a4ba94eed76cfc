"""Every endpoint and role, inside and outside of its scope: a page, proven by requests."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest

from server.access.rights import RIGHTS, Reach
from server.access.roles import Permission, Role
from server.access.scope import UNLIMITED
from server.api.rights import Operation
from tests.contract.api.conftest import Api, application
from tests.contract.api.rights_page import describe
from tests.contract.api.rights_world import (
    ELSE,
    FREE,
    INSIDE,
    KEYS,
    SIDES,
    Ids,
    open_world,
    session_id,
)

if TYPE_CHECKING:
    from fastapi import FastAPI

PAGE = Path(__file__).parents[3] / "docs" / "rights.md"
LATER = "2026-11-22T12:00:00Z"
PERSON = {"name": "Zhao", "role": "engineer", "trades": ["fire"]}
SHIFT = {"days": ["workday"], "start": "08:00", "end": "20:00", "persons": ["wang"]}
RULE = {"changes": {"on_delay_s": 5}, "reason": "test"}
RIGHTS_OF = {"role": "viewer", "sites": ["garden"]}

PARAMS: dict[str, dict[str, str]] = {
    "POST /api/v1/work-orders/{order_id}/files": {"name": "x", "kind": "document"},
    "POST /api/v1/equipment/{equipment_id}/documents": {"name": "x"},
    "GET /api/v1/readings": {"point": "{point}"},
    "GET /api/v1/trends": {"point": "{point}"},
    "GET /api/v1/trends/export": {"point": "{point}"},
    "GET /api/v1/trends/workbook": {"point": "{point}"},
    "GET /api/v1/rosters/{key}/duty": {"from": "2026-11-22T00:00:00Z", "to": LATER},
    "GET /api/v1/sites/{site}/duty": {"trade": "fire"},
    "GET /api/v1/sites/{site}/escalation": {"trade": "fire", "severity": "high"},
    "GET /api/v1/values": {"equipment": "{equipment}"},
    "GET /api/v1/alarm-figures": {"site": "{site}"},
    "POST /api/v1/ledger/import": {"site": "{site}"},
    "GET /api/v1/work-orders/hand-over": {"site": "{site}"},
    "GET /api/v1/reports/alarms": {"site": "{site}"},
    "GET /api/v1/reports/alarms/counted": {"site": "{site}", "figure": "announced"},
    "GET /api/v1/reports/workbook": {"site": "{site}"},
    "GET /api/v1/reports/repairs": {"site": "{site}"},
    "GET /api/v1/reports/repairs/orders": {"site": "{site}", "figure": "in_order"},
    "GET /api/v1/alarm-rules": {"site": "{site}"},
    "GET /api/v1/alarm-rules/{rule}": {"site": "{site}"},
    "GET /api/v1/alarm-rules/{rule}/versions": {"site": "{site}"},
    "PUT /api/v1/alarm-rules/{rule}": {"site": "{site}"},
    "POST /api/v1/alarm-rules/{rule}/proposals": {"site": "{site}"},
    "DELETE /api/v1/alarm-rules/{rule}": {"site": "{site}", "reason": "test"},
    "GET /api/v1/stream": {"equipment": "{equipment}", "topics": "alarms,values"},
    "GET /api/v1/alarms": {"state": "all"},
    "GET /api/v1/incidents": {"state": "all"},
    "GET /api/v1/work-orders": {"state": "all"},
    "DELETE /api/v1/persons/{key}": {"accept_gaps": "true"},
}
BODIES: dict[str, dict[str, Any] | bytes] = {
    "POST /api/v1/work-orders/reassign": {
        "from_assignee": "wang",
        "to_assignee": "li",
        "site": "{site}",
    },
    "POST /api/v1/work-orders/hand-over": {"site": "{site}"},
    "PUT /api/v1/sites/{site}/rooms/{key}": {"name": "x"},
    "POST /api/v1/repair-requests": {
        "site": "{site}",
        "room": "R1",
        "fault": "tap",
        "name": "x",
        "phone": "13800138000",
    },
    "POST /api/v1/request-places": {"site": "{site}"},
    "PUT /api/v1/equipment/{equipment_id}/particulars": {"maker": "x"},
    "POST /api/v1/ledger/import": b"no workbook",
    "PUT /api/v1/assurance-periods/{key}": {
        "name": "x",
        "first": "2026-11-22",
        "last": "2026-11-23",
    },
    "POST /api/v1/work-orders/{order_id}/appointments": {"at": LATER},
    "POST /api/v1/work-orders/{order_id}/comments": {"comment": "x"},
    "POST /api/v1/work-orders/{order_id}/files": b"%PDF-1.4 x",
    "POST /api/v1/equipment/{equipment_id}/documents": b"%PDF-1.4 x",
    "POST /api/v1/work-orders/{order_id}/lines": {
        "kind": "part",
        "name": "x",
        "quantity": 1,
        "unit": "1",
    },
    "POST /api/v1/plan-runs": {"plan": "look", "incident": "{incident_id}", "reason": "x"},
    "POST /api/v1/plan-runs/{run_id}/abort": {"reason": "x"},
    "POST /api/v1/plan-runs/{run_id}/steps/{step}/skip": {"reason": "x"},
    "POST /api/v1/plan-runs/{run_id}/steps/{step}/retry": {"reason": "x"},
    "POST /api/v1/alarms/{alarm_id}/comments": {"comment": "x"},
    "POST /api/v1/alarms/{alarm_id}/shelve": {"until": LATER, "reason": "x"},
    "POST /api/v1/equipment/{equipment_id}/out-of-service": {"until": LATER, "reason": "x"},
    "POST /api/v1/equipment/{equipment_id}/retire": {"reason": "x"},
    "POST /api/v1/points/{point_id}/commands": {"value": 3.0, "reason": "x"},
    "POST /api/v1/power-links": {"feeder": "{feeder}", "equipment": "{equipment}", "cause": "x"},
    "PUT /api/v1/sites/{site}": {"name_en": "x"},
    "PUT /api/v1/alarm-rules/{rule}": RULE,
    "POST /api/v1/alarm-rules/{rule}/proposals": RULE,
    "POST /api/v1/alarm-rules/try": {"rule": ELSE["rule"], "site": "{site}", "days": 1},
    "PUT /api/v1/persons/{key}": PERSON,
    "PUT /api/v1/teams/{key}": {"name": "team", "members": ["wang"]},
    "PUT /api/v1/rosters/{key}": {
        "name": "r",
        "trades": ["fire"],
        "shifts": [SHIFT],
        "accept_gaps": True,
    },
    "POST /api/v1/rosters/{key}/changes": {
        "changes": [{"start": LATER, "end": "2026-11-22T13:00:00Z", "off": "wang"}],
        "accept_gaps": True,
    },
    "PUT /api/v1/escalation-policies/{key}": {"steps": [{"after_s": 0, "who": ["on_duty"]}]},
    "POST /api/v1/users": {"name": "new", "password": "pump room number 27", **RIGHTS_OF},
    "PUT /api/v1/users/{user_id}/rights": RIGHTS_OF,
    "PUT /api/v1/users/{user_id}/identity": {"identity": "x"},
    "POST /api/v1/tokens": {"name": "x"},
    "POST /api/v1/session/second-factor/confirm": {"code": "0"},
    "POST /api/v1/session/second-factor/end": {"code": "0"},
    "POST /api/v1/session/password": {"old_password": "x", "new_password": "pump room number 27"},
}
IF_MATCH = {"PUT /api/v1/alarm-rules/{rule}", "DELETE /api/v1/alarm-rules/{rule}"}


class World(NamedTuple):
    """An application over two estates."""

    api: Api
    ids: Ids
    tokens: dict[str, int]
    """Id of each person's token."""

    @property
    def permissions(self) -> dict[Operation, Permission | None]:
        return cast("FastAPI", self.api.client.app).state.permissions

    def ask(self, operation: Operation, who: str, side: str, **ids: Any) -> str:
        """Return what became of a request: ``yes``, ``403``, or ``404`` or ``hidden``."""
        path, name = operation.path, " ".join(operation)
        own = KEYS.get(path.split("/")[3] if path.startswith("/api/v1/") else "")
        known = ELSE | {"key": own, "token_id": self.tokens[who]}
        known["session_id"] = session_id(self.tokens[who])
        known |= self.ids[side] | ids
        body = BODIES.get(name)
        sent = {"content": body} if isinstance(body, bytes) else {"json": _filled(body, known)}
        answer = self.api.client.request(
            operation.method,
            path.format_map(known),
            params=_filled(PARAMS.get(name, {}), known),
            **sent,
            headers=self.api.bearer(who) | ({"If-Match": '"1"'} if name in IF_MATCH else {}),
        )
        assert answer.status_code < 500, answer.text
        assert answer.status_code != 401, answer.text
        if answer.status_code in {403, 404}:
            return str(answer.status_code)
        if operation.method == "GET" and side not in answer.text and path in LISTS:
            return "hidden"
        return "yes"


STREAM = Operation("GET", "/api/v1/stream")
"""It does not end; test_api_rights_scope.py asks it."""
LISTS = {
    f"/api/v1/{name}"
    for name in (
        *("sites", "gateways", "equipment", "points", "power-links"),
        *("alarms", "incidents", "work-orders", "commands", "plan-runs", "events", "messages"),
        *("alarm-rule-proposals", "work-orders/load", "work-orders/parts"),
        *("repair-requests", "return-calls", "request-places"),
    )
}
"""Lists whose rows name the site."""


def _filled(given: Any, known: dict[str, Any]) -> Any:
    if isinstance(given, dict):
        return {key: _filled(value, known) for key, value in given.items()}
    return given.format_map(known) if isinstance(given, str) else given


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    with open_world(tmp_path_factory.mktemp("rights")) as (api, ids, tokens):
        yield World(api, ids, tokens)


def _operations() -> list[Operation]:
    permissions = application().state.permissions
    asked = {one for one, permission in permissions.items() if permission is not None}
    return sorted(asked - {STREAM})


def test_the_page_has_every_endpoint_and_what_the_table_says(world: World) -> None:
    text = describe(world.permissions)
    if os.environ.get("PLANTROOM_WRITE_SNAPSHOT"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "see the head of docs/rights.md"


@pytest.mark.sampled(14)
@pytest.mark.parametrize("operation", _operations(), ids=" ".join)
def test_the_requests_of_every_role_prove_the_row(world: World, operation: Operation) -> None:
    permission = world.permissions[operation]
    assert permission is not None
    assert world.ask(operation, Role.ADMINISTRATOR, INSIDE) == "yes", "give it what it needs above"
    assert {role: _found(world, operation, role) for role in Role} == dict(RIGHTS[permission])


def _found(world: World, operation: Operation, role: Role) -> Reach:
    inside, outside = (world.ask(operation, role, side) for side in SIDES)
    if role in UNLIMITED:
        assert inside == outside, (role, inside, outside)
        return Reach.ALL if inside == "yes" else Reach.NONE
    if inside == "403":
        assert outside == "403"
        if role is Role.CONTRACTOR or world.ask(operation, f"{role}{FREE}", INSIDE) == "403":
            return Reach.NONE
        return Reach.WHOLE
    assert inside == "yes"
    if outside == "yes":
        return Reach.ALL
    assert outside in {"404", "hidden"}
    if operation.path.startswith("/api/v1/work-orders/{order_id}/") and operation.method != "GET":
        others = world.ids[INSIDE]["others_order_id"]
        if world.ask(operation, role, INSIDE, order_id=others) == "403":
            return Reach.OWN
    return Reach.SCOPE
