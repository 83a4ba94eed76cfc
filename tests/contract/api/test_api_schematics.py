"""Schematics over HTTP: what they show of whom, for whom, and the stream of their values."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.load import load_classes
from config.load_server import load_schematics
from config.server import ServerSettings
from protocols.reading import Quality
from protocols.sparkplug.datatypes import DataType
from server.access.roles import Role
from server.access.tokens import create_token
from server.access.users import Rights, create_user
from server.api.feed import EventFeed
from server.assets.model import Equipment, Point
from tests.contract.api.conftest import HASH, NOW, Api
from tests.contract.api.test_api_stream import feed, streaming
from tests.fakes.assets import add_equipment

__all__ = ["feed"]

CLASSES = load_classes()
OWN = """\
schematic: cellar
name: {en: Cellar, zh: 地下室}
sites: [garden]
replaces: [heating-station]
width: 300
height: 200
equipment:
  pump: {class: heating_pump, key: garden/gw1/pump2}
shapes:
  - {kind: pump, at: [100, 100], equipment: pump, fault: fault}
"""
POINTS = {
    "pump1": ("heating_pump", ("run", "frequency")),
    "pump2": ("heating_pump", ("run", "fault", "current")),
    "lift": ("elevator", ("floor", "door_open")),
    "meter": ("heat_meter", ("flow",)),
}


def _fill(session: Session) -> dict[str, int]:
    first = add_equipment(session, "garden/gw1/sump", at=NOW, equipment_class="drainage")
    found = {"sump": first.id}
    for name, (kind, points) in POINTS.items():
        unit = Equipment(
            key=f"garden/gw1/{name}",
            site_id=first.site_id,
            gateway_id=first.gateway_id,
            equipment_class=kind,
            profile="",
            name_en=name.title(),
            name_zh=name,
            online=True,
            since_at=NOW,
        )
        session.add(unit)
        session.flush()
        found[name] = unit.id
        for point in points:
            session.add(
                Point(
                    key=f"{unit.key}/{point}",
                    equipment_id=unit.id,
                    name=point,
                    datatype=DataType.DOUBLE,
                    unit="Hz" if point == "frequency" else "",
                    name_en=point,
                    name_zh=point,
                )
            )
    return found


@pytest.fixture
def ids(api: Api) -> dict[str, int]:
    """A cellar with two pumps, a meter, a lift and a sump, and the packaged schematics."""
    _draw(api, ServerSettings())
    made = api.records.write(_fill)
    api.registry.load()
    return made


def _draw(api: Api, settings: ServerSettings) -> None:
    object.__setattr__(api.services, "schematics", load_schematics(settings, CLASSES))


def schematics(api: Api, unit: int, who: str = "operator") -> dict[str, dict[str, Any]]:
    answer = api.get(f"/equipment/{unit}/schematics", who)
    assert answer.status_code == 200, answer.text
    return {one["schematic"]: one for one in answer.json()["items"]}


def names(equipment: Iterable[dict[str, Any]]) -> list[str]:
    return [one["key"].rpartition("/")[2] for one in equipment]


def read(api: Api, point: str, value: float, quality: Quality = Quality.GOOD) -> int:
    (series,) = (one for one in api.registry.series() if one.key == f"garden/gw1/{point}")
    series.last_value, series.last_quality = value, quality
    series.last_at = series.seen_at = NOW
    return series.id


def test_equipment_has_the_pictures_that_show_it(api: Api, ids: dict[str, int]) -> None:
    pictures = schematics(api, ids["pump2"])
    assert list(pictures) == ["heating-station"]
    station = pictures["heating-station"]
    assert names(station["equipment"]) == ["meter", "pump1", "pump2"]
    pumps = [one for one in station["shapes"] if one["shape"]["kind"] == "pump"]
    assert [one["equipment_id"] for one in pumps] == [ids["pump1"], ids["pump2"]]
    assert pumps[1]["moved"] == [0, 104]
    assert list(schematics(api, ids["lift"])) == ["lift-group"]
    assert schematics(api, ids["sump"]) == {}
    assert api.get("/equipment/99/schematics").status_code == 404


def test_a_unit_has_the_points_that_its_shapes_show_with_their_last_values(
    api: Api, ids: dict[str, int]
) -> None:
    read(api, "pump1/frequency", 38.2)
    read(api, "pump2/run", 1, Quality.BAD)
    units = schematics(api, ids["meter"])["heating-station"]["equipment"]
    shown = {one["key"]: one for unit in units for one in unit["points"]}
    # The current of a pump is no part of this picture.
    assert set(shown) == {
        *("garden/gw1/pump1/run", "garden/gw1/pump1/frequency"),
        *("garden/gw1/pump2/run", "garden/gw1/pump2/fault", "garden/gw1/meter/flow"),
    }
    frequency = shown["garden/gw1/pump1/frequency"]
    assert (frequency["live"]["value"], frequency["live"]["quality"]) == (38.2, "good")
    assert frequency["unit"] == "Hz"
    assert shown["garden/gw1/pump2/run"]["live"]["quality"] == "bad"


def test_what_is_gone_is_not_drawn(api: Api, ids: dict[str, int]) -> None:
    def remove(session: Session) -> None:
        session.get_one(Equipment, ids["pump1"]).removed_at = NOW
        point = select(Point).where(Point.key == "garden/gw1/pump2/fault")
        session.scalars(point).one().removed_at = NOW

    api.records.write(remove)
    station = schematics(api, ids["meter"])["heating-station"]
    assert names(station["equipment"]) == ["meter", "pump2"]
    assert [one["name"] for one in station["equipment"][1]["points"]] == ["run"]
    assert schematics(api, ids["pump1"]) == {}


def test_a_site_has_its_own_in_place_of_a_packaged_one(
    api: Api, ids: dict[str, int], tmp_path: Path
) -> None:
    own = tmp_path / "schematics"
    own.mkdir()
    (own / "cellar.yaml").write_text(OWN)
    _draw(api, ServerSettings(schematic_files=own))
    pictures = schematics(api, ids["pump2"])
    assert list(pictures) == ["cellar"]
    assert pictures["cellar"]["name_zh"] == "地下室"
    # It does not show the other pump, which keeps the packaged one.
    assert list(schematics(api, ids["pump1"])) == ["heating-station"]
    (own / "cellar.yaml").write_text(OWN.replace("[garden]", "[lakeside]"))
    _draw(api, ServerSettings(schematic_files=own))
    assert list(schematics(api, ids["pump2"])) == ["heating-station"]


def test_what_is_outside_of_somebodys_scope_is_not_in_the_picture(
    api: Api, ids: dict[str, int]
) -> None:
    def hire(session: Session) -> str:
        rights = Rights(Role.CONTRACTOR, equipment=["garden/gw1/pump2"])
        user = create_user(
            session, name="maker", password_hash=HASH, rights=rights, at=NOW, by="test"
        )
        token, secret = create_token(session, user_id=user.id, name="test", at=NOW, by="test")
        token.last_used_at = NOW
        return secret

    api.tokens["maker"] = api.records.write(hire)
    station = schematics(api, ids["pump2"], "maker")["heating-station"]
    assert names(station["equipment"]) == ["pump2"]
    assert {one["equipment_id"] for one in station["shapes"]} == {None, ids["pump2"]}
    assert api.get(f"/equipment/{ids['pump1']}/schematics", "maker").status_code == 404


async def test_one_stream_tells_the_values_of_several_units(
    api: Api, ids: dict[str, int], feed: EventFeed
) -> None:
    shown = {read(api, "pump1/run", 1), read(api, "pump2/run", 0)}
    read(api, "lift/floor", 3)
    query = f"topics=values&equipment={ids['pump1']}&equipment=garden/gw1/pump2"
    async with streaming(api, query) as client:
        values = [one for one in (await client.event())["data"]["items"] if one["taken_at"]]
        assert {one["point_id"] for one in values} == shown
        api.hub.changed([read(api, "lift/floor", 4), read(api, "pump2/run", 1)])
        api.hub.beat()
        (value,) = (await client.event())["data"]["items"]
        assert value["value"] == 1
    assert api.get("/stream", topics="values", equipment="garden/gw1/none").status_code == 404
    assert feed is api.services.feed
