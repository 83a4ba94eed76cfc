"""What a command waits for is told before it is asked: the interlock, and whether it holds now."""

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from protocols.reading import Quality, Value
from server.assets.ledger import EquipmentBirth, PointBirth
from server.assets.model import Equipment
from tests.contract.api.conftest import Api
from tests.fakes.seen_queries import seen_queries

if TYPE_CHECKING:
    from server.assets.series import Series

TEXT = "direction == 'stopped' and not {panel.fire}"


class Lift:
    """A lift whose power may be cut while it stands and nothing burns."""

    def __init__(self, api: Api, *interlocks: str) -> None:
        self.api = api
        powers = (
            PointBirth(
                "power" if not number else f"power_{number}",
                20 + number,
                "",
                "Power",
                "电源",
                None,
                writable=True,
                interlock=interlock,
            )
            for number, interlock in enumerate(interlocks or (TEXT,))
        )
        lift = (*powers, PointBirth("direction", 12, "", "Direction", "方向", 60_000))
        panel = (PointBirth("fire", 11, "", "Fire", "火警", None),)
        self.series: dict[str, Series] = {}
        for device, points in (("lift", lift), ("panel", panel)):
            birth = EquipmentBirth("garden", "gw1", device, "x", "y", "N", "名", points)
            [asset] = api.registry.born(birth)
            self.series |= asset.series
        api.records.write(lambda session: session.execute(update(Equipment).values(online=True)))

    def say(self, name: str, value: Value, quality: Quality = Quality.GOOD) -> None:
        series = self.series[name]
        series.last_value, series.last_quality = value, quality
        series.last_at = series.seen_at = self.api.clock.now_ms()

    def power(self) -> dict[str, Any]:
        points = self.api.get("/equipment/1").json()["points"]
        return next(one for one in points if one["name"] == "power")


@pytest.mark.parametrize(
    ("direction", "fire", "holds"),
    [
        ("stopped", False, True),
        ("up", False, False),
        ("stopped", True, False),
        ("stopped", None, None),
        ("up", None, False),
    ],
)
def test_whether_it_holds_is_told_with_it(
    api: Api,
    direction: str,
    fire: bool | None,  # noqa: FBT001 (a case)
    holds: bool | None,  # noqa: FBT001 (a case)
) -> None:
    lift = Lift(api)
    lift.say("direction", direction)
    lift.say("fire", fire, Quality.BAD if fire is None else Quality.GOOD)
    assert (lift.power()["interlock"], lift.power()["interlock_holds"]) == (TEXT, holds)


def test_a_value_that_is_too_old_decides_nothing(api: Api) -> None:
    lift = Lift(api)
    lift.say("direction", "stopped")
    lift.say("fire", value=False)
    api.clock.ms += 600_000
    assert lift.power()["interlock_holds"] is None


def test_one_over_points_that_nobody_has_declared_is_unknown(api: Api) -> None:
    assert Lift(api, "not {valve.open}").power()["interlock_holds"] is None


def test_several_are_told_by_one_look_at_the_gateways_points(api: Api) -> None:
    seen: list[int] = []
    for count in (1, 4):
        lift = Lift(api, *("not {panel.fire}", "{panel.fire}", TEXT, "not {valve.open}")[:count])
        lift.say("fire", value=False)
        with seen_queries(api.records.engine) as queries:
            points = {one["name"]: one for one in api.get("/equipment/1").json()["points"]}
        seen.append(len(queries))
    told = [points[name]["interlock_holds"] for name in ("power", "power_1", "power_3")]
    assert told == [True, False, None]
    assert seen[0] == seen[1]


def test_a_command_without_one_has_none(api: Api) -> None:
    power = Lift(api, "").power()
    assert (power["interlock"], power["interlock_holds"]) == ("", None)
