"""Logging in by the company's provider, a process of its own that signs real ID tokens."""

import sys
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from httpx2 import Response

from config.login_provider import LoginProviderSettings
from plantroom.processes import free_port
from server.access.login_provider import LoginProvider
from server.access.model import LoginAttempt, User
from tests.contract.api.conftest import ORIGIN, Api
from tests.fakes.login_provider import CLIENT, SECRET
from tests.http_process import http_process

if TYPE_CHECKING:
    from fastapi import FastAPI

PATH = "/api/v1/session/provider"
WANG = "subject-of-wang"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Address of a provider in a process of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tests.fakes.login_provider", str(port)]
    log = tmp_path_factory.mktemp("provider") / "log"
    with http_process(command, url=url, ready="/keys", log=log):
        yield url


class Company(NamedTuple):
    """A server whose company has a login of its own."""

    api: Api
    url: str

    def misbehave(self, **how: Any) -> None:
        assert httpx.post(f"{self.url}/misbehave", json=how).status_code == 200

    def begin(self) -> dict[str, str]:
        """Press the button, log in at the provider; return what it sends the browser back with."""
        begun = self.api.client.post(PATH, headers=ORIGIN)
        assert begun.status_code == 200, begun.text
        assert "HttpOnly" in begun.headers["set-cookie"]
        back = httpx.get(begun.json()["url"]).headers["location"]
        assert back.startswith("http://testserver/app/login?")
        return dict(parse_qsl(urlsplit(back).query))

    def finish(self, answer: dict[str, str]) -> Response:
        return self.api.client.post(f"{PATH}/code", json=answer, headers=ORIGIN)

    def log_in(self) -> Response:
        return self.finish(self.begin())

    def name(self, user: int, identity: str | None) -> Response:
        return self.api.client.put(
            f"/api/v1/users/{user}/identity",
            json={"identity": identity},
            headers=self.api.bearer("administrator"),
        )


def company_of(api: Api, url: str, folder: Path, **more: Any) -> Company:
    secret = folder / "provider.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    given = {
        "name": {"en": "Company login", "zh": "公司统一登录"},
        "issuer": url,
        "client_id": CLIENT,
        "client_secret_file": secret,
        "public_url": "http://testserver/",
    }
    settings = LoginProviderSettings.model_validate(given | more)
    # ID tokens are of this hour, whatever the hand of the test's clock says.
    api.clock.ms = round(time.time() * 1000)
    services = replace(
        api.services,
        settings=api.services.settings.model_copy(update={"login_provider": settings}),
        login_provider=LoginProvider(settings, api.clock),
    )
    cast("FastAPI", api.client.app).state.services = services
    return Company(replace(api, services=services), url)


@pytest.fixture
def company(api: Api, provider: str, tmp_path: Path) -> Company:
    """The operator is named; nobody else is."""
    made = company_of(api, provider, tmp_path)
    made.misbehave()
    assert made.name(2, WANG).json()["provider_identity"] == WANG
    return made


def last_failure(company: Company) -> dict[str, Any]:
    items = company.api.get("/audit", "administrator", outcome="refused").json()["items"]
    return items[0]["what"][0]


def test_whom_the_provider_vouches_for_is_logged_in_as_with_a_password(company: Company) -> None:
    assert company.api.client.get(PATH).json()["name_zh"] == "公司统一登录"
    done = company.log_in()
    assert (done.status_code, done.json()["name"]) == (200, "operator"), done.text
    assert not done.json()["second_factor"]
    cookie = next(one for one in done.headers.get_list("set-cookie") if "plantroom_session" in one)
    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    me = company.api.client.get("/api/v1/session").json()
    assert (me["name"], me["role"]) == ("operator", "operator")
    newest = company.api.get("/audit", "administrator").json()["items"][0]["what"][0]
    assert (newest["kind"], newest["payload"]["provider"]) == ("login.succeeded", company.url)
    gone = company.api.client.delete("/api/v1/session", headers=ORIGIN)
    assert gone.status_code == 204
    assert company.api.client.get("/api/v1/session").status_code == 401
    assert company.api.log_in().status_code == 200, "passwords stay"


@pytest.mark.sampled(5)
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"claim_nonce": "another"}, "nonce"),
        ({"claim_nonce": None}, "nonce"),
        ({"claim_aud": "another-client"}, "aud"),
        ({"claim_aud": [CLIENT, "other"], "claim_azp": "other"}, "azp"),
        ({"claim_iss": "https://elsewhere.example"}, "iss"),
        ({"expired_s": 120}, "expired"),
        ({"claim_sub": None}, "sub"),
        ({"claim_at_hash": "AAAA"}, "at_hash"),
        ({"foreign_key": True}, "signature"),
        ({"unsigned": True}, "not good"),
    ],
    ids=str,
)
def test_an_id_token_that_is_not_good_lets_nobody_in(
    company: Company, wrong: dict[str, Any], words: str
) -> None:
    company.misbehave(**wrong)
    refused = company.log_in()
    assert refused.status_code == 401, refused.text
    assert words in refused.json()["detail"].lower()
    assert company.api.client.get("/api/v1/session").status_code == 401
    assert last_failure(company)["kind"] == "login.failed"


