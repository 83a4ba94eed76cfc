"""The button of the company's own login, with a provider that signs real ID tokens."""

import sys
from collections.abc import Generator
from typing import NamedTuple

import httpx
import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from plantroom.processes import free_port, plantroom_command
from tests.administrator import make_records
from tests.fakes.login_provider import CLIENT, SECRET
from tests.http_process import http_process
from tests.patience import PATIENCE_S

PROVIDER = "/api/v1/session/provider"


class Company(NamedTuple):
    """A server whose company has a login of its own, and that login."""

    url: str
    provider: str

    def misbehave(self, **how: str) -> None:
        httpx.post(f"{self.provider}/misbehave", json=how).raise_for_status()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Generator[Company]:
    """Wang is named by what the provider calls them."""
    folder = tmp_path_factory.mktemp("company")
    url, provider = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    secret = folder / "provider.secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    file = folder / "server.yaml"
    login = {
        "name": {"en": "Company login", "zh": "公司统一登录"},
        "issuer": provider,
        "client_id": CLIENT,
        "client_secret_file": str(secret),
        "public_url": url,
    }
    # Nobody logs in by the broker: it may be away.
    settings = {
        "mqtt": {"port": free_port()},
        "http": {"port": int(url.rsplit(":", 1)[1])},
        "login_provider": login,
    }
    file.write_text(yaml.safe_dump(settings, allow_unicode=True))
    headers = {"Authorization": f"Bearer {make_records(file)}"}
    commands = (
        ([sys.executable, "-m", "tests.fakes.login_provider", provider.rsplit(":", 1)[1]], "/keys"),
        (plantroom_command("server", "run", str(file)), PROVIDER),
    )
    with (
        http_process(commands[0][0], url=provider, ready=commands[0][1], log=folder / "1"),
        http_process(commands[1][0], url=url, ready=commands[1][1], log=folder / "2"),
        httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=PATIENCE_S) as http,
    ):
        wang = {"name": "wang", "role": "operator", "password": "a lamp over the wet stair"}
        made = http.post("/users", json=wang)
        assert made.status_code == 201, made.text
        named = {"identity": "subject-of-wang"}
        http.put(f"/users/{made.json()['id']}/identity", json=named).raise_for_status()
        yield Company(url, provider)


@pytest.fixture
def page(chromium: Browser, company: Company) -> Generator[Page]:
    company.misbehave()
    context = chromium.new_context(locale="en-GB")
    yield context.new_page()
    context.close()


def test_the_button_leads_through_the_company_back_to_where_one_was(
    page: Page, company: Company
) -> None:
    page.goto(f"{company.url}/app/orders?state=all")
    page.get_by_role("button", name="Company login").click()
    expect(page.get_by_role("heading", name="Work orders")).to_be_visible()
    assert page.url == f"{company.url}/app/orders?state=all"
    expect(page.locator("summary").filter(has_text="wang")).to_be_visible()
    assert page.request.get(f"{company.url}/api/v1/session").json()["name"] == "wang"


def test_whom_the_company_does_not_vouch_for_is_told_why_and_may_try_again(
    page: Page, company: Company
) -> None:
    company.misbehave(claim_sub="somebody-else")
    page.goto(f"{company.url}/app/")
    page.get_by_role("button", name="中文").click()
    button = page.get_by_role("button", name="公司统一登录")
    button.click()
    expect(page.get_by_role("alert")).to_be_visible()
    # The answer of the provider is good once, and not left in the address.
    assert "code=" not in page.url
    page.reload()
    expect(page.get_by_role("alert")).to_have_count(0)
    company.misbehave()
    button.click()
    expect(page.get_by_role("heading", name="总览")).to_be_visible()
