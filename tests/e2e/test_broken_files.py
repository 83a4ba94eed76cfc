"""A broken configuration file is refused with status 2 and a message, never with a traceback."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from plantroom.__main__ import main
from plantroom.processes import plantroom_command

APPLICATIONS, VERBS = ("agent", "server"), ("check", "run")
UNKNOWN_KEY = "nonsense: true\n"


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("text", ["ports: [\n", "", "site: 1\nsite: 2\n", UNKNOWN_KEY])
def test_a_broken_file_is_refused_with_status_2(
    application: str, text: str, tmp_path: Path
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    for verb in VERBS:
        answer = CliRunner().invoke(main, [application, verb, str(path)])
        assert isinstance(answer.exception, SystemExit)
        assert answer.exit_code == 2
        assert "broken.yaml" in answer.stderr


@pytest.mark.parametrize("application", APPLICATIONS)
def test_a_process_with_a_broken_file_ends_with_status_2(application: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(UNKNOWN_KEY)
    command = plantroom_command(application, "run", str(path))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "broken.yaml" in done.stderr
    assert "Traceback" not in done.stderr
