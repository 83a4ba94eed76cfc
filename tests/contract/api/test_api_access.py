"""Nobody passes without login or token; roles, cross-site requests, the login throttle."""

import re
from typing import Any

import pytest

from server.access.logins import create_login
from server.access.model import Login, Token, User
from server.access.principal import Principal
from server.access.rights import permissions_of
from server.access.roles import Role
from server.access.users import disable_user
from server.core.errors import ConflictError, StoreError
from server.core.model import Event
from tests.contract.api.conftest import ORIGIN, Api

PROBLEM = "application/problem+json"


def _operations(api: Api) -> list[tuple[str, str]]:
    document = api.client.get("/api/v1/openapi.json", headers=api.bearer("viewer")).json()
    return [
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    ]


def test_every_operation_but_health_and_login_wants_a_login(api: Api) -> None:
    open_to_all = set()
    for method, path in _operations(api):
        answer = api.client.request(method, path.replace("{", "").replace("}", ""))
        if answer.status_code == 401 and answer.headers["content-type"] == PROBLEM:
            assert answer.headers["www-authenticate"].startswith("Bearer")
        else:
            open_to_all.add((method, path))
    assert open_to_all == {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("POST", "/api/v1/session"),
        ("GET", "/api/v1/session/provider"),
        ("POST", "/api/v1/session/provider"),
        ("POST", "/api/v1/session/provider/code"),
    }


def test_the_description_of_the_interface_wants_no_login(api: Api) -> None:
    answer = api.client.get("/api/v1/openapi.json")
    assert answer.json()["openapi"].startswith("3.1")
    headers = {"If-None-Match": answer.headers["etag"]}
    assert api.client.get("/api/v1/openapi.json", headers=headers).status_code == 304
    assert api.client.get("/metrics").status_code == 401
    assert api.client.get("/metrics", headers=api.bearer()).status_code == 200


def test_the_page_of_the_interface_comes_from_this_server_alone(api: Api) -> None:
    page = api.client.get("/docs")
    assert page.status_code == 200
    found = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(found) == 4
    for path in found:
        assert path.startswith("/")
        assert api.client.get(path).status_code == 200, path
    assert "http" not in page.text + api.client.get("/docs/docs.js").text.partition("\n")[2]
    policy = page.headers["content-security-policy"]
    assert "connect-src 'self'" in policy
    assert "script-src 'self'" in policy


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer", "Bearer ", "Basic YTpi", "bearer\tx", "é"]
)
def test_a_wrong_token_is_refused(api: Api, header: str) -> None:
    headers = {"Authorization": header.encode("latin-1")}
    answer = api.client.get("/api/v1/sites", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["title"] == "Unauthorized"


def test_a_login_gives_a_cookie_that_scripts_cannot_read(api: Api) -> None:
    answer = api.log_in()
    assert answer.json() == {
        "user_id": 2,
        "name": "operator",
        "role": "operator",
        "second_factor": False,
        "must_change_password": False,
        "permissions": permissions_of(Principal(2, "operator", Role.OPERATOR, second_factor=False)),
        "sites": None,
        "classes": None,
        "equipment": None,
        "notice": None,
    }
    for cookie in answer.headers.get_list("set-cookie"):
        assert "httponly" in cookie.lower()
        assert "samesite=strict" in cookie.lower()
    assert api.client.get("/api/v1/session").json()["name"] == "operator"


def test_a_logout_makes_the_cookie_worthless(api: Api) -> None:
    api.log_in()
    secret = api.client.cookies["plantroom_session"]
    assert api.client.delete("/api/v1/session", headers=ORIGIN).status_code == 204
    api.client.cookies.set("plantroom_session", secret)
    assert api.client.get("/api/v1/session").status_code == 401


def test_a_session_ends_by_itself(api: Api) -> None:
    api.log_in()
    api.clock.ms += 12 * 3_600_000
    assert api.client.get("/api/v1/session").status_code == 401


def test_the_cookie_itself_is_not_in_the_records(api: Api) -> None:
    api.log_in()
    rows = api.records.read(lambda session: session.query(Login).all())
    assert [row.token_hash for row in rows] != [api.client.cookies["plantroom_session"]]
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        (ORIGIN, 201),
    ],
)
def test_another_site_cannot_use_the_cookie_for_a_change(
    api: Api, headers: dict[str, str], status: int
) -> None:
    api.log_in()
    answer = api.client.post("/api/v1/tokens", json={"name": "x"}, headers=headers)
    assert answer.status_code == status


def test_what_one_person_has_done_is_not_taken_for_another_ones(api: Api) -> None:
    somebody = api.log_in().json()["user_id"]
    for meant_for, status in ((str(somebody), 201), (str(somebody + 1), 401), ("", 401)):
        headers = ORIGIN | {"Plantroom-User": meant_for}
        answer = api.client.post("/api/v1/tokens", json={"name": "x"}, headers=headers)
        assert answer.status_code == status
    assert "operator" in answer.json()["detail"]
    made = [one["name"] for one in api.client.get("/api/v1/tokens").json()["items"]]
    assert made.count("x") == 1


