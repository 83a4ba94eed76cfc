"""One's own browser sessions, and what a password must be."""

from typing import Any

import pytest

from server.access.roles import Permission
from tests.contract.api.conftest import ORIGIN, Api

COOKIE = "plantroom_session"


def begin(api: Api, browser: str, name: str = "operator") -> str:
    api.client.cookies.clear()
    api.client.headers["User-Agent"] = browser
    return api.log_in(name).cookies[COOKIE]


def sessions(api: Api) -> list[dict[str, Any]]:
    return api.client.get("/api/v1/sessions").json()["items"]


def works(api: Api, cookie: str) -> bool:
    api.client.cookies.clear()
    api.client.cookies.set(COOKIE, cookie)
    return api.client.get("/api/v1/session").status_code == 200


def test_one_session_is_ended_and_the_others_go_on(api: Api) -> None:
    telephone, office = begin(api, "telephone"), begin(api, "office")
    stranger = begin(api, "hers", "viewer")
    assert works(api, office)
    listed = {one["browser"]: one for one in sessions(api)}
    assert listed.keys() == {"telephone", "office"}
    assert [one["current"] for one in listed.values()].count(True) == 1
    assert listed["office"]["current"]
    assert listed["telephone"]["address"] == "testclient"
    gone = listed["telephone"]["id"]
    assert gone not in (telephone, office)
    assert api.client.delete(f"/api/v1/sessions/{gone}", headers=ORIGIN).status_code == 204
    assert api.client.delete(f"/api/v1/sessions/{gone}", headers=ORIGIN).status_code == 404
    assert not works(api, telephone)
    assert works(api, stranger)
    mine = sessions(api)[0]["id"]
    assert works(api, office)
    assert api.client.delete(f"/api/v1/sessions/{mine}", headers=ORIGIN).status_code == 404


def test_all_sessions_are_ended_and_tokens_go_on(api: Api) -> None:
    telephone, office = begin(api, "telephone"), begin(api, "office")
    assert api.client.delete("/api/v1/sessions", headers=ORIGIN).status_code == 204
    assert not works(api, telephone)
    assert not works(api, office)
    assert api.get("/sites").status_code == 200


def test_an_administrator_sees_where_a_person_is_logged_in(api: Api) -> None:
    begin(api, "telephone")
    found = api.get("/users/2/sessions", "administrator").json()["items"]
    assert [(one["browser"], one["current"]) for one in found] == [("telephone", False)]
    assert api.get("/users/99/sessions", "administrator").status_code == 404
    assert api.get("/users/2/sessions").status_code == 403


def test_the_table_of_rights_is_shown_as_it_decides(api: Api) -> None:
    rows = {one["permission"]: one for one in api.get("/roles", "administrator").json()["items"]}
    assert rows.keys() == set(Permission)
    assert rows["users.manage"]["reaches"]["administrator"] == "all"
    assert rows["orders.step"]["reaches"]["contractor"] == "own"
    assert rows["equipment.command"]["second_factor"]
    assert api.get("/roles").status_code == 403


def test_an_administrator_ends_the_sessions_of_a_person(api: Api) -> None:
    office = begin(api, "office")
    assert api.delete("/users/2/sessions").status_code == 403
    assert api.delete("/users/2/sessions", "administrator").status_code == 204
    assert api.delete("/users/99/sessions", "administrator").status_code == 404
    assert not works(api, office)


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("pump room 7", "at least 15"),
        ("passwordpassword", "Repeats"),
        ("123456789012345", "commonly used"),
        ("qwertyuiopasdfgh", "commonly used"),
        ("zhangweizhangwei", "Repeats"),
    ],
)
def test_what_everybody_tries_first_is_no_password(api: Api, password: str, words: str) -> None:
    body = {"name": "zhangwei", "password": password, "role": "operator"}
    answer = api.post("/users", body, who="administrator")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (422, "body.password")
    assert words in error["message"]


@pytest.mark.parametrize(
    "password", ["泵房里有两台泵和一个水箱而且很吵", "river lamp seven boat", "xk3!Tz9_qW7-mm2Lb"]
)
def test_any_characters_make_a_password(api: Api, password: str) -> None:
    body = {"name": "zhangwei", "password": password, "role": "operator"}
    assert api.post("/users", body, who="administrator").status_code == 201
    assert api.log_in("zhangwei", password).status_code == 200
