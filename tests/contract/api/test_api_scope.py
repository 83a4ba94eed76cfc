"""Rights in a scope: roles, contractors, own orders, streams, tokens made for one purpose."""

import asyncio
import random
from collections.abc import Generator
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access.model import Token, User
from server.access.principal import Principal
from server.access.rights import RIGHTS, Reach, permits
from server.access.roles import Permission, Role
from server.access.scope import Scope
from server.api.rights import UndeclaredError, declared, may
from server.api.visible import places_of_events, visible, visible_events
from server.assets.model import Equipment, Point
from server.core.model import Event
from server.core.records import record_event
from tests.contract.api.conftest import NOW, Api
from tests.contract.api.rights_world import INSIDE, OUTSIDE, Ids, fill
from tests.contract.api.test_api_stream import Client

PUMP = f"{INSIDE}/gw/pump"
DAY = 86_400_000
MIDNIGHT = NOW + 6 * 3_600_000
"""The clock begins at 18:00 of the estates; then it is 23 November there."""


@pytest.fixture
def ids(api: Api) -> Generator[Ids]:
    """Both estates, their people beside those of ``api``."""

    def forget(session: Session) -> None:
        for kind in (Event, Token, User):
            session.query(kind).delete()

    api.records.write(forget)
    made, tokens = api.records.write(fill)
    api.tokens = {name: secret for name, (_, secret) in tokens.items()}
    api.registry.load()
    return made


def change(api: Api, name: str, **rights: object) -> int:
    users = {one["name"]: one["id"] for one in api.get("/users", "administrator").json()["items"]}
    return api.client.put(
        f"/api/v1/users/{users[name]}/rights", json=rights, headers=api.bearer("administrator")
    ).status_code


def keys(api: Api, who: str, path: str = "/equipment") -> list[str]:
    return [one["key"] for one in api.get(path, who).json()["items"]]


def test_an_endpoint_that_does_not_say_what_it_does_is_refused() -> None:
    router = APIRouter()

    @router.get("/silent")
    def silent() -> None: ...

    app = FastAPI()
    app.include_router(router)
    with pytest.raises(UndeclaredError, match="GET /silent declares none"):
        declared(app, is_public=lambda one: one.path.startswith(("/docs", "/redoc", "/openapi")))

    @router.get("/both")
    def both(
        _a: Annotated[Principal, may(Permission.OWN_USE)],
        _b: Annotated[Principal, may(Permission.PLANT_READ)],
    ) -> None: ...

    app = FastAPI()
    app.include_router(router)
    with pytest.raises(UndeclaredError):
        declared(app, is_public=lambda one: one.path != "/both")


def test_an_administrator_may_do_everything_and_a_viewer_changes_nothing() -> None:
    assert {RIGHTS[one][Role.ADMINISTRATOR] for one in Permission} == {Reach.ALL}
    viewer = Principal(1, "v", Role.VIEWER)
    names = {one for one in Permission if permits(viewer, one)}
    assert all(one.endswith((".read", ".use")) for one in names)
    assert Permission.AUDIT_READ not in names


@pytest.mark.usefixtures("ids")
def test_a_contractor_sees_only_equipment_under_contract(api: Api) -> None:
    assert keys(api, "contractor") == [f"{INSIDE}/gw/panel", PUMP]
    assert change(api, "contractor", role="contractor", equipment=[PUMP]) == 200
    assert keys(api, "contractor") == [PUMP]
    assert keys(api, "contractor", "/sites") == [INSIDE]
    assert keys(api, "contractor", "/gateways") == [f"{INSIDE}/gw"]
    assert api.get("/power-links", "contractor").json()["items"] == []  # its feeder is not his
    assert change(api, "contractor", role="contractor") == 200
    assert keys(api, "contractor") == keys(api, "contractor", "/sites") == []
    assert api.get("/alarms", "contractor", state="all").json()["items"] == []


