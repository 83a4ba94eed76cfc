"""The dashboard's page and files: for everybody, at any address, compressed, kept."""

import gzip
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from server.api.page import page_router
from server.core.problem import install_problems
from tests.contract.api.conftest import Api

SCRIPT = b"console.log(1)" * 200


@pytest.fixture
def built(tmp_path: Path) -> TestClient:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><div id=app></div>")
    (tmp_path / "assets" / "index-1.js").write_bytes(SCRIPT)
    (tmp_path / "assets" / "index-1.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "secret.txt").write_text("not for you")
    app = FastAPI()
    install_problems(app)
    app.include_router(page_router(tmp_path))
    return TestClient(app)


@pytest.mark.parametrize("path", ["/", "/app", "/app/", "/app/alarms/12?state=shelved"])
def test_each_address_of_the_dashboard_is_answered_with_its_page(
    built: TestClient, path: str
) -> None:
    answer = built.get(path)
    assert answer.status_code == 200
    assert "id=app" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


def test_files_are_compressed_for_who_takes_that_and_kept_for_ever(built: TestClient) -> None:
    packed = built.get("/assets/index-1.js", headers={"Accept-Encoding": "gzip"})
    plain = built.get("/assets/index-1.js", headers={"Accept-Encoding": "identity"})
    assert packed.content == plain.content == SCRIPT
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    for answer in (packed, plain):
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "name",
    ["gone-1.js", "index-1.js.gz", "..%2Fsecret.txt", "%2e%2e%2findex.html", "a%00b.js"],
)
def test_nothing_else_is_a_file_of_the_dashboard(built: TestClient, name: str) -> None:
    assert built.get(f"/assets/{name}").status_code == 404


def test_a_dashboard_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    app = FastAPI()
    app.include_router(page_router(tmp_path))
    answer = TestClient(app).get("/")
    assert answer.status_code == 503
    assert "make dashboard" in answer.text


def test_the_page_needs_no_login_and_runs_no_script_but_its_own(api: Api) -> None:
    for path in ("/", "/app/alarms", "/assets/none.js", "/favicon.ico", "/sw.js"):
        answer = api.client.get(path)
        assert answer.status_code != 401, path
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "style-src 'self';" in policy
        assert "worker-src 'self'; " in policy
        assert "unsafe" not in policy
    assert api.client.post("/app/alarms").status_code == 401
    assert api.client.get("/apple").status_code == 401


def test_the_worker_and_the_manifest_are_asked_for_again_each_time(
    built: TestClient, tmp_path: Path
) -> None:
    assert built.get("/sw.js").status_code == 404
    (tmp_path / "sw.js").write_bytes(SCRIPT)
    (tmp_path / "manifest.webmanifest").write_text("{}")
    for path, kind in (("/sw.js", "text/javascript"), ("/manifest.webmanifest", "application/m")):
        answer = built.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["cache-control"] == "no-cache"
