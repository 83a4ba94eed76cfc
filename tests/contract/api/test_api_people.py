"""Persons, rosters, policies and the answer to an incident over HTTP."""

from typing import Any

import pytest
from httpx2 import Response

from config.server import MessageSettings
from server.alarming.announcements import AlarmNotifier
from tests.contract.api.conftest import Api
from tests.contract.api.test_api_chain import Tripped

ADMINISTRATOR = "administrator"
SHIFT = {"start": "08:00", "end": "20:00", "persons": ["wang"]}
ALWAYS = {"start": "08:00", "end": "08:00", "persons": ["wang"]}


def put(api: Api, path: str, body: object, who: str = ADMINISTRATOR, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.client.put(f"/api/v1{path}", json=body, headers=api.bearer(who) | named)


def person(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "phone": "13800138000", "channels": [{"channel": "duty"}], **more}


@pytest.fixture(autouse=True)
def messages(api: Api) -> None:
    """The server has one webhook, which is how everybody here is reached."""
    hook = {"name": "duty", "url": "http://127.0.0.1:9/", "secret_file": "s", "severities": []}
    settings = MessageSettings.model_validate({"webhooks": [hook]})
    # The services are frozen for the application, not for a test that sets them up.
    object.__setattr__(
        api.services, "settings", api.services.settings.model_copy(update={"messages": settings})
    )


@pytest.fixture
def staff(api: Api) -> None:
    assert put(api, "/persons/wang", person("Wang")).status_code == 200
    assert put(api, "/persons/li", person("Li", role="lead")).status_code == 200


def test_a_person_is_made_read_changed_and_deleted(api: Api) -> None:
    made = put(api, "/persons/wang", person("Wang"))
    assert made.json()["version"] == 1
    assert made.headers["ETag"] == '"1"'
    assert api.get("/persons/wang").json()["channels"] == [{"channel": "duty", "address": None}]
    changed = put(api, "/persons/wang", person("Wang Wei"), If_Match='"1"')
    assert changed.json()["version"] == 2
    assert put(api, "/persons/wang", person("W"), If_Match='"1"').status_code == 412
    assert [one["name"] for one in api.get("/persons").json()["items"]] == ["Wang Wei"]
    assert api.delete("/persons/wang", who=ADMINISTRATOR).status_code == 204
    assert api.get("/persons/wang").status_code == 404


@pytest.mark.usefixtures("staff")
def test_a_viewer_sees_names_but_no_numbers(api: Api) -> None:
    shown = api.get("/persons/wang", who="viewer").json()
    assert (shown["name"], shown["phone"]) == ("Wang", None)
    assert put(api, "/persons/wang", person("x"), who="operator").status_code == 403


@pytest.mark.usefixtures("staff")
def test_what_is_named_must_exist_and_is_not_deleted(api: Api) -> None:
    team = {"name": "Night", "members": ["wang", "nobody"]}
    answer = put(api, "/teams/night", team)
    assert answer.status_code == 422
    assert "teams.night.members.1: no person 'nobody'" in answer.json()["detail"]
    assert put(api, "/teams/night", {"name": "Night", "members": ["wang"]}).status_code == 200
    refused = api.delete("/persons/wang", who=ADMINISTRATOR)
    assert refused.status_code == 409
    assert "teams.night.members.0" in refused.json()["detail"]


@pytest.mark.usefixtures("staff")
def test_a_roster_with_gaps_is_refused_and_the_gap_named(api: Api) -> None:
    roster = {"name": "Lifts", "trades": ["lift"], "shifts": [SHIFT]}
    refused = put(api, "/rosters/lifts", roster)
    assert refused.status_code == 422
    detail = refused.json()["detail"]
    assert detail.startswith("Nobody is on duty for lifts every day from 20:00 to 08:00")
    accepted = put(api, "/rosters/lifts", roster | {"accept_gaps": True})
    assert accepted.status_code == 200
    (warning,) = accepted.json()["warnings"]
    assert warning["kind"] == "nobody_on_duty"
    assert warning["start"] == "2026-11-22T12:00:00.000Z"


@pytest.mark.usefixtures("staff")
def test_a_roster_of_people_without_a_channel_is_refused(api: Api) -> None:
    put(api, "/persons/wang", person("Wang", channels=[{"channel": "pigeon"}]))
    refused = put(api, "/rosters/house", {"name": "House", "shifts": [ALWAYS]})
    assert refused.json()["detail"].startswith("Nobody on duty has a channel at any time (Wang)")


@pytest.mark.usefixtures("staff")
def test_a_swap_shows_in_the_plan_and_can_be_undone(api: Api) -> None:
    put(api, "/rosters/house", {"name": "House", "shifts": [ALWAYS]})
    when = {"start": "2026-11-23T12:00:00Z", "end": "2026-11-23T18:00:00Z"}
    path = "/rosters/house/changes"
    refused = api.post(path, {"changes": [{**when, "off": "wang", "reason": "ill"}]})
    assert refused.status_code == 422
    assert "from Mon 2026-11-23 20:00 to Tue 2026-11-24 02:00" in refused.json()["detail"]
    made = api.post(path, {"changes": [{**when, "off": "wang", "on": "li"}]})
    assert made.status_code == 201
    span = {"from": "2026-11-23T10:00:00Z", "to": "2026-11-23T20:00:00Z"}
    plan = api.get("/rosters/house/duty", **span).json()["items"]
    assert [(one["name"], one["start"][11:16]) for one in plan] == [
        ("Wang", "10:00"),
        ("Li", "12:00"),
        ("Wang", "18:00"),
    ]
    change_id = made.json()["items"][0]["id"]
    assert api.delete(f"{path}/{change_id}").status_code == 204
    plan = api.get("/rosters/house/duty", **span).json()["items"]
    assert [one["name"] for one in plan] == ["Wang"]


HOUSE = {"name": "House", "shifts": [ALWAYS]}
NOBODY = "Nobody is on duty at any time"
UNHEARD = "Nobody on duty has a channel at any time"


@pytest.mark.usefixtures("staff")
def test_earlier_names_are_understood_and_shown_beside_the_new(api: Api) -> None:
    roster = {"name": "Lifts", "trades": ["lift"], "shifts": [SHIFT]}
    saved = put(api, "/rosters/lifts", roster | {"accept_holes": True}).json()
    assert (saved["accept_gaps"], saved["accept_holes"]) == (True, True)
    # What the interface shows can be sent back.
    again = put(api, "/rosters/lifts", roster | {"accept_gaps": True, "accept_holes": True})
    assert (again.status_code, again.json()["version"]) == (200, 1)
    both = put(api, "/rosters/lifts", roster | {"accept_gaps": True, "accept_holes": False})
    assert both.json()["errors"][0]["field"] == "body.accept_holes"
    change = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z", "off": "wang"}
    changed = api.post("/rosters/lifts/changes", {"changes": [change], "accept_holes": True})
    assert changed.status_code == 201
    coverage = api.get("/coverage").json()
    assert coverage["holes"] == coverage["gaps"]
    assert api.delete("/rosters/lifts?accept_holes=true", who=ADMINISTRATOR).status_code == 204


def refused_until_accepted(api: Api, method: str, path: str, body: object, words: str) -> None:
    def call(query: str) -> Response:
        headers = api.bearer(ADMINISTRATOR)
        return api.client.request(method, f"/api/v1{path}{query}", json=body, headers=headers)

    refused = call("")
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith(words)
    assert call("?accept_gaps=true").status_code in {200, 204}


@pytest.mark.usefixtures("staff")
def test_a_roster_that_nobody_replaces_is_not_deleted_by_accident(api: Api) -> None:
    put(api, "/rosters/house", HOUSE)
    put(api, "/rosters/lifts", {**HOUSE, "trades": ["lift"]})
    assert api.delete("/rosters/lifts", who=ADMINISTRATOR).status_code == 204
    refused_until_accepted(api, "DELETE", "/rosters/house", None, NOBODY)


@pytest.mark.usefixtures("staff")
def test_a_person_who_can_no_longer_be_reached_is_not_saved_by_accident(api: Api) -> None:
    put(api, "/rosters/house", HOUSE)
    assert put(api, "/persons/wang", person("Wang Wei")).status_code == 200
    refused_until_accepted(api, "PUT", "/persons/wang", person("Wang", channels=[]), UNHEARD)
    # Now that it is a known gap, it stops nothing else.
    assert put(api, "/persons/wang", person("Wang Wei", channels=[])).status_code == 200


@pytest.mark.usefixtures("staff")
def test_a_lead_whom_a_policy_needs_is_not_deleted_by_accident(api: Api) -> None:
    put(api, "/escalation-policies/mine", {"steps": [{"after_s": 0, "who": ["leader"]}]})
    refused_until_accepted(api, "DELETE", "/persons/li", None, "Step 1 (leader) reaches nobody")


@pytest.mark.usefixtures("staff")
def test_a_team_is_not_emptied_of_everybody_who_can_be_reached(api: Api) -> None:
    put(api, "/persons/sun", person("Sun", channels=[]))
    put(api, "/teams/night", {"name": "Night", "members": ["wang"]})
    always = {"start": "08:00", "end": "08:00", "teams": ["night"]}
    assert put(api, "/rosters/house", {"name": "House", "shifts": [always]}).status_code == 200
    team = {"name": "Night", "members": ["sun"]}
    refused_until_accepted(api, "PUT", "/teams/night", team, UNHEARD)


@pytest.mark.usefixtures("staff")
def test_a_narrower_roster_is_refused_for_what_it_leaves(api: Api) -> None:
    put(api, "/rosters/house", {**HOUSE, "trades": ["lift", "fire"]})
    refused = put(api, "/rosters/house", {**HOUSE, "trades": ["lift"]})
    assert refused.json()["detail"].startswith("Nobody is on duty for fire protection at any time")


@pytest.mark.usefixtures("staff")
def test_whoever_stands_in_is_not_deleted_nor_is_the_exception_undone_by_accident(
    api: Api,
) -> None:
    when = {"start": "2026-11-23T12:00:00Z", "end": "2026-11-23T18:00:00Z"}
    gap = {"start": "08:00", "end": "20:00", "persons": ["wang"]}
    put(api, "/rosters/house", {"name": "House", "shifts": [gap], "accept_gaps": True})
    path = "/rosters/house/changes"
    made = api.post(path, {"changes": [{**when, "on": "li"}]})
    number = made.json()["items"][0]["id"]
    refused = api.delete("/persons/li", who=ADMINISTRATOR)
    assert refused.status_code == 409
    assert f"rosters.house.changes.{number}" in refused.json()["detail"]
    words = "Nobody is on duty from Mon 2026-11-23 20:00 to Tue 2026-11-24 02:00"
    refused_until_accepted(api, "DELETE", f"{path}/{number}", None, words)


@pytest.mark.usefixtures("staff")
def test_two_people_swap_a_whole_day(api: Api) -> None:
    day, night = SHIFT, {"start": "20:00", "end": "08:00", "persons": ["li"]}
    put(api, "/rosters/house", {"name": "House", "shifts": [day, night]})
    when = {"start": "2026-11-23T00:00:00Z", "end": "2026-11-24T00:00:00Z"}
    swap = [{**when, "off": "wang", "on": "li"}, {**when, "off": "li", "on": "wang"}]
    assert api.post("/rosters/house/changes", {"changes": swap}).status_code == 201
    span = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z"}
    plan = api.get("/rosters/house/duty", **span).json()["items"]
    assert [(one["name"], one["start"][11:16]) for one in plan] == [
        ("Li", "00:00"),
        ("Wang", "12:00"),
    ]


@pytest.mark.usefixtures("staff", "pump")
def test_who_would_come_and_what_is_missing(api: Api) -> None:
    assert api.get("/coverage").json()["gaps"] == []  # its class is not known to this server
    duty = api.get("/sites/garden/duty", trade="heating").json()
    assert (duty["on_duty"], [one["key"] for one in duty["leaders"]]) == ([], ["li"])
    put(api, "/rosters/house", {"name": "House", "shifts": [ALWAYS]})
    duty = api.get("/sites/garden/duty", trade="heating").json()
    assert duty["on_duty"] == [{"key": "wang", "name": "Wang", "channels": ["duty"]}]


@pytest.mark.usefixtures("staff")
def test_policies_of_ones_own_go_before_the_packaged(api: Api) -> None:
    asked = {"trade": "lift", "severity": "urgent"}
    assert api.get("/sites/garden/escalation", **asked).json()["policy"] == "default-urgent"
    steps = [{"after_s": 0, "who": ["leader"]}]
    assert put(api, "/escalation-policies/mine", {"steps": steps}).status_code == 200
    preview = api.get("/sites/garden/escalation", **asked).json()
    assert preview["policy"] == "mine"
    assert [one["name"] for one in preview["steps"][0]["persons"]] == ["Li"]
    listed = api.get("/escalation-policies").json()["items"]
    assert (listed[0]["key"], listed[0]["version"]) == ("mine", 1)
    assert {one["version"] for one in listed[1:]} == {0}


@pytest.mark.usefixtures("staff")
def test_a_policy_whose_step_reaches_nobody_is_refused(api: Api) -> None:
    steps = [{"after_s": 0, "who": ["leader"]}, {"after_s": 60, "who": ["manager"]}]
    refused = put(api, "/escalation-policies/mine", {"steps": steps})
    assert refused.json()["detail"].startswith("Step 2 (manager) reaches nobody who has a channel")
    answer = put(api, "/escalation-policies/mine", {"steps": [{"after_s": 0, "who": ["boss"]}]})
    assert answer.json()["errors"][0]["field"] == "body.steps.0.who.0"


@pytest.fixture
def tripped(api: Api, staff: None) -> Tripped:  # noqa: ARG001 (people first, then the trip)
    put(api, "/rosters/house", {"name": "House", "shifts": [ALWAYS]})
    pump = Tripped(api)
    pump.pipeline._notifier = AlarmNotifier(api.services.settings.messages)
    pump.fault(value=False)
    pump.fault(value=True)
    return pump


@pytest.mark.usefixtures("tripped")
def test_an_incident_shows_who_was_called_and_who_is_next(api: Api) -> None:
    shown = api.get("/incidents/1").json()
    assert shown["policy"] == "default-heating-high"
    assert [(one["who"], one["state"]) for one in shown["steps"]] == [
        (["on_duty", "contractor"], "done"),
        (["leader"], "pending"),
        (["manager"], "pending"),
    ]
    (sent,) = shown["steps"][0]["notified"]
    assert shown["steps"][0]["told"] == [sent]  # the earlier name
    assert (sent["name"], sent["channel"], sent["state"]) == ("Wang", "duty", "pending")
    assert shown["actions"] == ["acknowledge"]


@pytest.mark.usefixtures("tripped")
def test_an_acknowledged_incident_calls_nobody_else(api: Api) -> None:
    answer = api.post("/incidents/1/acknowledge", {"comment": "on my way"})
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["acknowledged_by"], shown["actions"]) == ("operator", [])
    assert [one["state"] for one in shown["steps"]] == ["done", "cancelled", "cancelled"]
    assert [one["kind"] for one in shown["changes"]] == ["opened", "acknowledged"]
    assert shown["changes"][1]["note"] == "on my way"
    assert {one["acknowledged_by"] for one in shown["alarm_items"]} == {"operator"}
    again = api.post("/incidents/1/acknowledge").json()
    assert again["acknowledged_at"] == shown["acknowledged_at"]
    assert api.post("/incidents/1/acknowledge", who="viewer").status_code == 403
    assert api.post("/incidents/9/acknowledge").status_code == 404
