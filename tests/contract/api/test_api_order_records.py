"""Comments, files, parts and labour of work orders over HTTP; from where a step was taken."""

from io import BytesIO
from typing import Any

import pytest
from httpx2 import Response
from PIL import Image

from server.core.attachments import Attachments
from server.core.media import MAX_BYTES
from tests.contract.api.conftest import Api
from tests.contract.api.test_api_chain import Tripped


def photo(colour: str = "red") -> bytes:
    made = BytesIO()
    Image.new("RGB", (640, 480), colour).save(made, "JPEG")
    return made.getvalue()


@pytest.fixture
def order(api: Api) -> str:
    """Path of an order of a pump that has tripped."""
    Tripped(api).fault(value=True)
    return "/work-orders/1"


def send(api: Api, order: str, content: bytes, who: str = "operator", **query: str) -> Response:
    return api.client.post(
        f"/api/v1{order}/files",
        content=content,
        params={"name": "Pump", **query},
        headers=api.bearer(who) | {"Content-Type": "image/jpeg"},
    )


def detail(api: Api, order: str) -> Any:
    return api.get(order).json()


def test_a_photo_is_stored_beside_the_database_and_given_back(api: Api, order: str) -> None:
    added = send(api, order, photo(), name="水泵 1", device="phone of Li")
    assert added.status_code == 201
    assert added.json()["media_type"] == "image/jpeg"
    found = api.get(f"{order}/files/1")
    assert found.content == photo()
    assert found.headers["content-type"] == "image/jpeg"
    assert found.headers["content-disposition"].endswith("%E6%B0%B4%E6%B3%B5%201")
    with Image.open(BytesIO(api.get(f"{order}/files/1/thumbnail").content)) as small:
        assert small.size == (320, 240)
    shown = detail(api, order)
    assert [one["name"] for one in shown["files"]] == ["水泵 1"]
    assert shown["events"][-1]["kind"] == "file"
    assert shown["events"][-1]["device"] == "phone of Li"
    folder = api.services.settings.data_dir / "attachments"
    assert all(set(one.name) <= set("0123456789abcdef.thumbnail") for one in folder.iterdir())


def test_the_same_photo_sent_twice_is_there_once(api: Api, order: str) -> None:
    assert send(api, order, photo()).json()["id"] == send(api, order, photo()).json()["id"]
    assert len(detail(api, order)["files"]) == 1


@pytest.mark.parametrize(
    ("content", "query", "refusal"),
    [
        (b"<svg onload='x'/>", {}, (422, "body", "expected one of")),
        (b"", {}, (422, "body", "empty")),
        (b"%PDF-1.4", {}, (422, "query.kind", "a photo is an image")),
        (b"%PDF-1.4", {"kind": "signature"}, (422, "query.kind", "a signature is an image")),
        (b"x" * (MAX_BYTES + 1), {}, (413, None, "at most")),
        (photo(), {"kind": "film"}, (422, "query.kind", "kind")),
        (photo(), {"name": " "}, (422, "query.name", "name")),
    ],
)
def test_what_is_no_photo_is_refused_and_leaves_nothing(
    api: Api,
    order: str,
    content: bytes,
    query: dict[str, str],
    refusal: tuple[int, str | None, str],
) -> None:
    status, field, words = refusal
    answer = send(api, order, content, **query)
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    fields = [one["field"] for one in answer.json().get("errors", [])]
    assert fields == ([] if field is None else [field])
    assert detail(api, order)["files"] == []


def test_a_viewer_adds_nothing(api: Api, order: str) -> None:
    assert send(api, order, photo(), who="viewer").status_code == 403
    assert api.post(f"{order}/comments", {"comment": "x"}, who="viewer").status_code == 403


def test_an_order_that_is_not_there_leaves_no_file(api: Api, order: str) -> None:
    assert send(api, "/work-orders/7", photo()).status_code == 404
    assert Attachments(api.services.settings.data_dir).stored() == []
    send(api, order, photo())
    assert api.get("/work-orders/7/files/1").status_code == 404


def test_parts_and_labour_make_the_cost(api: Api, order: str) -> None:
    seal = {"kind": "part", "name": "Seal", "quantity": 2, "unit": "pcs", "unit_price_fen": 1250}
    hours = {"kind": "labour", "name": "Li", "quantity": 1.5, "unit": "h", "unit_price_fen": 6001}
    assert api.post(f"{order}/lines", seal).json()["price_fen"] == 2500
    assert api.post(f"{order}/lines", hours).json()["price_fen"] == 9002
    assert detail(api, order)["cost_fen"] == 11_502
    assert api.delete(f"{order}/lines/1").status_code == 204
    assert api.delete(f"{order}/lines/1").status_code == 404
    shown = detail(api, order)
    assert (shown["cost_fen"], [one["name"] for one in shown["lines"]]) == (9002, ["Li"])
    assert [one["note"] for one in shown["events"] if one["kind"] == "line"] == [
        "+ Seal: 2 pcs",
        "+ Li: 1.5 h",
        "- Seal: 2 pcs",
    ]


def test_a_line_is_for_the_version_that_was_read(api: Api, order: str) -> None:
    part = {"kind": "part", "name": "Seal", "quantity": 1, "unit": "pcs"}
    assert api.post(f"{order}/lines", part, If_Match='"1"').status_code == 201
    assert api.post(f"{order}/lines", part, If_Match='"1"').status_code == 412


def test_an_order_that_is_over_takes_comments_only(api: Api, order: str) -> None:
    assert api.post(f"{order}/cancel", {"reason": "false_alarm"}).status_code == 200
    assert send(api, order, photo()).status_code == 409
    assert api.post(f"{order}/comments", {"comment": "the sensor was wet"}).status_code == 200
    assert detail(api, order)["events"][-1]["note"] == "the sensor was wet"
    figures = api.get("/alarm-figures").json()
    assert figures["false_alarms"] == {"heating_pump.fault": 1}


def test_a_step_keeps_from_where_it_was_taken(api: Api, order: str) -> None:
    here = {"device": "tablet 3", "latitude": 39.9, "longitude": 116.4, "accuracy_m": 12}
    api.post(f"{order}/accept")
    event = api.post(f"{order}/arrive", here).json()["events"][-1]
    assert {name: event[name] for name in here} == here
    assert api.post(f"{order}/start", {"latitude": 91}).status_code == 422
    half = api.post(f"{order}/start", {"latitude": 39.9}).json()
    assert [one["field"] for one in half["errors"]] == ["body.longitude"]
    assert api.get(order).json()["state"] == "on_site"


def test_begun_work_is_handed_over_to_somebody_else_who_accepts_it(api: Api, order: str) -> None:
    api.post(f"{order}/accept")
    actions = api.post(f"{order}/arrive").json()["actions"]
    assert "hand-over" in [one["name"] for one in actions]
    assert "dispatch" not in [one["name"] for one in actions]
    assert api.post(f"{order}/hand-over").status_code == 422
    assert api.post(f"{order}/hand-over", {"assignee": "operator"}).status_code == 422
    handed = api.post(f"{order}/hand-over", {"assignee": "administrator", "note": "end of shift"})
    assert (handed.json()["state"], handed.json()["assignee"]) == ("dispatched", "administrator")
    assert handed.json()["events"][-1]["kind"] == "handed_over"
