"""Sites, equipment, points, live values and readings over HTTP."""

from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from protocols.reading import Quality
from server.assets.model import Equipment, Point
from server.assets.state_words import StateWord
from server.core.model import Event
from server.history.base import Batch
from server.incidents.model import Incident
from server.incidents.service import summary
from server.messages.model import Message
from tests.contract.api.conftest import NOW, Api


def _remember(api: Api, *, value: float, seen_at: int) -> None:
    series = api.registry.find(2)
    assert series is not None
    series.last_value, series.last_quality, series.last_reason = value, Quality.GOOD, ""
    series.last_at = series.seen_at = seen_at


def test_equipment_is_listed_and_filtered(api: Api, pump: Equipment) -> None:
    assert [item["key"] for item in api.get("/sites").json()["items"]] == ["garden"]
    assert api.get("/gateways", site="garden").json()["items"][0]["key"] == "garden/gw1"
    assert api.get("/gateways", site="x").json() == {"items": [], "next_cursor": None}
    for params in ({}, {"site": "garden"}, {"class": "heating_pump"}, {"online": "true"}):
        items = api.get("/equipment", **params).json()["items"]
        assert [item["id"] for item in items] == [pump.id]
    for params in ({"site": "x"}, {"class": "elevator"}, {"online": "false"}, {"key": "x"}):
        assert api.get("/equipment", **params).json()["items"] == []


def test_the_words_of_states_are_listed_with_the_classes(api: Api) -> None:
    lists = {one["list"]: one for one in api.get("/classes").json()["code_lists"]}
    fault = lists["elevator_fault"]
    assert fault["words"]["trapped_at_landing"]["zh"] == "平层关人"
    assert fault["numbers"]["platform_b"]["codes"]["7"] == "trapped_at_landing"
    # What is offered when somebody moves a meter's valve.
    valve = lists["meter_valve"]
    assert valve["words"].keys() - valve["reported_only"] == {"open", "closed"}


def put_names(api: Api, site: str, who: str = "administrator", **names: str) -> Response:
    return api.client.put(f"/api/v1/sites/{site}", json=names, headers=api.bearer(who))


def test_an_estate_is_named_once_for_everybody(api: Api, pump: Equipment) -> None:
    named = {"name_zh": "翠湖苑一期", "name_en": "Green Lake"}
    assert api.get("/sites").json()["items"][0]["name_zh"] == ""
    answer = put_names(api, "garden", name_zh=" 翠湖苑一期 ", name_en="Green Lake")
    assert answer.status_code == 200
    assert answer.json() == {
        "id": 1,
        "key": "garden",
        "retire_removed_after_days": None,
        **named,
    }
    assert api.get("/sites").json()["items"] == [answer.json()]
    kinds = api.records.read(lambda session: list(session.scalars(select(Event.kind))))
    assert kinds.count("site.changed") == 1
    fields: dict[str, Any] = {
        "equipment_id": pump.id,
        "cause": "fault",
        "severity": "high",
        "title_en": "",
        "title_zh": "",
        "opened_at": NOW,
    }

    def say(session: Session) -> dict[str, Any]:
        incident = Incident(**fields)
        session.add(incident)
        session.flush()
        return summary(session, incident)

    said = api.records.write(say)
    assert (said["site_key"], said["site_name_zh"]) == ("garden", "翠湖苑一期")
    assert said["site_name_en"] == "Green Lake"


def test_only_an_administrator_names_an_estate_that_exists(api: Api, pump: Equipment) -> None:
    assert pump.id
    assert put_names(api, "garden", "operator", name_zh="x").status_code == 403
    assert put_names(api, "nowhere", name_zh="x").status_code == 404
    assert put_names(api, "garden", name_zh="x" * 61).status_code == 422
    assert put_names(api, "garden", name_zh="x\ny").status_code == 422


def test_equipment_shows_its_points_with_live_values(api: Api, pump: Equipment) -> None:
    _remember(api, value=412.5, seen_at=NOW)
    detail = api.get(f"/equipment/{pump.id}").json()
    assert detail["name_zh"] == "2# 循环泵"
    assert [point["name"] for point in detail["points"]] == ["fault", "pressure"]
    assert detail["points"][0]["live"]["reason"] == "never_seen"
    assert detail["points"][1]["live"] == {
        "point_id": 2,
        "value": 412.5,
        "quality": "good",
        "reason": "",
        "taken_at": "2026-11-22T10:00:00.000Z",
    }


