"""Passwords are changed and reset; who guesses shuts nobody else out."""

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from server.access.model import User
from server.core.model import Event
from tests.contract.api.conftest import ORIGIN, PASSWORD, Api

NEW = "another horse far away"


def change(api: Api, old: str, new: str, headers: dict[str, str] | None = None) -> Response:
    body = {"old_password": old, "new_password": new}
    return api.client.post("/api/v1/session/password", json=body, headers=headers or ORIGIN)


def who(api: Api, cookie: str) -> int:
    api.client.cookies.set("plantroom_session", cookie)
    return api.client.get("/api/v1/session").status_code


def session_of(answer: Response) -> str:
    return answer.cookies["plantroom_session"]


def fresh(api: Api) -> None:
    """Forget every cookie, as another browser at the same address would have none."""
    api.client.cookies.clear()


@pytest.mark.parametrize("name", ["viewer", "operator", "administrator"])
def test_everybody_changes_the_own_password(api: Api, name: str) -> None:
    elsewhere = session_of(api.log_in(name))
    fresh(api)
    somebody = session_of(api.log_in("administrator" if name == "viewer" else "viewer"))
    fresh(api)
    here = session_of(api.log_in(name))
    assert change(api, PASSWORD, NEW).status_code == 200
    fresh(api)
    assert who(api, here) == 200
    assert who(api, elsewhere) == 401
    assert who(api, somebody) == 200
    fresh(api)
    assert api.get("/sites", who=name).status_code == 200, "tokens go on"
    assert api.log_in(name).status_code == 401
    assert api.log_in(name, NEW).status_code == 200
    audit = api.records.read(
        lambda session: session.query(Event).filter_by(kind="password.changed").all()
    )
    assert [(row.by, row.payload) for row in audit] == [(name, {"name": name})]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("wrong", NEW, "body.old_password"),
        (PASSWORD, "short", "body.new_password"),
        (PASSWORD, PASSWORD, "body.new_password"),
        (PASSWORD, "x" * 257, "body.new_password"),
        ("", NEW, "body.old_password"),
    ],
)
def test_a_wrong_change_changes_nothing(api: Api, old: str, new: str, field: str) -> None:
    api.log_in()
    answer = change(api, old, new)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    fresh(api)
    assert api.log_in().status_code == 200


def test_the_old_password_is_not_guessed_here_either(api: Api) -> None:
    api.log_in()
    for _ in range(5):
        assert change(api, "wrong guess", NEW).status_code == 422
    assert change(api, PASSWORD, NEW).status_code == 429
    api.clock.ms += 12_000
    assert change(api, PASSWORD, NEW).status_code == 200


def test_another_site_cannot_change_it(api: Api) -> None:
    api.log_in()
    assert change(api, PASSWORD, NEW, {"Origin": "http://evil.example"}).status_code == 403


def test_a_program_with_a_token_may_change_it_too(api: Api) -> None:
    session = session_of(api.log_in())
    fresh(api)
    assert change(api, PASSWORD, NEW, api.bearer()).status_code == 200
    assert who(api, session) == 401


@pytest.fixture
def one_time(api: Api) -> str:
    before = session_of(api.log_in())
    fresh(api)
    answer = api.post("/users/2/reset-password", who="administrator")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["name"], body["valid_until"]) == ("operator", "2026-11-25T10:00:00.000Z")
    assert who(api, before) == 401, "its sessions end"
    fresh(api)
    assert api.get("/sites").status_code == 200, "its tokens go on"
    password: str = body["password"]
    return password


def test_a_reset_password_is_good_for_one_login_that_must_change_it(
    api: Api, one_time: str
) -> None:
    assert api.log_in().status_code == 401
    login = api.log_in(password=one_time)
    assert login.json()["must_change_password"]
    for path in (
        "/api/v1/sites",
        "/metrics",
        "/api/v1/stream",
        "/api/v1/tokens",
        "/api/v1/sessions",
    ):
        answer = api.client.get(path)
        assert answer.status_code == 403, path
        assert "POST /api/v1/session/password" in answer.json()["detail"]
    assert api.client.get("/api/v1/session").json()["must_change_password"]
    changed = change(api, one_time, NEW)
    assert not changed.json()["must_change_password"]
    assert api.client.get("/api/v1/sites").status_code == 200
    fresh(api)
    assert api.log_in(password=one_time).status_code == 401
    assert api.log_in(password=NEW).status_code == 200


def test_a_reset_password_opens_once(api: Api, one_time: str) -> None:
    first = session_of(api.log_in(password=one_time))
    fresh(api)
    assert api.log_in(password=one_time).status_code == 401
    assert who(api, first) == 200


def test_a_reset_password_that_nobody_used_ends(api: Api, one_time: str) -> None:
    api.clock.ms += 72 * 3_600_000
    assert api.log_in(password=one_time).status_code == 401


