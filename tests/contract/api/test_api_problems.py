"""Every error is a problem document that says what is wrong and what is allowed."""

import pytest

from server.api.messages import MessageState
from server.assets.model import Equipment
from server.core.errors import StoreError
from tests.contract.api.conftest import Api

PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("path", "params", "status", "field", "words"),
    [
        ("/events", {"topic": "colours"}, 422, "query.topic", "'alarms'"),
        ("/sites", {"limit": "0"}, 422, "query.limit", "greater than or equal to 1"),
        ("/sites", {"limit": "1001"}, 422, "query.limit", "less than or equal to 1000"),
        ("/sites", {"cursor": "###"}, 422, "query.cursor", "leave it out"),
        ("/sites", {"cursor": "NQ"}, 422, "query.cursor", "leave it out"),
        ("/readings", {}, 422, "query.point", "required"),
        ("/readings", {"point": "1", "from": "yesterday"}, 422, "query.from", "RFC 3339"),
        ("/readings", {"point": "1", "from": "2026-11-22T10:00:00"}, 422, "query.from", "offset"),
        ("/readings", {"point": "1", "buckets": "0"}, 422, "query.buckets", "greater than"),
        ("/readings", {"point": "1", "buckets": "many"}, 422, "query.buckets", "integer"),
        (
            "/readings",
            {"point": "1", "from": "2026-11-22T10:00:00Z", "to": "2026-11-22T10:00:00Z"},
            422,
            "query.from",
            "before",
        ),
        ("/readings", {"point": "nowhere"}, 404, None, "no point 'nowhere'"),
        ("/readings", {"point": "9" * 30}, 404, None, "no point"),
        ("/equipment/99", {}, 404, None, "no equipment 99"),
        ("/equipment/x", {}, 422, "path.equipment_id", "integer"),
        ("/classes/x", {}, 404, None, "no equipment class 'x'"),
        ("/nothing", {}, 404, None, "Not Found"),
    ],
)
def test_a_wrong_request_is_explained(
    api: Api,
    pump: Equipment,
    *,
    path: str,
    params: dict[str, str],
    status: int,
    field: str | None,
    words: str,
) -> None:
    assert pump.id == 1
    answer = api.get(path, **params)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    body = answer.json()
    assert body["status"] == status
    assert words in body["detail"]
    assert field is None or [item["field"] for item in body["errors"]] == [field]


def test_allowed_values_are_listed(api: Api) -> None:
    error = api.get("/messages", state="lost").json()["errors"][0]
    assert error["allowed"] == [state.value for state in MessageState]


def test_a_wrong_method_is_a_problem_too(api: Api) -> None:
    answer = api.delete("/sites")
    assert answer.status_code == 405
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["allow"] == "GET"


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]


@pytest.mark.seeds(2, len(METHODS))
def test_a_wrong_method_is_told_every_right_one(api: Api, seed: int) -> None:
    """The methods take turns over the paths; with all seeds each meets each."""
    paths = api.client.app.openapi()["paths"]  # type: ignore[attr-defined]
    for turn, (path, methods) in enumerate(paths.items(), seed):
        method, allowed = METHODS[turn % len(METHODS)], {name.upper() for name in methods}
        # These are a place for a rule's name or an order's number too.
        if method in allowed or path.endswith(("/try", "/reassign")):
            continue
        address = path.replace("{", "").replace("}", "")
        answer = api.client.request(method, address, headers=api.bearer("administrator"))
        assert answer.status_code == 405, path
        assert set(answer.headers["allow"].split(", ")) == allowed, path


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b'"x"', b""])
def test_a_broken_body_is_a_problem(api: Api, body: bytes) -> None:
    headers = api.bearer() | {"Content-Type": "application/json"}
    answer = api.client.post("/api/v1/tokens", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == PROBLEM


def test_a_giant_body_is_refused(api: Api) -> None:
    headers = api.bearer() | {"Content-Type": "application/json"}
    giant = b'{"name": "' + b"x" * 2_000_000 + b'"}'
    assert api.client.post("/api/v1/tokens", content=giant, headers=headers).status_code == 413


def test_unreachable_records_ask_to_try_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StoreError("the records cannot be reached: disk I/O error")

    monkeypatch.setattr(api.records, "read_async", broken)
    answer = api.get("/sites")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


def test_a_bug_is_answered_without_its_traceback(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.records, "read", None)
    answer = api.get("/sites")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == PROBLEM
    assert "NoneType" not in answer.text
