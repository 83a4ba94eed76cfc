"""An alarm of life safety never hides behind one that somebody has answered."""

import pytest

from config.classes import EquipmentClass
from server.incidents.model import Incident
from server.messages.model import Message
from tests.contract.chain.test_chain_shelving import variant
from tests.fakes.duty_house import MINUTE_S, called, history, load, messages, pass_time, staff, take
from tests.fakes.house import House
from tests.fakes.pump_room import PUMP, sample


def both() -> dict[str, EquipmentClass]:
    """``fault`` and ``manual`` are of life safety, equally grave and of one cause."""
    content = PUMP.model_dump(mode="json", by_alias=True)
    for rule in ("fault", "manual"):
        content["rules"][rule] |= {"severity": "urgent", "cause": "fire", "life_safety": True}
    return {"pump": EquipmentClass.model_validate(content, strict=False)}


@pytest.fixture
def panel(house: House) -> House:
    house.classes = both()
    house.restart()
    load(house, staff())
    return house


def first(panel: House) -> None:
    panel.see("fault", value=True, at=0)


def second(panel: House, after_s: float = 60) -> None:
    panel.clock.advance(after_s)
    panel.see("mode", 2, at=(panel.clock.now_ms() - panel.start) / 1000)


def to_the_house(panel: House) -> list[str]:
    return [row.payload["alarm"]["rule"] for row in panel.all(Message) if row.receiver == "duty"]


@pytest.mark.parametrize("answered", [True, False])
def test_a_second_one_is_told_with_its_own_words_whether_the_first_was_answered(
    panel: House,
    answered: bool,  # noqa: FBT001 (two cases)
) -> None:
    first(panel)
    if answered:
        take(panel)
    second(panel)
    assert to_the_house(panel) == ["pump.fault", "pump.manual"]
    assert called(panel) == [("Wang", 0.0), ("Wang", 60.0)]
    assert messages(panel)[-1].payload["alarm"]["rule"] == "pump.manual"
    (incident,) = panel.all(Incident)
    assert incident.acknowledged_at is None
    pass_time(panel, 10 * MINUTE_S)
    assert called(panel)[-1] == ("Li", 360.0)


def test_those_of_one_moment_are_one_announcement(panel: House) -> None:
    at = panel.clock.now_ms()
    panel.pipeline.on_samples(
        [sample(panel.series["fault"], value=True, at=at), sample(panel.series["mode"], 2, at)]
    )
    assert to_the_house(panel) == ["pump.fault"]
    assert called(panel) == [("Wang", 0.0)]
    assert [kind for kind, _ in history(panel)] == ["opened"]


def test_a_new_one_is_told_when_an_old_one_that_nobody_saw_keeps_the_incident_open(
    panel: House,
) -> None:
    first(panel)
    second(panel)
    panel.walk("accepted")
    panel.acknowledge(1)
    panel.see("fault", value=False, at=70)
    panel.see("mode", 1, at=70)
    (incident,) = panel.all(Incident)
    assert (incident.acknowledged_by, incident.closed_at) == ("wang", None)
    panel.clock.advance(86_400)
    panel.see("fault", value=True, at=86_460)
    assert to_the_house(panel) == ["pump.fault", "pump.manual", "pump.fault"]
    assert called(panel)[-1] == ("Wang", 86_460.0)
    assert panel.all(Incident)[0].acknowledged_at is None


def test_one_that_comes_again_is_told_after_an_answer_and_not_while_people_are_called(
    panel: House,
) -> None:
    first(panel)
    for at in (60, 70):
        panel.clock.advance(at - (panel.clock.now_ms() - panel.start) / 1000)
        panel.see("fault", value=at == 70, at=at)
    assert called(panel) == [("Wang", 0.0)]
    panel.walk("accepted")
    for at in (80, 90):
        panel.clock.advance(at - (panel.clock.now_ms() - panel.start) / 1000)
        panel.see("fault", value=at == 90, at=at)
    assert called(panel) == [("Wang", 0.0), ("Wang", 90.0)]
    assert to_the_house(panel) == ["pump.fault"] * 2


def test_what_is_not_of_life_safety_joins_as_before(house: House) -> None:
    house.classes = variant("manual", severity="urgent", cause="motor")
    house.restart()
    load(house, staff())
    first(house)
    take(house)
    second(house)
    assert called(house) == [("Wang", 0.0)]
    assert to_the_house(house) == ["pump.fault"]
