"""What somebody needs in hand where nothing answers: own orders, the walk, parts, versions."""

from collections.abc import Iterator
from typing import Any

import pytest

from server.workorders.states import OrderState
from tests.contract.api.conftest import Api
from tests.contract.api.test_api_chain import Tripped
from tests.contract.api.test_api_order_records import photo, send

PART = {"kind": "part", "name": "Seal", "quantity": 1, "unit": "pcs", "unit_price_fen": 1250}


@pytest.fixture
def order(api: Api) -> str:
    """Path of an order of a pump that has tripped."""
    Tripped(api).fault(value=True)
    return "/work-orders/1"


def mine(api: Api, who: str) -> list[int]:
    answer = api.get("/work-orders", who=who, mine="true")
    return [one["id"] for one in answer.json()["items"]]


def test_own_orders_are_those_that_the_caller_has(api: Api, order: str) -> None:
    assert mine(api, "operator") == []
    api.post(f"{order}/accept")
    assert mine(api, "operator") == [1]
    assert mine(api, "administrator") == []
    assert [one["id"] for one in api.get("/work-orders", mine="false").json()["items"]] == [1]


def standing(order: dict[str, Any]) -> tuple[Any, ...]:
    told = ("state", "arrival_missing", "waited_from", "of_resident")
    return tuple(order[name] for name in told)


def steps(api: Api, order: str) -> Iterator[dict[str, Any]]:
    """Yield the order after each step of a repair with a pause."""
    yield api.get(order).json()
    for verb, body in (
        ("accept", None),
        ("wait", {"reason": "parts"}),
        ("resume", None),
        ("arrive", None),
        ("start", None),
        ("wait", {"reason": "vendor"}),
        ("resume", None),
        ("complete", None),
        ("verify", None),
        ("close", None),
    ):
        answer = api.post(f"{order}/{verb}", body)
        assert answer.status_code == 200, answer.text
        yield answer.json()


def test_the_walk_has_the_steps_of_every_place_where_an_order_stands(api: Api, order: str) -> None:
    walk = api.get("/work-orders/walk").json()["items"]
    places = {standing(one): one["actions"] for one in walk}
    assert len(places) == len(walk)
    for shown in steps(api, order):
        assert shown["actions"] == places[standing(shown)], standing(shown)


def test_the_walk_leads_to_places_of_the_walk(api: Api) -> None:
    walk = api.get("/work-orders/walk").json()["items"]
    places = {standing(one) for one in walk}
    for one in walk:
        for action in one["actions"]:
            to = action["to"]
            missing = one["arrival_missing"] and to != OrderState.ON_SITE
            before = one["state"] if to == OrderState.WAITING else None
            assert (to, missing, before, one["of_resident"]) in places


def test_parts_that_were_used_are_offered_with_their_last_price(api: Api, order: str) -> None:
    for price, quantity in ((1250, 1), (1300, 2)):
        line = PART | {"unit_price_fen": price, "quantity": quantity}
        assert api.post(f"{order}/lines", line).status_code == 201
    api.post(f"{order}/lines", PART | {"name": "Fuse"})
    api.post(f"{order}/lines", PART | {"name": "Typed wrong"})
    api.delete(f"{order}/lines/4")
    api.post(f"{order}/lines", PART | {"kind": "labour", "name": "Li", "unit": "h"})
    assert api.get("/work-orders/parts").json()["items"] == [
        {"name": "Seal", "unit": "pcs", "times": 2, "unit_price_fen": 1300},
        {"name": "Fuse", "unit": "pcs", "times": 1, "unit_price_fen": 1250},
    ]


def test_each_change_says_the_version_that_it_made(api: Api, order: str) -> None:
    added = send(api, order, photo())
    assert added.headers["etag"] == '"2"'
    assert send(api, order, photo()).headers["etag"] == '"2"'  # the same photo changes nothing
    assert api.post(f"{order}/lines", PART, If_Match='"2"').headers["etag"] == '"3"'
    said = api.post(f"{order}/comments", {"comment": "seal leaks"}, If_Match='"3"')
    assert said.headers["etag"] == '"4"'
    assert api.get(order).headers["etag"] == '"4"'


def test_a_comment_for_another_version_is_not_written(api: Api, order: str) -> None:
    answer = api.post(f"{order}/comments", {"comment": "late"}, If_Match='"7"')
    assert answer.status_code == 412
    assert len(api.get(order).json()["events"]) == 1
