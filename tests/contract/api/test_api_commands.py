"""Equipment is commanded over HTTP: by whom it may be, with what, and what is seen of it."""

import json
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from protocols.reading import Value
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import PROPERTY_BY
from protocols.sparkplug.payload import decode_payload, parse
from server.assets.model import Equipment, Point
from server.commands.model import Command
from server.commands.sender import CommandSender, answers
from server.commands.service import due, give
from server.core.errors import InvalidError
from server.core.model import Event
from tests.contract.api.conftest import Api

WISH = {"value": 42.5, "reason": "cold flats on the top floor"}
MINUTE = 60_000


class Broker:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.up = True

    def publish(self, topic: str, payload: bytes) -> None:
        self.published.append((topic, payload))


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def sender(api: Api, broker: Broker) -> CommandSender:
    return CommandSender(
        api.records, publish=broker.publish, connected=lambda: broker.up, clock=api.clock
    )


@pytest.fixture
def pressure(api: Api, pump: Equipment) -> Point:
    """A point that takes 0 to 100."""

    def make_writable(session: Session) -> Point:
        point = session.scalars(select(Point).where(Point.name == "pressure")).one()
        point.writable, point.minimum, point.maximum = True, 0.0, 100.0
        return point

    del pump
    return api.records.write(make_writable)


def given(api: Api, point: Point, **options: str) -> dict[str, Any]:
    answer = api.post(f"/points/{point.id}/commands", WISH, **options)
    assert answer.status_code == 202, answer.text
    return answer.json()


def said(api: Api, command: dict[str, Any], status: str = "done", **more: Value) -> tuple[int, str]:
    key = api.records.read(lambda session: session.get_one(Command, command["id"]).key)
    return command["equipment_id"], json.dumps({"id": key, "status": status, **more})


def events(api: Api, topic: str) -> list[Event]:
    query = select(Event).where(Event.topic == topic).order_by(Event.id)
    return list(api.records.read(lambda session: session.scalars(query).all()))


async def test_a_command_travels_to_the_gateway_and_its_result_back(
    api: Api, pressure: Point, sender: CommandSender, broker: Broker
) -> None:
    command = given(api, pressure)
    assert (command["state"], command["asked_by"]) == ("asked", "operator")
    assert await sender.send() == 1
    topic, payload = broker.published[0]
    assert topic == "spBv1.0/garden/DCMD/gw1/pump2"
    metric = decode_payload(payload).metrics[0]
    assert (metric.name, metric.value, metric.reason) == ("pressure", 42.5, WISH["reason"])
    assert metric.properties == {PROPERTY_BY: "operator"}
    assert api.get(f"/commands/{command['id']}").json()["state"] == "sent"

    answers(api.records, api.clock)([said(api, command, before=30.0, after=42.5)])
    shown = api.get(f"/commands/{command['id']}").json()
    assert (shown["state"], shown["before"], shown["after"]) == ("done", 30.0, 42.5)
    assert [event.kind for event in events(api, "commands")] == ["command.asked", "command.settled"]
    assert events(api, "commands")[-1].payload["state"] == "done"
    assert [
        (event.kind, event.by, event.payload["reason"])
        for event in events(api, "audit")
        if event.kind == "command.given"
    ] == [("command.given", "operator", WISH["reason"])]


def test_a_viewer_commands_nothing(api: Api, pressure: Point) -> None:
    assert api.post(f"/points/{pressure.id}/commands", WISH, who="viewer").status_code == 403
    assert api.get("/commands").json()["items"] == []


def test_an_idempotency_key_gives_one_command(api: Api, pressure: Point) -> None:
    first = given(api, pressure, Idempotency_Key="k1")
    assert given(api, pressure, Idempotency_Key="k1")["id"] == first["id"]
    assert len(api.get("/commands").json()["items"]) == 1


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"value": 101, "reason": "x"}, 422),
        ({"value": "on", "reason": "x"}, 422),
        ({"value": True, "reason": "x"}, 422),
        ({"value": None, "reason": "x"}, 422),
        ({"value": 5}, 422),
        ({"value": 5, "reason": ""}, 422),
        ({"value": 5, "reason": "x", "force": True}, 422),
    ],
)
def test_a_wrong_wish_is_refused(
    api: Api, pressure: Point, wish: dict[str, Any], status: int
) -> None:
    assert api.post(f"/points/{pressure.id}/commands", wish).status_code == status
    assert api.get("/commands").json()["items"] == []


