"""The demo with options that it refuses."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from plantroom.demo import cli


@pytest.mark.parametrize("port", ["0", "65536", "80000", "-1", "x"])
def test_a_wrong_port_is_refused(tmp_path: Path, port: str) -> None:
    answer = CliRunner().invoke(cli, ["--dir", str(tmp_path / "demo"), "--port", port])
    assert answer.exit_code == 2
    assert "--port" in answer.output
    assert not (tmp_path / "demo").exists()


def test_a_folder_that_is_no_demos_is_not_emptied(tmp_path: Path) -> None:
    kept = tmp_path / "thesis.txt"
    kept.write_text("three years")
    answer = CliRunner().invoke(cli, ["--dir", str(tmp_path), "--fresh"])
    assert answer.exit_code == 1
    assert "no folder of a demo" in answer.output
    assert kept.read_text() == "three years"