def test_only_an_administrator_resets_and_sees_the_password_once(api: Api) -> None:
    assert api.post("/users/1/reset-password").status_code == 403
    assert api.post("/users/99/reset-password", who="administrator").status_code == 404
    key = {"Idempotency_Key": "one"}
    made = api.post("/users/2/reset-password", None, "administrator", **key)
    again = api.post("/users/2/reset-password", None, "administrator", **key)
    assert (made.status_code, again.status_code) == (200, 409)
    password = made.json()["password"]
    dumped = api.records.read(
        lambda session: [
            dict(row)
            for row in session.connection()
            .exec_driver_sql("SELECT * FROM idempotent_replies")
            .mappings()
        ]
    )
    assert password not in str(dumped)
    user = api.records.read(lambda session: session.get_one(User, 2))
    assert password not in user.password_hash


# ------------------------------------------------------------------ guessing


def guess(api: Api, times: int, name: str = "operator", **headers: str) -> list[int]:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    body = {"name": name, "password": "wrong guess"}
    return [
        api.client.post("/api/v1/session", json=body, headers=named).status_code
        for _ in range(times)
    ]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_a_header_that_anybody_can_send_is_not_counted_by(api: Api, header: str) -> None:
    answers = [
        guess(api, 1, **{header.replace("-", "_"): f"10.0.0.{number}"})[0] for number in range(10)
    ]
    assert answers == [401] * 5 + [429] * 5


@pytest.mark.long
def test_a_browser_that_was_logged_in_before_is_not_shut_out(api: Api) -> None:
    api.log_in()
    browser = api.client.cookies["plantroom_browser"]
    fresh(api)
    assert guess(api, 30)[-1] == 429
    assert api.log_in().status_code == 429, "a new browser at the guesser's address waits"
    api.client.cookies.set("plantroom_browser", browser)
    assert api.log_in().status_code == 200
    assert guess(api, 6) == [401] * 5 + [429], "nor may it guess more"


def test_a_browser_is_known_for_one_person_and_one_password(api: Api) -> None:
    api.log_in("viewer")
    mark = api.client.cookies["plantroom_browser"]
    for cookie in (mark, "x", "x.y", ".", "", "a" * 3000):
        fresh(api)
        api.client.cookies.set("plantroom_browser", cookie)
        guess(api, 3)
    assert api.log_in().status_code == 429


def test_failures_for_one_person_do_not_shut_out_another(api: Api) -> None:
    assert guess(api, 10)[-1] == 429
    assert api.log_in("viewer").status_code == 200


class Behind:
    """Requests that a proxy at a given address passes on."""

    def __init__(self, api: Api, peer: str, trusted: tuple[str, ...]) -> None:
        http = api.services.settings.http.model_copy(update={"trusted_proxies": trusted})
        settings = api.services.settings.model_copy(update={"http": http})
        object.__setattr__(api.services, "settings", settings)
        self.client = TestClient(api.client.app, client=(peer, 5000))

    def log_in(self, password: str, forwarded: str) -> int:
        body = {"name": "operator", "password": password}
        headers = {"X-Forwarded-For": forwarded}
        return self.client.post("/api/v1/session", json=body, headers=headers).status_code


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("10.1.1.1", ("10.0.0.0/8",)),
        ("::ffff:10.1.1.1", ("10.0.0.0/8",)),
        ("2001:db8::1", ("2001:db8::/64",)),
        ("10.1.1.1", ("10.1.1.1",)),
    ],
)
def test_behind_a_trusted_proxy_each_client_is_counted_by_itself(
    api: Api, peer: str, trusted: tuple[str, ...]
) -> None:
    behind = Behind(api, peer, trusted)
    for number in range(30):
        # What a client writes itself stands before what the proxy writes.
        behind.log_in("wrong guess", f"203.0.113.{number}, 198.51.100.7")
    assert behind.log_in(PASSWORD, "198.51.100.7") == 429
    assert behind.log_in(PASSWORD, "198.51.100.8") == 200


def test_behind_two_proxies_the_client_is_found(api: Api) -> None:
    behind = Behind(api, "10.1.1.1", ("10.0.0.0/8",))
    for _ in range(30):
        behind.log_in("wrong guess", "198.51.100.7, 10.2.2.2")
    assert behind.log_in(PASSWORD, "198.51.100.8, 10.2.2.2") == 200


@pytest.mark.parametrize("forwarded", ["", "x", ",,,", "a:b:c", "[::1", "1.2.3.4:x", "9" * 4000])
def test_garbage_of_a_trusted_proxy_breaks_nothing(api: Api, forwarded: str) -> None:
    behind = Behind(api, "10.1.1.1", ("10.0.0.0/8",))
    assert behind.log_in("wrong guess", forwarded) == 401


def test_a_flood_of_logins_waits_in_one_lane(api: Api) -> None:
    lane = api.client.app.state.doorkeeper.lane  # type: ignore[attr-defined]
    lane._waiting = 16
    answer = api.log_in()
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    lane._waiting = 0
    api.log_in()
    lane._waiting = 16
    assert api.log_in().status_code == 200, "a known browser waits beyond that"
