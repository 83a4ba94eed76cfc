"""The image's recipe and the compose file, as far as they can be judged without Docker."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from config.load_server import load_server
from server.__main__ import cli
from server.roles.split import why_one_process
from tests.dockerfile import instructions_of

ROOT = Path(__file__).parents[2]
DOCKERFILE, COMPOSE = ROOT / "deploy" / "Dockerfile", ROOT / "deploy" / "compose.yaml"
TOP = {"name", "services", "secrets", "volumes", "x-server"}
OF_A_SERVICE = {
    *("image", "build", "restart", "stop_grace_period", "volumes", "depends_on", "profiles"),
    *("command", "stdin_open", "tty", "ports", "environment", "secrets", "healthcheck"),
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text("utf-8"))


def servers() -> dict[str, Any]:
    return {name: one for name, one in compose()["services"].items() if one["image"] == "plantroom"}


def test_a_linter_finds_nothing_in_the_recipe() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "--no-color", DOCKERFILE], capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode()) == (0, "")


def test_the_recipe_starts_the_program_that_it_installs_as_a_user_that_it_makes() -> None:
    recipe = instructions_of(DOCKERFILE)
    said = {name: [words for one, words in recipe if one == name] for name, _ in recipe}
    (user,) = said["USER"]
    assert f"--uid {user} " in " ".join(said["RUN"])
    (start,) = said["ENTRYPOINT"]
    program, *words = yaml.safe_load(start)
    assert program == "/opt/plantroom/bin/plantroom"
    assert "python -m venv /opt/plantroom" in " ".join(said["RUN"])
    assert words == ["server"]
    assert all(
        re.fullmatch(r"python:3\.\d+-slim-bookworm( AS build)?", one) for one in said["FROM"]
    )
    home = re.search(r"--home-dir (\S+)", " ".join(said["RUN"]))
    assert home is not None
    for one in servers().values():
        assert f"server-data:{home[1]}" in one["volumes"]


def test_nothing_but_the_program_goes_into_the_image() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert all((ROOT / name).exists() for name in let_in)
    assert not let_in & {".git", ".demo", ".venv", "deploy", "tests"}
    # What the build reads beside the packages.
    assert {"pyproject.toml", "README.md", "constraints.txt", "hatch_build.py"} <= let_in


def test_the_compose_file_says_only_what_compose_knows() -> None:
    file = compose()
    assert set(file) == TOP
    for name, one in file["services"].items():
        assert set(one) <= OF_A_SERVICE, name
        for other, how in one.get("depends_on", {}).items():
            assert other in file["services"]
            assert how["condition"] in CONDITIONS
            if how["condition"] == "service_healthy":
                assert "healthcheck" in file["services"][other]
        for secret in one.get("secrets", []):
            assert secret in file["secrets"]
        for published in one.get("ports", []):
            assert re.fullmatch(r"(127\.0\.0\.1:)?\d+:\d+", published), published
    build = servers()["api-1"]["build"]
    context = (COMPOSE.parent / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]) == DOCKERFILE


def test_every_command_of_the_compose_file_is_one(tmp_path: Path) -> None:
    """With the settings that its first lines give, and files in their places."""
    head = [
        line[2:].strip() for line in COMPOSE.read_text("utf-8").splitlines() if line[:2] == "# "
    ]
    keys = ("data_dir:", "mqtt:", "records:", "history:", "http:")
    file = tmp_path / "server.yaml"
    file.write_text("\n".join(line for line in head if line.startswith(keys)))
    (tmp_path / "broker-password").write_text("secret")
    (tmp_path / "broker-password").chmod(0o600)
    settings = load_server(file)
    assert why_one_process(settings) == ""
    names = set(compose()["services"])
    assert settings.mqtt.host in names
    assert "postgres" in names
    assert "victoria" in names
    for one in servers().values():
        verb, path, *options = one["command"]
        assert path == "/etc/plantroom/server.yaml"
        # An option that is none is refused before the file is looked at.
        said = CliRunner().invoke(cli, [verb, str(tmp_path / "missing.yaml"), *options])
        assert "missing.yaml" in said.output
        assert "No such option" not in said.output