def test_a_value_that_no_payload_takes_leaves_no_command_for_who_goes_on(
    api: Api, pressure: Point
) -> None:
    def go_on(session: Session) -> None:
        point = session.get_one(Point, pressure.id)
        point.datatype, point.maximum = DataType.UINT8, None
        with pytest.raises(InvalidError, match="300"):
            give(session, point, 300, reason="x", by="operator", at=api.clock.now_ms())

    api.records.write(go_on)
    assert api.get("/commands").json()["items"] == []


def test_what_cannot_be_commanded_is_refused_at_once(api: Api, pressure: Point) -> None:
    query = select(Point.id).where(Point.name == "fault")
    fault = api.records.read(lambda session: session.scalars(query).one())
    refused = api.post(f"/points/{fault}/commands", WISH)
    assert refused.status_code == 409
    assert "read only" in refused.json()["detail"]

    def take_away(session: Session) -> None:
        row = session.get_one(Equipment, pressure.equipment_id)
        row.online, row.reason = False, "timeout"

    api.records.write(take_away)
    refused = api.post(f"/points/{pressure.id}/commands", WISH)
    assert refused.status_code == 409
    assert "does not answer (timeout)" in refused.json()["detail"]
    assert api.post("/points/9999/commands", WISH).status_code == 404


async def test_it_is_sent_again_with_the_same_key_until_it_is_answered(
    api: Api, pressure: Point, sender: CommandSender, broker: Broker
) -> None:
    command = given(api, pressure)
    for _ in range(3):
        await sender.send()
        api.clock.ms += 3_100
    assert len(broker.published) == 3
    assert len(set(broker.published)) == 1
    answers(api.records, api.clock)([said(api, command, "refused", reason="too soon")])
    await sender.send()
    assert len(broker.published) == 3
    shown = api.get(f"/commands/{command['id']}").json()
    assert (shown["state"], shown["refusal"]) == ("refused", "too soon")


async def test_without_an_answer_it_is_given_up_and_a_late_one_still_counts(
    api: Api, pressure: Point, sender: CommandSender
) -> None:
    command = given(api, pressure)
    await sender.send()
    api.clock.ms += MINUTE
    await sender.send()
    assert api.get(f"/commands/{command['id']}").json()["state"] == "unanswered"
    answers(api.records, api.clock)([said(api, command, after=42.5)])
    assert api.get(f"/commands/{command['id']}").json()["state"] == "done"


async def test_what_never_left_expires(
    api: Api, pressure: Point, sender: CommandSender, broker: Broker
) -> None:
    broker.up = False
    command = given(api, pressure)
    assert await sender.send() == 0
    broker.up = True
    api.clock.ms += MINUTE
    assert await sender.send() == 0
    assert api.get(f"/commands/{command['id']}").json()["state"] == "expired"
    assert broker.published == []


@pytest.mark.long
def test_what_is_due_is_read_in_pages_and_those_of_others_are_passed_over(
    api: Api, pressure: Point
) -> None:
    def write(session: Session) -> list[int]:
        equipment = session.get_one(Equipment, pressure.equipment_id)
        other = Equipment(
            key="garden/gw2/pump9",
            **{name: getattr(equipment, name) for name in ("site_id", "gateway_id")},
            **dict.fromkeys(("equipment_class", "profile", "name_en", "name_zh"), "x"),
            online=True,
            since_at=api.clock.ms,
        )
        session.add(other)
        session.flush()
        for _ in range(350):
            give(session, pressure, 1.0, reason="test", by="li", at=api.clock.ms)
        session.execute(update(Command).where(Command.id <= 120).values(equipment_id=other.id))
        session.flush()
        session.expunge_all()
        parcels = due(session, api.clock.ms, owns=lambda key: key == "garden/gw1/pump2")
        assert sum(isinstance(one, Command) for one in session.identity_map.values()) <= 300
        return [one.command_id for one in parcels]

    assert api.records.write(write) == list(range(121, 221))


