"""Every write and refusal of somebody is a row, whatever the endpoint; reading is none."""

import csv
from io import StringIO
from typing import Any

import pytest

from server.core.audit import verify
from tests.contract.api.conftest import ORIGIN, Api
from tests.contract.test_audit import tamper


def rows(api: Api, **params: str) -> list[dict[str, Any]]:
    items = api.get("/audit", "administrator", **params).json()["items"]
    return list(reversed(items))


def test_who_did_what_from_where_and_what_it_changed(api: Api) -> None:
    made = api.post("/tokens", {"name": "grafana"}).json()
    (row,) = rows(api)
    assert (row["by"], row["user_id"], row["request"]) == ("operator", 2, "POST /api/v1/tokens")
    assert (row["outcome"], row["status"], row["address"]) == ("done", None, "testclient")
    (change,) = row["what"]
    assert (change["kind"], change["subject_id"]) == ("token.created", made["id"])
    assert made["token"] not in str(row)


@pytest.mark.usefixtures("pump")
def test_a_write_without_an_event_is_a_row_too(api: Api) -> None:
    body = {"name": "Wang", "role": "engineer", "trades": ["fire"]}
    api.client.put("/api/v1/persons/wang", json=body, headers=api.bearer("administrator"))
    api.client.delete("/api/v1/persons/wang", headers=api.bearer("administrator"))
    assert [one["request"] for one in rows(api)] == [
        "PUT /api/v1/persons/wang",
        "DELETE /api/v1/persons/wang",
    ]


def test_refusals_are_rows_and_reading_is_none(api: Api) -> None:
    api.get("/sites")
    api.get("/alarms/1")
    api.post("/alarms/1/acknowledge", {}, "viewer")
    api.get("/users", "viewer")
    api.post("/alarms/1/acknowledge", {})
    api.post("/users/1/disable", who="administrator")
    api.post("/alarms/1/acknowledge", {"no such": 1})
    api.client.get("/api/v1/sites")
    assert [(one["by"], one["request"].split("/v1")[1], one["status"]) for one in rows(api)] == [
        ("viewer", "/alarms/1/acknowledge", 403),
        ("viewer", "/users", 403),
        ("operator", "/alarms/1/acknowledge", 404),
        ("administrator", "/users/1/disable", 409),
    ]
    assert {one["outcome"] for one in rows(api)} == {"refused"}


def test_logins_are_rows_with_the_name_that_was_tried(api: Api) -> None:
    api.log_in(password="wrong guess")
    api.log_in()
    api.client.delete("/api/v1/session", headers={"Origin": "http://evil.example"})
    api.client.delete("/api/v1/session", headers=ORIGIN)
    failed, good, forged, out = rows(api)
    assert (failed["outcome"], failed["status"], failed["by"]) == ("refused", 401, None)
    assert failed["what"][0]["payload"]["name"] == "operator"
    assert (good["by"], good["what"][0]["kind"]) == ("operator", "login.succeeded")
    assert (forged["by"], forged["status"]) == ("operator", 403)
    assert (out["by"], out["request"]) == ("operator", "DELETE /api/v1/session")
    assert api.records.read(verify).rows == 4


def test_a_repeated_request_is_a_row_once(api: Api) -> None:
    for _ in range(2):
        api.post("/tokens", {"name": "x"}, Idempotency_Key="k")
    assert [one["status"] for one in rows(api)] == [None, 409]  # its secret was shown once


def test_the_audit_is_for_administrators_and_auditors(api: Api) -> None:
    assert api.get("/audit").status_code == 403
    api.post("/tokens", {"name": "x"}, "viewer")
    assert [one["by"] for one in rows(api, by="viewer")] == ["viewer"]
    assert [one["by"] for one in rows(api, outcome="refused")] == ["operator"]
    assert rows(api, to="2026-11-22T09:00:00Z") == []


def test_the_audit_is_searched_by_what_was_asked_and_what_it_changed(api: Api) -> None:
    api.post("/tokens", {"name": "grafana_1"})
    api.post("/users/1/disable", who="administrator")
    assert [one["request"] for one in rows(api, q="users/1")] == ["POST /api/v1/users/1/disable"]
    assert [one["request"] for one in rows(api, q="GRAFANA_1")] == ["POST /api/v1/tokens"]
    assert rows(api, q="grafana%") == []  # it is looked for as it is written
    assert rows(api, q="a_a") == []


def test_a_page_says_whether_every_row_fits(api: Api) -> None:
    empty = api.get("/audit/verification", "administrator").json()
    assert (empty["fits"], empty["rows"], empty["hash"]) == (True, 0, None)
    for name in ("a", "b"):
        api.post("/tokens", {"name": name})
    good = api.get("/audit/verification", "administrator").json()
    assert (good["fits"], good["rows"], good["problem"]) == (True, 2, None)
    kept = f"2:{good['hash']}"
    assert api.get("/audit/verification", "administrator", expect=kept).json()["fits"]
    other = api.get("/audit/verification", "administrator", expect=f"3:{good['hash']}").json()
    assert other == good | {"fits": False, "rows": None, "hash": None, "problem": other["problem"]}
    assert "row 3 is missing" in other["problem"]
    assert api.get("/audit/verification", "administrator", expect="2").status_code == 422
    assert api.get("/audit/verification").status_code == 403


def test_a_changed_row_is_named(api: Api) -> None:
    for name in ("a", "b"):
        api.post("/tokens", {"name": name})
    tamper(api.records, "UPDATE audit SET address = 'elsewhere' WHERE id = 1")
    found = api.get("/audit/verification", "administrator").json()
    assert not found["fits"]
    assert "row 1 does not fit: it says operator, POST /api/v1/tokens" in found["problem"]


def test_the_audit_leaves_as_a_table_without_formulas(api: Api) -> None:
    api.post("/tokens", {"name": "x"})
    api.log_in(name="=HYPERLINK(1)")
    answer = api.get("/audit/export", "administrator", outcome="done")
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="audit.csv"' in answer.headers["content-disposition"]
    (row,) = csv.DictReader(StringIO(answer.text.removeprefix("\ufeff")))
    assert (row["id"], row["by"], row["request"]) == ("1", "operator", "POST /api/v1/tokens")
    assert row["at"].startswith("2026-11-22T10:00:00")
    assert api.get("/audit/export").status_code == 403