def test_another_site_cannot_log_its_visitor_in(api: Api) -> None:
    answer = api.client.post(
        "/api/v1/session",
        json={"name": "operator", "password": "correct horse battery"},
        headers={"Origin": "http://evil.example"},
    )
    assert answer.status_code == 403


def test_a_viewer_looks_but_changes_nothing_of_the_plant(api: Api) -> None:
    assert api.get("/sites", who="viewer").status_code == 200
    answer = api.post("/alarms/1/acknowledge", {}, who="viewer")
    assert answer.status_code == 403
    assert "viewer" in answer.json()["detail"]


def test_a_viewer_makes_tokens_for_a_scraper(api: Api) -> None:
    made = api.post("/tokens", {"name": "scraper"}, who="viewer")
    assert made.status_code == 201
    scraper = {"Authorization": f"Bearer {made.json()['token']}"}
    assert api.client.get("/metrics", headers=scraper).status_code == 200
    post = api.client.post("/api/v1/alarms/1/acknowledge", json={}, headers=scraper)
    assert post.status_code == 403
    assert api.delete("/tokens/1", who="viewer").status_code == 404
    assert api.delete(f"/tokens/{made.json()['id']}", who="viewer").status_code == 204
    assert api.client.get("/metrics", headers=scraper).status_code == 401


def test_only_an_administrator_sees_users_and_the_audit(api: Api) -> None:
    assert api.get("/users").status_code == 403
    assert api.get("/events", topic="audit").status_code == 403
    assert {row["topic"] for row in api.get("/events").json()["items"]} == set()
    names = [row["name"] for row in api.get("/users", who="administrator").json()["items"]]
    assert names == ["administrator", "operator", "viewer"]


def test_guessing_is_slowed_down_and_noted(api: Api) -> None:
    for _ in range(5):
        assert api.log_in(password="wrong guess").status_code == 401
    answer = api.log_in()
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "12"
    assert api.log_in("viewer").status_code == 200
    api.clock.ms += 12_000
    assert api.log_in().status_code == 200
    kinds = api.records.read(
        lambda session: [row.kind for row in session.query(Event).filter_by(topic="audit")]
    )
    assert kinds.count("login.failed") == 5
    assert kinds.count("login.succeeded") == 2


def test_a_disabled_person_is_out_at_once(api: Api) -> None:
    api.log_in()
    assert api.post("/users/2/disable", who="administrator").json()["disabled_at"] is not None
    assert api.client.get("/api/v1/session").status_code == 401
    assert api.get("/sites").status_code == 401
    assert api.log_in().status_code == 401
    assert api.post("/users/2/enable", who="administrator").json()["disabled_at"] is None
    assert api.get("/sites").status_code == 200


def test_whoever_is_disabled_while_the_password_is_compared_is_not_let_in(api: Api) -> None:
    user = api.records.read(lambda session: session.get_one(User, 2))
    api.records.write(lambda session: disable_user(session, user_id=2, at=1, by="administrator"))
    with pytest.raises(ConflictError, match="disabled meanwhile"):
        api.records.write(
            lambda session: create_login(session, user=user, at=1, expires_at=9, address="")
        )


def test_the_last_administrator_stays(api: Api) -> None:
    answer = api.post("/users/1/disable", who="administrator")
    assert answer.status_code == 409
    assert "last administrator" in answer.json()["detail"]


def test_a_user_is_created_once(api: Api) -> None:
    body: dict[str, Any] = {"name": "zhang", "password": "pump room number 2", "role": "operator"}
    assert api.post("/users", body, who="administrator").status_code == 201
    assert api.post("/users", body, who="administrator").status_code == 409
    assert api.log_in("zhang", "pump room number 2").status_code == 200


def test_a_token_shows_its_secret_once_and_dies_when_revoked(api: Api) -> None:
    made = api.post("/tokens", {"name": "grafana"}).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert api.client.get("/api/v1/sites", headers=headers).status_code == 200
    listed = api.get("/tokens").json()["items"]
    assert [item["name"] for item in listed] == ["grafana", "test"]
    assert "token" not in listed[0]
    assert listed[0]["last_used_at"] == "2026-11-22T10:00:00.000Z"
    stored = api.records.read(lambda session: session.get(Token, made["id"]))
    assert stored is not None
    assert made["token"] not in stored.token_hash
    assert api.delete(f"/tokens/{made['id']}").status_code == 204
    assert api.client.get("/api/v1/sites", headers=headers).status_code == 401


def test_nobody_revokes_somebody_elses_token(api: Api) -> None:
    assert api.delete("/tokens/1").status_code == 404
    assert api.delete("/tokens/2", who="administrator").status_code == 204


def test_pages_carry_safe_headers(api: Api) -> None:
    answer = api.client.get("/docs")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    # The dashboard's page has the same, also where it is not built.
    assert api.client.get("/").headers["content-security-policy"] == policy
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert api.get("/sites").headers["cache-control"] == "no-store"


def test_who_has_a_token_may_look_while_nothing_can_be_written(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_work: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(api.records, "write_async", full)
    assert api.get("/alarms").status_code == 200