@pytest.mark.usefixtures("ids")
def test_the_ledger_says_what_is_under_contract_today(api: Api) -> None:
    person = {"name": "Up Ltd", "role": "contractor"}
    path = "/api/v1/persons/lift-co"
    api.client.put(path, json=person, headers=api.bearer("administrator"))
    assert change(api, "contractor", role="contractor", person="lift-co") == 200
    assert keys(api, "contractor") == []
    assert keep(api, contractor="lift-co", contract_from="2026-11-23") == 200
    assert keys(api, "contractor") == []
    api.clock.ms = MIDNIGHT
    assert keys(api, "contractor") == [PUMP]
    assert api.get("/session", "contractor").json()["equipment"] == [PUMP]
    # Beside its own one in a room.
    assert orders(api) == [None, PUMP, PUMP]
    assert keep(api, contract_until="2026-11-23") == 200
    api.clock.ms = MIDNIGHT + DAY - 1
    assert keys(api, "contractor") == [PUMP]
    api.clock.ms = MIDNIGHT + DAY
    assert keys(api, "contractor") == []
    assert orders(api) == [None]
    assert api.get("/equipment/1", "contractor").status_code == 404
    assert keep(api, builder="lift-co", warranty_until="2026-11-24") == 200
    assert keys(api, "contractor") == [PUMP]
    api.clock.ms += DAY
    assert keys(api, "contractor") == []
    # What is named stays, whatever the ledger has; an estate that is none of it limits both.
    rights = {"role": "contractor", "person": "lift-co", "equipment": [f"{INSIDE}/gw/panel"]}
    assert change(api, "contractor", **rights, sites=[INSIDE]) == 200
    assert keys(api, "contractor") == [f"{INSIDE}/gw/panel"]
    assert keep(api, contract_until=None) == 200
    assert keys(api, "contractor") == [f"{INSIDE}/gw/panel", PUMP]
    assert change(api, "contractor", **rights, sites=[OUTSIDE]) == 200
    assert keys(api, "contractor") == []
    # The ledger gives nobody but contractors anything.
    assert change(api, "contractor", **rights | {"role": "technician"}) == 200
    assert keys(api, "contractor") == [f"{INSIDE}/gw/panel"]


def keep(api: Api, **particulars: str | None) -> int:
    path, who = "/api/v1/equipment/1/particulars", api.bearer("administrator")
    return api.client.put(path, json=particulars, headers=who).status_code


def orders(api: Api) -> list[str | None]:
    items = api.get("/work-orders", "contractor", state="all").json()["items"]
    return [one["equipment"] for one in items]


def test_a_technician_steps_own_orders_and_those_that_are_nobodys(api: Api, ids: Ids) -> None:
    mine, others = ids[INSIDE]["order_id"], ids[INSIDE]["others_order_id"]
    assert api.get(f"/work-orders/{others}", "technician").status_code == 200
    refused = api.post(f"/work-orders/{others}/accept", {}, "technician")
    assert (refused.status_code, "not yours" in refused.json()["detail"]) == (403, True)
    taken = api.post(f"/work-orders/{mine}/dispatch", {}, "technician")
    assert taken.json()["assignee"] == "technician"
    assert api.post(f"/work-orders/{mine}/accept", {}, "technician").status_code == 200
    assert change(api, "technician", role="technician", person="li") == 200
    api.post(f"/work-orders/{others}/dispatch", {"assignee": "li"}, "operator")
    assert api.post(f"/work-orders/{others}/accept", {}, "technician").status_code == 200


@pytest.mark.usefixtures("ids")
def test_a_rule_of_a_class_is_for_those_whose_scope_is_everything(api: Api) -> None:
    object.__setattr__(api.services, "classes", {})
    path = "/api/v1/alarm-rules/heating_pump.fault"
    body = {"changes": {}, "reason": "x"}
    who = api.bearer("estate_manager") | {"If-Match": '"0"'}
    answer = api.client.put(path, json=body, headers=who)
    assert (answer.status_code, "?site=" in answer.json()["detail"]) == (403, True)
    whole = api.bearer("estate_manager@everywhere") | {"If-Match": '"0"'}
    assert api.client.put(path, json=body, headers=whole).status_code == 404  # no class here