def test_a_point_says_the_words_of_its_states(api: Api, pump: Equipment) -> None:
    def name(session: Session) -> None:
        session.get_one(Point, 2).words = (StateWord("auto", "Automatic", "自动"),)

    api.records.write(name)
    said: list[dict[str, Any]] = [{}, {"auto": {"en": "Automatic", "zh": "自动"}}]
    assert [point["words"] for point in api.get("/points").json()["items"]] == said
    detail = api.get(f"/equipment/{pump.id}").json()
    assert [point["words"] for point in detail["points"]] == said


def test_a_silent_point_is_stale_whatever_it_said_last(api: Api, pump: Equipment) -> None:
    _remember(api, value=412.5, seen_at=NOW - 600_001)
    live = api.get("/values", equipment=pump.key).json()["items"]
    assert [(item["quality"], item["reason"]) for item in live[1:]] == [("stale", "silent")]


def test_the_points_of_equipment_that_went_away_are_stale(api: Api, pump: Equipment) -> None:
    _remember(api, value=412.5, seen_at=NOW)

    def away(session: Session) -> None:
        session.get_one(Equipment, pump.id).online = False

    api.records.write(away)
    live = api.get("/values", equipment=str(pump.id)).json()["items"]
    assert [(item["quality"], item["reason"]) for item in live[1:]] == [("stale", "offline")]


def test_paging_walks_over_everything_once(api: Api, pump: Equipment) -> None:
    first = api.get("/points", equipment=str(pump.id), limit=1).json()
    second = api.get("/points", limit=1, cursor=first["next_cursor"]).json()
    assert [page["items"][0]["name"] for page in (first, second)] == ["fault", "pressure"]
    assert second["next_cursor"] is None


def test_readings_come_as_min_avg_max(api: Api, pump: Equipment) -> None:
    batch = Batch()
    for step in range(10):
        batch.add(2, NOW - 10_000 + step * 1000, float(step))
    batch.add(2, NOW - 500, None, Quality.BAD, "timeout")
    api.history.append(batch)
    answer = api.get(
        "/readings",
        point="garden/gw1/pump2/pressure",
        **{"from": "2026-11-22T09:59:50Z", "to": "2026-11-22T18:00:00+08:00", "buckets": "2"},
    ).json()
    assert answer["point"]["unit"] == "kPa"
    assert answer["from"] == "2026-11-22T09:59:50.000Z"
    assert [(b["min"], b["avg"], b["max"], b["count"]) for b in answer["buckets"]] == [
        (0.0, 2.0, 4.0, 5),
        (5.0, 7.0, 9.0, 5),
    ]
    assert [b["bad_count"] for b in answer["buckets"]] == [0, 1]
    assert pump.id == 1


