"""The second factor: enrolled, asked for, not fooled twice; who commands in a browser needs it."""

from typing import Any

import pytest
from httpx2 import Response
from pyotp.totp import TOTP

from server.access.model import User
from tests.contract.api.conftest import ORIGIN, PASSWORD, Api

PATH = "/api/v1/session/second-factor"


def post(api: Api, path: str, body: dict[str, Any] | None = None) -> Response:
    return api.client.post(path, json=body, headers=ORIGIN)


def code_of(api: Api, secret: str, *, steps: int = 0) -> str:
    return TOTP(secret).generate_otp(api.clock.ms // 30_000 + steps)


def enrol(api: Api) -> tuple[str, list[str]]:
    """Log in as the operator and confirm a second factor; return its secret and recovery codes."""
    api.log_in()
    begun = post(api, PATH)
    assert begun.status_code == 201
    assert begun.json()["uri"].startswith("otpauth://totp/Plantroom:operator?secret=")
    secret = begun.json()["secret"]
    assert post(api, f"{PATH}/confirm", {"code": "000000"}).status_code == 422
    done = post(api, f"{PATH}/confirm", {"code": code_of(api, secret)})
    assert done.status_code == 200, done.text
    return secret, done.json()["recovery_codes"]


def log_in(api: Api, code: str = "") -> Response:
    api.client.cookies.clear()
    body = {"name": "operator", "password": PASSWORD, "code": code}
    return post(api, "/api/v1/session", body)


def test_a_login_asks_for_a_code_that_is_good_once(api: Api) -> None:
    secret, _ = enrol(api)
    missing = log_in(api)
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (401, "body.code")
    assert "set-cookie" not in missing.headers
    used = code_of(api, secret)
    assert log_in(api, used).status_code == 401, "it was used to confirm"
    api.clock.ms += 60_000
    code = code_of(api, secret)
    assert log_in(api, f"{code[:3]} {code[3:]}").json()["second_factor"]
    assert log_in(api, code).status_code == 401
    assert log_in(api, code_of(api, secret, steps=-1)).status_code == 401, "older than one used"
    assert log_in(api, code_of(api, secret, steps=1)).status_code == 200


def test_a_recovery_code_is_good_once(api: Api) -> None:
    _, recovery = enrol(api)
    assert len(set(recovery)) == 10
    assert log_in(api, recovery[3].upper()).status_code == 200
    assert log_in(api, recovery[3]).status_code == 401
    assert log_in(api, recovery[4]).status_code == 200
    stored = api.records.read(lambda session: session.get_one(User, 2).recovery_codes)
    assert stored is not None
    assert len(stored) == 8
    assert not set(stored) & set(recovery)


def test_codes_are_not_guessed(api: Api) -> None:
    enrol(api)
    statuses = [log_in(api, f"{number:06}").status_code for number in range(6)]
    assert statuses == [401] * 5 + [429]
    failed = api.get("/audit", "administrator", outcome="refused").json()["items"]
    assert [one["what"][0]["kind"] for one in failed if one["status"] == 401] == [
        "login.failed"
    ] * 5


@pytest.mark.usefixtures("pump")
def test_a_session_of_a_password_alone_runs_no_plan(api: Api) -> None:
    wish = {"plan": "riser-burst", "incident": 1, "reason": "test"}
    api.log_in()
    refused = post(api, "/api/v1/plan-runs", wish)
    assert (refused.status_code, "second-factor" in refused.json()["detail"]) == (403, True)
    token = post(api, "/api/v1/tokens", {"name": "x"}).json()
    assert "plans.run" not in token["permissions"]
    assert "orders.step" in token["permissions"]
    enrol(api)
    assert post(api, "/api/v1/plan-runs", wish).status_code == 404, "there is no such plan"


@pytest.mark.usefixtures("pump")
def test_a_session_of_a_password_alone_commands_nothing(api: Api) -> None:
    wish = {"value": 1.0, "reason": "test"}
    api.log_in()
    refused = post(api, "/api/v1/points/2/commands", wish)
    assert (refused.status_code, "second-factor" in refused.json()["detail"]) == (403, True)
    token = post(api, "/api/v1/tokens", {"name": "x"}).json()
    assert "equipment.command" not in token["permissions"]
    wanted = {"name": "x", "permissions": ["equipment.command"]}
    assert post(api, "/api/v1/tokens", wanted).status_code == 422
    enrol(api)
    assert post(api, "/api/v1/points/2/commands", wish).status_code == 409, "the point cannot"
    assert post(api, "/api/v1/tokens", {"name": "x"}).json()["permissions"] is None


def test_confirming_ends_the_other_sessions(api: Api) -> None:
    api.log_in()
    before = api.client.cookies["plantroom_session"]
    api.client.cookies.clear()
    enrol(api)
    assert api.client.get("/api/v1/session").json()["second_factor"]
    api.client.cookies.clear()
    api.client.cookies.set("plantroom_session", before)
    assert api.client.get("/api/v1/session").status_code == 401


def test_it_is_taken_off_by_a_code_or_by_an_administrator(api: Api) -> None:
    secret, recovery = enrol(api)
    assert post(api, PATH).status_code == 409
    assert post(api, f"{PATH}/end", {"code": "000000"}).status_code == 422
    assert post(api, f"{PATH}/end", {"code": recovery[0]}).status_code == 204
    assert not log_in(api).json()["second_factor"]
    assert post(api, f"{PATH}/end", {"code": recovery[0]}).status_code == 409
    enrol(api)
    assert api.delete("/users/2/second-factor").status_code == 403
    assert api.get("/users", "administrator").json()["items"][1]["second_factor"]
    assert api.delete("/users/2/second-factor", "administrator").status_code == 204
    assert log_in(api).status_code == 200
    text = api.get("/audit", "administrator").text
    assert secret not in text
    assert "second-factor.ended" in text


def test_beside_a_second_factor_a_password_may_be_shorter(api: Api) -> None:
    api.log_in()
    body = {"old_password": PASSWORD, "new_password": "kiwi/7 lamp"}
    assert post(api, "/api/v1/session/password", body).status_code == 422
    enrol(api)
    assert post(api, "/api/v1/session/password", body).status_code == 200


def test_a_token_is_no_person(api: Api) -> None:
    assert api.post("/session/second-factor").status_code == 409
