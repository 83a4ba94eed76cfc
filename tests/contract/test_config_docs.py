"""Documentation of the configuration is generated, complete and loadable."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from config.base import Settings
from config.catalogue import catalogue
from config.classes import EquipmentClass
from config.conditions import KINDS
from config.describe import describe
from config.edge import AgentSettings
from config.errors import ConfigError
from config.line_ports import MeterLine
from config.load import load_agent
from config.load_server import load_people, load_server
from config.people import PeopleFile
from config.profiles import DeviceProfile
from config.reporting import Reporting
from config.server import ServerSettings
from config.source import Document

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "config" / "examples"
UNITS = {
    "_s": "second",
    "_bytes": "bytes",
    "_mb": "megabytes",
    "_days": "ays",
    "_hours": "hours",
    "_rate": "per second",
    "baud": "per second",
}


def all_models(model: type[BaseModel] = Settings) -> Iterator[type[BaseModel]]:
    for sub in model.__subclasses__():
        if sub.__module__.startswith("config."):
            yield sub
            yield from all_models(sub)


MODELS = sorted({*all_models()}, key=lambda model: model.__name__)


def uncommented(name: str) -> str:
    """Take the '#' of every option away; '# ' begins an explanation."""
    text = (EXAMPLES / name).read_text("utf-8")
    return re.sub(r"(?m)^#(?! |$)|^#(?=  )", "", text)


def uncommented_file(name: str, folder: Path) -> Path:
    for extra in ("devices", "classes"):
        (folder / extra).mkdir()
    path = folder / name
    path.write_text(uncommented(name), "utf-8")
    return path


def settings_in(value: object) -> Iterator[Settings]:
    if isinstance(value, Settings):
        yield value
        for name in type(value).model_fields:
            yield from settings_in(getattr(value, name))
    elif isinstance(value, dict):
        for one in cast("dict[str, object]", value).values():
            yield from settings_in(one)
    elif isinstance(value, tuple):
        for one in cast("tuple[object, ...]", value):
            yield from settings_in(one)


def test_the_option_tables_are_those_of_the_models() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert page == describe(), "run: python -m config.describe > docs/configuration.md"


def test_the_list_of_equipment_is_that_of_the_packaged_files() -> None:
    page = (ROOT / "docs" / "equipment.md").read_text("utf-8")
    assert page == catalogue(), "run: python -m config.catalogue > docs/equipment.md"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_option_says_what_it_means_and_its_unit(model: type[BaseModel]) -> None:
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name} has no description"
        assert field.description.endswith("."), f"{model.__name__}.{name} is no sentence"
        for ending, unit in UNITS.items():
            if name.endswith(ending):
                assert unit in field.description, f"{model.__name__}.{name} does not say {unit}"


@pytest.mark.parametrize("root", [AgentSettings, ServerSettings, DeviceProfile, EquipmentClass])
def test_every_option_of_a_file_stands_in_the_tables(root: type[Settings]) -> None:
    page = describe()
    for name, field in root.model_fields.items():
        assert f"| `{field.alias or name}` |" in page


def test_the_examples_load_as_they_are_delivered() -> None:
    gateway = load_agent(EXAMPLES / "agent.yaml")
    assert gateway.devices["pump-1"].equipment_class == "heating_pump"
    assert load_server(EXAMPLES / "server.yaml").http.port == 8080


def test_the_example_of_people_leaves_no_hour_without_anybody() -> None:
    people = load_people(EXAMPLES / "people.yaml")
    assert set(people.policies) == {"heating-urgent"}
    assert not people.rosters["house"].accept_gaps


def test_the_delivered_server_example_changes_nothing() -> None:
    document = Document.read(EXAMPLES / "server.yaml")
    settings = ServerSettings.model_validate_json(document.json, strict=True)
    assert settings == ServerSettings()


def test_the_examples_load_with_every_option_uncommented(tmp_path: Path) -> None:
    gateway = load_agent(uncommented_file("agent.yaml", tmp_path))
    lines = {"line-1", "line-2", "meters", "flow-meters", "m-bus", "doors"}
    assert set(gateway.settings.ports) == {"plc", "fire", "network", *lines}
    assert gateway.devices["pump-1"].points["serial_number"].length == 8
    server = tmp_path / "server.yaml"
    server.write_text(uncommented("server.yaml"), "utf-8")
    assert [webhook.name for webhook in load_server(server).messages.webhooks] == ["duty-room"]


@pytest.mark.parametrize(
    ("name", "root"),
    [
        ("agent.yaml", AgentSettings),
        ("server.yaml", ServerSettings),
        ("people.yaml", PeopleFile),
    ],
)
def test_the_examples_name_every_option(name: str, root: type[Settings], tmp_path: Path) -> None:
    document = Document.read(uncommented_file(name, tmp_path))
    named: dict[type[Settings], set[str]] = {}
    for one in settings_in(root.model_validate_json(document.json, strict=True)):
        named.setdefault(type(one), set()).update(one.model_fields_set)
    for model, options in named.items():
        if issubclass(model, MeterLine):
            # Where a line is stands in one of two ways; each is shown.
            options |= {"device", "host", "port"}
        assert options == set(model.model_fields), model.__name__
    assert len(named) > 5


@pytest.mark.parametrize(
    ("name", "root"), [("agent.yaml", AgentSettings), ("server.yaml", ServerSettings)]
)
def test_a_commented_option_shows_its_default(
    name: str, root: type[Settings], tmp_path: Path
) -> None:
    document = Document.read(uncommented_file(name, tmp_path))
    shown = root.model_validate_json(document.json, strict=True)
    for one in settings_in(shown):
        # Registers and linkages differ from site to site; their options are shown in use.
        placed = isinstance(one, Reporting)
        if placed or type(one).__name__ in {"Writable", "Time", "Linkage"}:
            continue
        for option, field in type(one).model_fields.items():
            default = field.get_default()
            empty = default is None or default is PydanticUndefined or default in ((), {}, "")
            if not empty and not isinstance(default, Settings):
                assert getattr(one, option) == default, f"{type(one).__name__}.{option}"


@pytest.mark.size(3, 1)
def test_one_deleted_character_in_an_example_never_ends_in_a_traceback(
    tmp_path: Path, size: int
) -> None:
    """Each ``size``-th character."""
    text = (EXAMPLES / "agent.yaml").read_text("utf-8")
    body = "\n".join(line for line in text.splitlines() if line and not line.startswith("#"))
    path = tmp_path / "agent.yaml"
    refused = accepted = 0
    places = range(0, len(body), size)
    for at in places:
        path.write_text(body[:at] + body[at + 1 :], "utf-8")
        try:
            load_agent(path)
        except ConfigError as error:
            refused += str(error).startswith(str(path))
        else:
            accepted += 1
    # A deleted letter of a comment or a name is no mistake; everything else is told with its file.
    assert refused + accepted == len(places)
    assert refused > len(places) / 4


def test_every_kind_of_condition_has_its_row_in_the_document_of_alarms() -> None:
    text = (ROOT / "docs" / "alarms.md").read_text("utf-8")
    assert [kind for kind in KINDS if f"\n| `{kind}` | " not in text] == []