def test_raw_readings_are_paged_without_gap_or_double(api: Api, pump: Equipment) -> None:
    batch = Batch()
    for step in range(5):
        batch.add(2, NOW - 5000 + step * 1000, step)
    api.history.append(batch)
    seen: list[object] = []
    cursor: str | None = None
    for _ in range(3):
        params = {"cursor": cursor} if cursor else {}
        page = api.get("/readings", point="2", raw="true", limit=2, **params).json()
        seen += [row["value"] for row in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [0, 1, 2, 3, 4]
    assert cursor is None
    assert pump.id == 1


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_may_end_between_readings_of_one_instant(
    api: Api, pump: Equipment, limit: int
) -> None:
    batch = Batch()
    for step in range(6):
        batch.add(2, NOW - 5000 + step // 4, step)
    api.history.append(batch)
    seen: list[object] = []
    params: dict[str, str] = {}
    while True:
        page = api.get("/readings", point="2", raw="true", limit=limit, **params).json()
        assert len(page["items"]) <= limit
        seen += [row["value"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == [0, 1, 2, 3, 4, 5]
    assert pump.id == 1


def test_the_default_range_is_the_last_day_up_to_now(api: Api, pump: Equipment) -> None:
    batch = Batch()
    batch.add(1, NOW - 86_500_000, value=False)
    batch.add(1, NOW, value=True)
    api.history.append(batch)
    rows = api.get("/readings", point="1", raw="true").json()["items"]
    assert [row["value"] for row in rows] == [True]
    assert pump.id == 1


def test_a_dead_message_is_sent_again_once(api: Api) -> None:
    def add(session: Session) -> None:
        session.add(
            Message(
                key="k",
                channel="webhook",
                receiver="hook",
                kind="incident.opened",
                severity="urgent",
                incident_id=7,
                payload={"title": "Pump 2"},
                state="dead",
                created_at=NOW,
                next_attempt_at=NOW,
                attempts=10,
                last_error="404",
                sent_at=None,
            )
        )

    api.records.write(add)
    dead = api.get("/messages", state="dead", incident=7).json()["items"]
    assert [item["actions"] for item in dead] == [["send-again"]]
    assert api.get("/messages/1").json()["payload"] == {"title": "Pump 2"}
    assert api.post("/messages/1/send-again").json()["state"] == "pending"
    assert api.post("/messages/1/send-again").status_code == 409
    assert api.get("/events", topic="messages").json()["items"][0]["by"] == "operator"


def test_equipment_that_is_gone_for_good_is_retired_and_taken_back(
    api: Api, pump: Equipment
) -> None:
    path = f"/equipment/{pump.id}"
    assert api.post(f"{path}/retire", {"reason": "sold"}).status_code == 409

    def away(session: Session) -> None:
        row = session.get_one(Equipment, pump.id)
        row.online, row.removed_at = False, NOW

    api.records.write(away)
    item = api.get("/equipment", state="removed").json()["items"][0]
    assert (item["removed_at"], item["actions"]) == (
        "2026-11-22T10:00:00.000Z",
        ["out-of-service", "retire"],
    )
    assert api.post(f"{path}/retire", {"reason": "sold"}, "viewer").status_code == 403
    assert api.post(f"{path}/retire", {}).status_code == 422
    for _ in range(2):
        retired = api.post(f"{path}/retire", {"reason": "sold"}).json()
        assert (retired["retired_by"], retired["retired_reason"]) == ("operator", "sold")
        assert retired["actions"] == ["restore"]
    found = {
        state: len(api.get("/equipment", state=state).json()["items"])
        for state in ("current", "removed", "retired", "all")
    }
    assert found == {"current": 0, "removed": 0, "retired": 1, "all": 1}
    assert api.get("/equipment").json()["items"] == []
    assert api.get("/equipment", state="gone").status_code == 422
    assert api.get(path).status_code == 200
    for _ in range(2):
        assert api.post(f"{path}/restore").json()["retired_at"] is None
    assert len(api.get("/equipment").json()["items"]) == 1


def test_a_change_of_equipment_is_meant_for_what_was_read(api: Api, pump: Equipment) -> None:
    path = f"/equipment/{pump.id}"

    def put_online(*, online: bool) -> None:
        def work(session: Session) -> None:
            row = session.get_one(Equipment, pump.id)
            row.online, row.since_at = online, row.since_at + 1

        api.records.write(work)

    put_online(online=False)
    read = api.get(path)
    assert read.headers["ETag"] == f'"{read.json()["version"]}"'
    put_online(online=True)
    put_online(online=False)
    bodies: dict[str, object] = {
        "retire": {"reason": "sold"},
        "restore": None,
        "out-of-service": {"until": "2026-11-22T12:00:00Z", "reason": "painting"},
        "in-service": None,
    }
    for verb, body in bodies.items():
        refused = api.post(f"{path}/{verb}", body, if_match=read.headers["ETag"])
        assert refused.status_code == 412
        assert "changed meanwhile" in refused.json()["detail"]
    for verb in ("out-of-service", "in-service", "retire", "restore"):
        tag = api.get(path).headers["ETag"]
        answer = api.post(f"{path}/{verb}", bodies[verb], if_match=tag)
        assert answer.status_code == 200
        assert answer.headers["ETag"] == f'"{answer.json()["version"]}"' != tag
    assert api.post(f"{path}/retire", {"reason": "x"}, if_match="*").status_code == 200


def test_an_estate_says_when_removed_equipment_is_retired(api: Api, pump: Equipment) -> None:
    assert pump.site_id == 1

    def put(**body: object) -> Response:
        return api.client.put(
            "/api/v1/sites/garden", json=body, headers=api.bearer("administrator")
        )

    assert put(retire_removed_after_days=7).json()["retire_removed_after_days"] == 7
    assert put(name_en="Green Lake").json()["retire_removed_after_days"] == 7
    assert put(retire_removed_after_days=-1).status_code == 422
    answer = put(retire_removed_after_days=None).json()
    assert (answer["retire_removed_after_days"], answer["name_en"]) == (None, "Green Lake")
