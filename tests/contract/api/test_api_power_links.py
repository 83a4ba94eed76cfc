"""Who feeds whom, and what means that a feeder has no power."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy.orm import Session

from config.load import load_classes
from server.assets.model import Equipment
from tests.contract.api.conftest import Api

if TYPE_CHECKING:
    from fastapi import FastAPI

BOARD, PUMP = "garden/gw1/board", "garden/gw1/pump2"
LINK = {"feeder": BOARD, "equipment": PUMP, "cause": "phase_lost"}


@pytest.fixture
def plant(api: Api, pump: Equipment) -> Api:
    """A pump, and the meter of the board that feeds it."""

    def add(session: Session) -> None:
        session.add(
            Equipment(
                key=BOARD,
                site_id=pump.site_id,
                gateway_id=pump.gateway_id,
                equipment_class="electricity_meter",
                profile="",
                name_en="Board",
                name_zh="配电箱",
                online=True,
                since_at=0,
            )
        )

    api.records.write(add)
    services = replace(api.services, classes=load_classes())
    cast("FastAPI", api.client.app).state.services = services
    return replace(api, services=services)


def refusal(api: Api, **changes: str) -> dict[str, Any]:
    answer = api.post("/power-links", LINK | changes)
    assert answer.status_code == 422, answer.text
    return answer.json()["errors"][0]


def test_a_feeder_is_linked_to_what_it_supplies(plant: Api) -> None:
    made = plant.post("/power-links", LINK)
    assert made.status_code == 201
    assert made.json()["cause"] == "phase_lost"
    assert made.json()["rules"] == [
        f"electricity_meter.voltage_l{phase}_lost" for phase in (1, 2, 3)
    ]
    again = plant.post("/power-links", LINK | {"cause": "disconnected"}).json()
    assert (again["id"], again["cause"]) == (made.json()["id"], "disconnected")
    assert len(plant.get("/power-links", equipment=PUMP).json()["items"]) == 1
    assert plant.delete(f"/power-links/{again['id']}").status_code == 204
    assert plant.get("/power-links").json()["items"] == []
    kinds = [row["kind"] for row in plant.get("/events", "administrator").json()["items"]]
    assert kinds[0] == "power-link.deleted"


def test_a_cause_that_no_rule_of_the_feeder_has_is_refused_with_those_that_exist(
    plant: Api,
) -> None:
    found = refusal(plant, cause="power_lost")
    assert found["field"] == "body.cause"
    assert "disconnected" in found["message"]
    assert "phase_lost" in found["message"]
    missing = plant.post("/power-links", {"feeder": BOARD, "equipment": PUMP})
    assert missing.json()["errors"][0]["field"] == "body.cause"


def test_feeders_in_a_circle_are_refused(plant: Api) -> None:
    assert refusal(plant, equipment=BOARD)["field"] == "body.equipment"
    assert plant.post("/power-links", LINK).status_code == 201
    back = refusal(plant, feeder=PUMP, equipment=BOARD, cause="pump_stopped")
    assert "circle" in back["message"]
    assert plant.post("/power-links", LINK | {"feeder": "nothing"}).status_code == 404


def test_a_link_whose_rules_were_switched_off_shows_that_it_explains_nothing(plant: Api) -> None:
    plant.post("/power-links", LINK)
    for phase in (1, 2, 3):
        answer = plant.client.put(
            f"/api/v1/alarm-rules/electricity_meter.voltage_l{phase}_lost",
            params={"equipment": BOARD},
            json={"changes": {"enabled": False}, "reason": "measured elsewhere"},
            headers=plant.bearer("administrator") | {"If-Match": '"0"'},
        )
        assert answer.status_code == 200
    assert plant.get("/power-links").json()["items"][0]["rules"] == []
