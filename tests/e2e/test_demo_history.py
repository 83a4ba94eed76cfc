"""The demo with its history on a server that it starts in its folder."""

import re
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from plantroom.demo import cli
from plantroom.processes import free_port
from tests.e2e.demo_child import demo, lines_until
from tests.fakes import influxd_of_1_8


def readings(url: str, backend: str) -> int:
    """How many the server of the history has."""
    if backend == "influxdb":
        asked = {"db": "plantroom", "q": "SELECT count(quality) FROM /.*/"}
        answer = httpx.get(f"{url}/query", params=asked, trust_env=False).json()
        found = answer["results"][0].get("series", [])
        return sum(one["values"][0][1] for one in found)
    asked = {"match[]": '{series_id!=""}'}
    answer = httpx.get(f"{url}/api/v1/series", params=asked, trust_env=False)
    return len(answer.json()["data"])


@pytest.mark.parametrize("backend", ["influxdb", "victoriametrics"])
def test_the_story_plays_with_a_server_of_the_history(tmp_path: Path, backend: str) -> None:
    path = influxd_of_1_8.install(tmp_path / "bin") if backend == "influxdb" else ""
    folder = tmp_path / "demo"
    with demo(folder, free_port(), "--backend", backend, path=path) as running:
        (line,) = lines_until(running, "^history")[-1:]
        url = re.sub(rf"^history +{backend}, ", "", line)
        assert url.startswith("http://127.0.0.1:")
        lines_until(running, "Wang Wei's phone rings")
        assert readings(url, backend) > 20
    with pytest.raises(httpx.ConnectError):
        readings(url, backend)


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("influxdb", "InfluxDB is not installed: put influxd 2.x into the PATH"),
        ("victoriametrics", "VictoriaMetrics is not installed: apt-get install victoria-metrics"),
    ],
)
def test_what_is_not_installed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, said: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = CliRunner().invoke(cli, ["--dir", str(tmp_path / "demo"), "--backend", backend])
    assert answer.exit_code == 1
    assert said in answer.output


def test_an_influxdb_that_is_too_old_is_told(tmp_path: Path) -> None:
    answer = CliRunner().invoke(cli, ["--dir", str(tmp_path / "demo"), "--backend", "influxdb"])
    assert answer.exit_code == 1
    assert "InfluxDB v1.6.7~rc0 is installed; the history needs 1.8 or 2.x" in answer.output
