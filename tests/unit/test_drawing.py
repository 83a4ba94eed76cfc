"""Which equipment a schematic shows, and where its shapes stand."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.load import load_classes
from config.load_server import load_schematics
from config.schematics import Schematic
from config.server import ServerSettings
from server.assets.drawing import Picture, draw
from server.assets.model import Equipment

CLASSES = load_classes()
PACKAGED = load_schematics(ServerSettings(), CLASSES)


def unit(number: int, kind: str, gateway: int = 1) -> Equipment:
    key = f"garden/gw{gateway}/{kind}-{number}"
    return Equipment(id=number, key=key, gateway_id=gateway, equipment_class=kind)


PUMPS = [unit(number, "heating_pump") for number in (1, 2, 3)]
STRANGER = unit(4, "heating_pump", gateway=2)
METER = unit(5, "heat_meter")
ALL = [METER, *PUMPS, STRANGER]


def schematic(pump: dict[str, Any], **more: Any) -> Schematic:
    content: dict[str, Any] = {
        "schematic": "x",
        "name": {"en": "x", "zh": "x"},
        "width": 100,
        "height": 80,
        "equipment": {"pump": {"class": "heating_pump", **pump}},
        "shapes": [
            {"kind": "text", "at": [5, 5], "text": {"en": "x", "zh": "x"}},
            {"kind": "pump", "at": [50, 50], "equipment": "pump", "run": "run"},
        ],
    }
    return Schematic.model_validate(content | more)


def drawn(picture: Picture) -> list[tuple[int | None, tuple[float, float]]]:
    return [(one.equipment_id, one.moved) for one in picture.shapes]


def test_each_of_a_class_is_drawn_beside_the_other_and_the_picture_grows() -> None:
    picture = draw(schematic({"each": {"step": [0, 30]}}), PUMPS[0], ALL)
    assert drawn(picture) == [(None, (0, 0)), (1, (0, 0)), (2, (0, 30)), (3, (0, 60))]
    assert (picture.width, picture.height) == (100, 140)
    few = draw(schematic({"each": {"step": [40, 0], "most": 2}}), PUMPS[0], ALL)
    assert [one.equipment_id for one in few.shapes] == [None, 1, 2]
    assert (few.width, few.height) == (140, 80)


@pytest.mark.parametrize(
    ("pump", "found"),
    [
        ({}, [1]),
        ({"number": 3}, [3]),
        ({"number": 4}, []),
        ({"number": 4, "within": "site"}, [4]),
        ({"key": "garden/gw2/heating_pump-4"}, [4]),
        ({"key": "garden/gw2/none"}, []),
    ],
    ids=str,
)
def test_equipment_is_found_by_its_key_or_its_number(
    pump: dict[str, Any], found: list[int]
) -> None:
    picture = draw(schematic(pump), PUMPS[0], ALL)
    assert list(picture.equipment) == found
    assert [one.equipment_id for one in picture.shapes] == [None, *found]


def test_of_a_station_without_a_controller_pumps_and_meter_are_drawn() -> None:
    picture = draw(PACKAGED["heating-station"], METER, ALL)
    assert set(picture.equipment) == {1, 2, 3, 5}
    shown = [(one.shape.kind, one.equipment_id) for one in picture.shapes]
    assert [owner for kind, owner in shown if kind == "pump"] == [1, 2, 3]
    assert "tank" not in dict(shown)
    assert picture.height == PACKAGED["heating-station"].height + 2 * 104


def test_a_packaged_schematic_never_draws_outside_of_its_picture() -> None:
    many = [unit(number, "elevator") for number in range(1, 20)]
    picture = draw(PACKAGED["lift-group"], many[0], many)
    assert len(picture.equipment) == 12
    for one in picture.shapes:
        at = getattr(one.shape, "at", (0, 0))
        assert at[0] + one.moved[0] < picture.width
        assert at[1] + one.moved[1] < picture.height


def test_the_example_of_the_page_is_right(tmp_path: Path) -> None:
    page = Path("docs/schematics.md").read_text(encoding="utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "booster-1.yaml").write_text(text, encoding="utf-8")
    settings = ServerSettings(schematic_files=tmp_path)
    assert load_schematics(settings, CLASSES)["booster-1"].sites == ("riverside",)


def test_the_schematics_of_the_demo_are_right() -> None:
    settings = ServerSettings(schematic_files=Path("simulators/schematics"))
    assert load_schematics(settings, CLASSES).keys() == {*PACKAGED, "house-a"}


def test_a_schematic_does_not_change_after_loading() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PACKAGED["lift-group"].width = 5
