"""Every wrong file of tests/cases/config is refused with exactly the words of its expected.txt."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.load import load_agent, load_classes, load_profiles
from config.load_server import load_people, load_plans, load_schematics, load_server
from config.server import ServerSettings

CASES = Path(__file__).parent.parent / "cases" / "config"

LOADERS: dict[str, Callable[[Path], object]] = {
    "agent": load_agent,
    "server": load_server,
    "people": load_people,
    "class": lambda file: load_classes(file.parent),
    "profile": lambda file: load_profiles(file.parent),
    "plan": lambda file: load_plans(ServerSettings(plan_files=file.parent), load_classes()),
    "schematic": lambda file: load_schematics(
        ServerSettings(schematic_files=file.parent), load_classes()
    ),
}


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_a_wrong_file_is_refused_in_words_that_help(case: Path) -> None:
    load = LOADERS[case.name.partition("_")[0]]
    with pytest.raises(ConfigError) as refused:
        load(case / "file.yaml")
    said = str(refused.value).replace(f"{case}/", "")
    assert said == (case / "expected.txt").read_text("utf-8").rstrip("\n")