async def test_a_point_that_was_born_anew_and_takes_the_value_no_more_holds_up_no_other(
    api: Api, pressure: Point, sender: CommandSender, broker: Broker
) -> None:
    def born(datatype: DataType) -> None:
        def write(session: Session) -> None:
            session.get_one(Point, pressure.id).datatype = datatype

        api.records.write(write)

    wish = WISH | {"value": "80"}
    born(DataType.INT16)
    held = api.post(f"/points/{pressure.id}/commands", wish).json()
    born(DataType.BOOLEAN)
    assert await sender.send() == 0
    born(DataType.DOUBLE)
    given(api, pressure)
    assert await sender.send() == 1
    api.clock.ms += MINUTE
    await sender.send()
    assert len(broker.published) == 1
    shown = api.get(f"/commands/{held['id']}").json()
    assert shown["state"] == "expired"
    assert "80" in shown["refusal"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "not json",
        '{"id": 5, "status": "done"}',
        '{"id": "\\u0000", "status": "done"}',
        '{"id": "\\ud800", "status": "done"}',
        '{"id": "x", "status": ["done"]}',
        '{"id": "x", "status": "done", "after": NaN}',
        pytest.param("[" * 9999, id="deep"),
    ],
)
def test_nonsense_from_a_gateway_settles_nothing(api: Api, pressure: Point, text: str) -> None:
    command = given(api, pressure)
    answers(api.records, api.clock)([(pressure.equipment_id, text)])
    assert api.get(f"/commands/{command['id']}").json()["state"] == "asked"


def test_a_reason_that_no_database_takes_is_kept_as_far_as_it_can_be_read(
    api: Api, pressure: Point
) -> None:
    command = given(api, pressure)
    equipment, text = said(api, command, "failed")
    text = json.dumps(json.loads(text) | {"reason": "no \0 answer \ud800, 线路"})
    answers(api.records, api.clock)([(equipment, text)])
    assert api.get(f"/commands/{command['id']}").json()["refusal"] == "no   answer  , 线路"


def test_only_the_equipment_that_was_asked_answers_and_only_once(api: Api, pressure: Point) -> None:
    command = given(api, pressure)
    take = answers(api.records, api.clock)
    equipment, text = said(api, command)
    take([(equipment + 1, text), (equipment, text), said(api, command, "failed")])
    assert api.get(f"/commands/{command['id']}").json()["state"] == "done"
    assert len(events(api, "commands")) == 2


def test_commands_of_a_point_are_listed_newest_first(api: Api, pressure: Point) -> None:
    ids = [given(api, pressure)["id"] for _ in range(3)]
    listed = api.get("/commands", point=pressure.key).json()["items"]
    assert [one["id"] for one in listed] == ids[::-1]
    points = api.get("/points", equipment="garden/gw1/pump2").json()["items"]
    assert [(one["name"], one["writable"], one["maximum"]) for one in points] == [
        ("fault", False, None),
        ("pressure", True, 100.0),
    ]


async def test_a_metric_born_with_an_alias_is_named_by_it_alone(
    api: Api, broker: Broker, pressure: Point
) -> None:
    asked: list[tuple[str, str]] = []

    def alias_of(equipment: str, point: str) -> int:
        asked.append((equipment, point))
        return 17

    sender = CommandSender(
        api.records,
        publish=broker.publish,
        connected=lambda: True,
        clock=api.clock,
        alias_of=alias_of,
    )
    given(api, pressure)
    assert await sender.send() == 1
    (metric,) = parse(broker.published[0][1]).metrics
    assert (metric.alias, metric.name, metric.HasField("datatype")) == (17, "", False)
    assert metric.double_value == WISH["value"]
    assert asked == [("garden/gw1/pump2", "pressure")]