def test_an_answer_is_good_once_and_in_the_browser_that_asked(company: Company) -> None:
    answer = company.begin()
    mine = dict(company.api.client.cookies)
    company.api.client.cookies.clear()
    stranger = company.finish(answer)
    assert (stranger.status_code, "this browser" in stranger.text) == (401, True)
    company.api.client.cookies.update(mine)
    assert company.finish(answer).status_code == 200
    company.api.client.cookies.clear()
    company.api.client.cookies.update(mine)
    replayed = company.finish(answer)
    assert (replayed.status_code, "used already" in replayed.text) == (401, True)
    company.api.client.cookies.clear()
    # A code of another login, with a state of this one: the provider has seen it already.
    stolen = company.finish(company.begin() | {"code": answer["code"]})
    assert (stolen.status_code, "invalid_grant" in stolen.text) == (401, True)
    assert company.api.records.read(lambda session: session.query(LoginAttempt).count()) == 0


def test_a_login_that_takes_too_long_is_begun_again(company: Company) -> None:
    answer = company.begin()
    company.api.clock.ms += 600_000
    assert company.finish(answer).status_code == 401


@pytest.mark.long
def test_nobody_is_made_and_nobody_is_an_administrator_by_the_provider(company: Company) -> None:
    company.misbehave(claim_sub="administrator", claim_preferred_username="administrator")
    refused = company.log_in()
    assert (refused.status_code, "'administrator'" in refused.json()["detail"]) == (403, True)
    assert last_failure(company)["payload"]["name"] == "administrator"
    assert company.api.records.read(lambda session: session.query(User).count()) == 3
    assert company.name(3, WANG).status_code == 409, "it is the operator's"
    assert company.name(9, "x").status_code == 404
    company.misbehave()
    company.api.post("/users/2/disable", who="administrator")
    assert company.log_in().status_code == 403, "disabled"
    company.api.post("/users/2/enable", who="administrator")
    company.name(2, None)
    assert company.log_in().status_code == 403, "no longer named"


@pytest.mark.long
def test_a_key_that_the_provider_has_changed_is_read_anew(company: Company) -> None:
    assert company.log_in().status_code == 200
    company.misbehave(new_key=True)
    company.api.clock.ms += 60_000
    assert company.log_in().status_code == 200


@pytest.mark.long
def test_a_verified_address_may_be_the_claim_and_the_provider_may_show_a_second_factor(
    api: Api, provider: str, tmp_path: Path
) -> None:
    company = company_of(api, provider, tmp_path, claim="email", second_factor_amr=["mfa"])
    company.name(2, "wang@estate.example")
    company.misbehave(claim_amr=["pwd", "mfa"])
    done = company.log_in().json()
    assert done["second_factor"]
    assert "plans.run" in done["permissions"]
    company.misbehave(claim_email_verified=False)
    refused = company.log_in()
    assert (refused.status_code, "verified" in refused.text) == (401, True)


def test_a_provider_that_is_away_is_named_and_passwords_stay(api: Api, tmp_path: Path) -> None:
    company = company_of(api, f"http://127.0.0.1:{free_port()}", tmp_path)
    away = company.api.client.post(PATH, headers=ORIGIN)
    assert away.status_code == 502
    assert "log in with name and password" in away.json()["detail"]
    assert company.api.log_in().status_code == 200


def test_a_provider_that_says_to_be_another_is_not_believed(company: Company) -> None:
    company.misbehave(issuer="https://elsewhere.example")
    strange = company.api.client.post(PATH, headers=ORIGIN)
    assert (strange.status_code, "describes itself wrongly" in strange.text) == (502, True)


def test_without_one_there_is_no_button(api: Api) -> None:
    assert api.client.get(PATH).json() == {"name_en": None, "name_zh": None}
    assert api.client.post(PATH, headers=ORIGIN).status_code == 404
    other = api.client.post(PATH, headers={"Origin": "https://elsewhere.example"})
    assert other.status_code == 403


@pytest.mark.long
def test_logins_are_not_begun_without_end(company: Company) -> None:
    statuses = [company.api.client.post(PATH, headers=ORIGIN).status_code for _ in range(22)]
    assert (statuses[0], statuses[-1]) == (200, 429)