@pytest.mark.usefixtures("ids")
def test_rights_are_changed_and_what_is_wrong_is_refused(api: Api) -> None:
    assert change(api, "operator", role="operator", sites=[OUTSIDE]) == 200
    assert keys(api, "operator", "/sites") == [OUTSIDE]
    assert change(api, "operator", role="operator", sites=["nowhere"]) == 422
    assert change(api, "operator", role="operator", classes=["nothing"]) == 422
    assert change(api, "operator", role="operator", person="nobody") == 422
    assert change(api, "operator", role="administrator", sites=[OUTSIDE]) == 422
    assert change(api, "administrator", role="viewer") == 409
    assert change(api, "operator", role="operator", person="wang") == 200
    assert change(api, "viewer", role="viewer", person="wang") == 409
    me = api.get("/session", "operator").json()
    assert (me["sites"], me["classes"]) == (None, None)
    assert "orders.step" in me["permissions"]


def test_a_token_is_good_for_what_it_is_made_for_until_its_end(api: Api, ids: Ids) -> None:
    wanted = {"name": "x", "permissions": ["plant.read"], "expires_at": "2026-11-22T11:00:00Z"}
    made = api.post("/tokens", wanted, "operator").json()
    api.tokens["program"] = made["token"]
    assert api.get("/sites", "program").status_code == 200
    refused = api.post(f"/alarms/{ids[INSIDE]['alarm_id']}/acknowledge", {}, "program")
    assert (refused.status_code, "plant.read" in refused.json()["detail"]) == (403, True)
    assert api.post("/tokens", {"name": "more"}, "program").status_code == 403
    assert api.get("/events", "program").status_code == 403
    api.clock.ms = NOW + 3_600_000
    assert api.get("/sites", "program").status_code == 401
    late = api.post("/tokens", {"name": "x", "expires_at": "2026-11-22T10:00:00Z"}, "operator")
    assert late.status_code == 422
    beyond = api.post("/tokens", {"name": "x", "permissions": ["users.manage"]}, "operator")
    assert beyond.json()["errors"][0]["field"] == "body.permissions"


@pytest.mark.usefixtures("ids")
def test_a_token_of_a_token_is_good_for_no_more(api: Api) -> None:
    first = {"name": "x", "permissions": ["own.use", "plant.read"]}
    api.tokens["first"] = api.post("/tokens", first, "operator").json()["token"]
    second = api.post("/tokens", {"name": "y"}, "first").json()
    assert second["permissions"] == ["own.use", "plant.read"]
    assert (
        api.post("/tokens", {"name": "z", "permissions": ["rules.try"]}, "first").status_code == 422
    )


@pytest.mark.usefixtures("ids")
def test_who_has_a_part_of_a_site_does_not_say_when_the_rest_is_retired(api: Api) -> None:
    path, who = f"/api/v1/sites/{INSIDE}", api.bearer("estate_manager")

    def retire(days: int) -> int:
        body = {"retire_removed_after_days": days}
        return api.client.put(path, json=body, headers=who).status_code

    assert retire(7) == 200
    part = {"sites": [INSIDE], "equipment": [PUMP]}
    assert change(api, "estate_manager", role="estate_manager", **part) == 200
    assert retire(0) == 403
    assert api.get("/sites", "administrator").json()["items"][0]["retire_removed_after_days"] == 7
    assert api.client.put(path, json={"name_en": "East"}, headers=who).status_code == 200


@pytest.mark.usefixtures("ids")
def test_a_token_of_a_token_is_good_for_no_longer(api: Api) -> None:
    ends = {"name": "x", "expires_at": "2026-11-22T11:00:00Z"}
    api.tokens["first"] = api.post("/tokens", ends, "operator").json()["token"]
    made = api.post("/tokens", {"name": "y"}, "first").json()
    assert made["expires_at"] == "2026-11-22T11:00:00.000Z"
    sooner = api.post("/tokens", ends | {"expires_at": "2026-11-22T10:30:00Z"}, "first").json()
    assert sooner["expires_at"] == "2026-11-22T10:30:00.000Z"
    later = api.post("/tokens", ends | {"expires_at": "2026-11-22T11:00:01Z"}, "first")
    assert later.json()["errors"][0]["field"] == "body.expires_at"


@pytest.mark.usefixtures("ids")
def test_events_of_topics_that_a_role_does_not_read_are_not_among_them(api: Api) -> None:
    seen = {one["topic"] for one in api.get("/events", "contractor").json()["items"]}
    assert seen == {"alarms", "incidents", "work-orders", "equipment", "commands"}
    assert api.get("/events", "contractor", topic="messages").status_code == 403
    told = api.get("/events", "operator").text
    assert (INSIDE in told, OUTSIDE in told) == (True, False)


async def test_a_stream_tells_what_is_in_the_scope_only(api: Api, ids: Ids) -> None:
    def tell(session: Session) -> None:
        for side in (OUTSIDE, INSIDE):
            for word in ("alarm", "equipment", "incident"):
                subject = ids[side][f"{word}_id"]
                record_event(
                    session,
                    at=NOW,
                    topic="equipment",
                    kind=f"{word}.x",
                    subject_id=subject,
                    payload={"side": side},
                )
        record_event(session, at=NOW, topic="equipment", kind="flood.x", subject_id=1, payload={})

    following = asyncio.create_task(api.services.feed.run())
    await api.services.feed.begun()
    usual = Client(api, "", "contractor")
    begun = asyncio.create_task(usual.run())
    client = Client(api, "topics=equipment,alarms", last_event_id="0")
    running = asyncio.create_task(client.run())
    replayed = [(await client.event())["event"] for _ in range(2)]
    assert sorted(replayed) == ["alarms", "equipment"]
    await api.records.write_async(tell)
    for _ in range(3):
        assert (await client.event())["data"]["payload"] == {"side": INSIDE}
    assert client.queue.empty()
    assert (client.status, usual.status) == (200, 200)
    usual.leave()
    client.leave()
    following.cancel()
    await asyncio.gather(running, begun, following, return_exceptions=True)


def _scopes(session: Session, seed: int) -> Generator[Scope]:
    dice = random.Random(seed)  # noqa: S311 (no secret)
    rows = list(session.scalars(select(Equipment)))
    pools = (
        [INSIDE, OUTSIDE, "nowhere"],
        sorted({one.equipment_class for one in rows}),
        [one.key for one in rows],
    )
    for _ in range(10):
        picked = [
            None if dice.random() < 0.4 else frozenset(dice.sample(pool, dice.randint(0, 2)))
            for pool in pools
        ]
        yield Scope(*picked)


@pytest.mark.seeds(1, 50)
@pytest.mark.usefixtures("ids")
def test_the_query_and_the_stream_see_the_same(api: Api, seed: int) -> None:
    def compare(session: Session) -> None:
        events = list(session.scalars(select(Event)))
        places = places_of_events(session, events)
        for scope in _scopes(session, seed):
            queried = set(session.scalars(select(Event.id).where(visible_events(scope))))
            streamed = {
                one.id
                for one in events
                if scope.is_everything or (one.id in places and scope.has(places[one.id]))
            }
            assert queried == streamed, scope
            shown = set(session.scalars(select(Equipment.key).where(visible(Equipment, scope))))
            points = session.scalars(select(Point.key).where(visible(Point, scope)))
            assert {key.rpartition("/")[0] for key in points} == shown & {PUMP, "harbour/gw/pump"}

    api.records.read(compare)
