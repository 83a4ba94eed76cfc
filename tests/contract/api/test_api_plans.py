"""Emergency plans over HTTP: offered, started, confirmed, refused, drilled, printed."""

from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from protocols.reading import Quality
from server.assets.model import Equipment, Point
from server.commands.service import due
from server.core.model import Event
from tests.contract.api.conftest import NOW, Api
from tests.contract.api.plan_bench import PLANS, SITE, PlanBench

Run = dict[str, Any]


@pytest.fixture
def bench(api: Api) -> PlanBench:
    return PlanBench(api)


def close_the_valve(bench: PlanBench) -> Run:
    run = bench.say(bench.start(), "confirm")
    bench.answer()
    bench.read("valve/closed_limit", value=True)
    bench.pass_time(1)
    return bench.run(run["id"])


def to_the_lift(bench: PlanBench) -> Run:
    run = close_the_valve(bench)
    assert run["step"] == "pump-out"
    return bench.say(run, "confirm", note="pumps run")


def to_the_power(bench: PlanBench) -> Run:
    run = bench.say(to_the_lift(bench), "confirm")
    bench.answer()
    bench.read("lift/floor", 12.0)
    bench.pass_time(1)
    run = bench.run(run["id"])
    assert run["step"] == "cut-lift-power"
    return run


def test_an_incident_is_offered_the_plan_of_its_cause(bench: PlanBench) -> None:
    offers = bench.api.get(f"/incidents/{bench.incident}/plans").json()["items"]
    (offer,) = offers
    assert (offer["plan"]["plan"], offer["suggested"]) == ("riser-burst", True)
    candidates = {key: [one["key"] for one in found] for key, found in offer["candidates"].items()}
    assert candidates == {"valve": [f"{SITE}/valve"], "lift": [f"{SITE}/lift"]}


def test_the_valve_is_closed_the_lift_moved_and_its_power_cut_in_that_order(
    bench: PlanBench,
) -> None:
    run = bench.start()
    assert bench.step(run)["actions"] == ["confirm", "skip"]
    assert bench.commands() == []
    run = to_the_power_from(bench, run)
    run = bench.say(run, "confirm")
    proposed = [*CLOSED_AND_SENT, ("lift/power_switch", False, "proposed")]
    assert bench.commands() == proposed
    assert bench.step(run)["actions"] == ["second", "skip"]
    same = bench.api.post(f"/plan-runs/{run['id']}/steps/cut-lift-power/confirm", {})
    assert same.status_code == 403
    assert "another person" in same.json()["detail"]
    run = bench.say(run, "confirm", who="administrator")
    bench.answer()
    bench.read("lift/mains", value=False)
    bench.pass_time(1)
    assert bench.commands() == [*CLOSED_AND_SENT, ("lift/power_switch", False, "done")]
    for _ in range(3):
        run = bench.say(bench.run(run["id"]), "confirm")
    assert run["state"] == "completed"
    assert {one["state"] for one in run["steps"]} == {"done"}
    assert bench.step(run, "close-valve")["command"]["before"] is True


CLOSED_AND_SENT = [("valve/command", False, "done"), ("lift/send_to_floor", 12.0, "done")]


def to_the_power_from(bench: PlanBench, run: Run) -> Run:
    bench.say(run, "confirm")
    bench.answer()
    assert bench.step(run)["state"] == "commanded"
    bench.read("valve/closed_limit", value=True)
    bench.pass_time(1)
    run = bench.say(bench.run(run["id"]), "confirm")
    run = bench.say(run, "confirm")
    bench.answer()
    bench.read("lift/floor", 12.0)
    bench.pass_time(1)
    return bench.run(run["id"])


@pytest.mark.long
@pytest.mark.parametrize("point", ["fault", "trapped"])
def test_a_lift_that_reports_a_fault_is_left_alone(bench: PlanBench, point: str) -> None:
    run = close_the_valve(bench)
    bench.read(f"lift/{point}", value=True)
    run = bench.say(run, "confirm")
    assert run["step"] == "repair"
    for key in ("send-lift", "cut-lift-power"):
        step = bench.step(run, key)
        assert (step["state"], step["note"]) == ("skipped", "its condition is not true")
    assert bench.commands() == CLOSED_AND_SENT[:1]


@pytest.mark.long
def test_a_fault_that_comes_before_the_command_goes_out_still_counts(bench: PlanBench) -> None:
    run = to_the_lift(bench)
    assert bench.step(run)["state"] == "confirming"
    bench.read("lift/fault", value=True)
    run = bench.say(run, "confirm")
    assert bench.step(run, "send-lift")["state"] == "skipped"
    assert bench.commands() == CLOSED_AND_SENT[:1]


@pytest.mark.long
@pytest.mark.parametrize("how", ["offline", "bad", "never"])
def test_a_lift_without_data_does_not_work(bench: PlanBench, how: str) -> None:
    run = close_the_valve(bench)
    match how:
        case "offline":
            bench.api.records.write(_lift_goes_away)
        case "bad":
            bench.read("lift/fault", value=False, quality=Quality.BAD)
        case _:
            bench.read("lift/fault", value=None)
    run = bench.say(run, "confirm")
    assert bench.step(run)["state"] == "pending"  # it may yet come, as after a restart
    bench.pass_time(11)
    step = bench.step(run, "send-lift")
    assert step["state"] == "skipped"
    assert step["note"].startswith("its condition is not known")
    assert len(bench.commands()) == 1


def _lift_goes_away(session: Session) -> None:
    query = select(Equipment).where(Equipment.equipment_class == "elevator")
    session.scalars(query).one().online = False


@pytest.mark.long
def test_a_command_that_the_gateway_refused_is_given_again_and_then_a_person_called(
    bench: PlanBench,
) -> None:
    run = bench.say(bench.start(), "confirm")
    for _ in range(3):
        bench.answer("refused", "interlock")
        bench.pass_time(11)
    assert [state for *_, state in bench.commands()] == ["refused"] * 3
    step = bench.step(run)
    assert (step["state"], step["attempts"]) == ("attention", 3)
    assert step["note"] == "the command was not done: interlock"
    assert ("plan.call", "Riser burst: Close the valve of the riser") in bench.messages()
    without = bench.api.post(f"/plan-runs/{run['id']}/steps/close-valve/confirm", {})
    assert without.status_code == 422
    run = bench.say(run, "retry", reason="interlock lifted")
    assert [state for *_, state in bench.commands()] == ["refused"] * 3 + ["asked"]


def test_a_command_of_which_nobody_knows_whether_it_was_done_is_not_given_again(
    bench: PlanBench,
) -> None:
    run = bench.say(bench.start(), "confirm")
    bench.answer("failed", "no answer from the device")
    bench.pass_time(130)
    assert bench.step(run)["state"] == "attention"
    assert len(bench.commands()) == 1
    run = bench.say(run, "confirm", note="closed by hand")
    assert bench.step(run, "close-valve")["state"] == "done"


def test_a_point_that_the_equipment_has_no_more_is_not_commanded(bench: PlanBench) -> None:
    run = bench.start()
    query = update(Point).where(Point.key == f"{SITE}/valve/command").values(removed_at=NOW)
    bench.api.records.write(lambda session: session.execute(query))
    run = bench.say(run, "confirm")
    assert bench.step(run)["note"] == f"{SITE}/valve has no point command"
    assert bench.commands() == []


def test_a_restart_in_the_middle_gives_no_command_twice(bench: PlanBench) -> None:
    run = bench.say(bench.start(), "confirm")
    for _ in range(3):
        bench.restart()
        bench.pass_time(1)
    assert bench.commands() == [("valve/command", False, "asked")]
    bench.answer()
    bench.restart()
    bench.read("valve/closed_limit", value=True)
    bench.pass_time(1)
    assert bench.run(run["id"])["step"] == "pump-out"
    assert len(bench.commands()) == 1


def test_a_server_that_was_away_for_an_hour_does_not_command_what_was_confirmed_then(
    bench: PlanBench,
) -> None:
    run = bench.start()
    answer = bench.api.post(f"/plan-runs/{run['id']}/steps/close-valve/confirm", {})
    assert answer.json()["step_state"] == "confirmed"
    bench.pass_time(3600)
    assert bench.commands() == []
    step = bench.step(run)
    assert step["state"] == "attention"
    assert step["note"] == "its time was over before it was commanded"


def test_a_run_of_another_processes_site_waits_for_that_process(bench: PlanBench) -> None:
    run = bench.start()
    bench.restart(owns=lambda key: not key.startswith("garden/"))
    bench.say(run, "confirm")
    assert bench.commands() == []
    bench.restart(owns=lambda key: key.startswith("garden/"))
    bench.pass_time(0)
    assert bench.commands() == [("valve/command", False, "asked")]


@pytest.mark.long
def test_a_drill_commands_nothing_and_says_everywhere_that_it_is_one(
    bench: PlanBench,
) -> None:
    run = bench.start(drill=True)
    assert run["name_zh"] == "【演练】立管跑水"
    while run["state"] == "running":
        run = bench.say(run, "confirm")
    assert run["state"] == "completed"
    assert bench.commands() == []
    assert bench.step(run, "send-lift")["note"] == "drill: nothing was commanded"
    assert len(bench.messages()) >= 2
    assert all(title.startswith("DRILL: ") for _, title in bench.messages())
    page = bench.api.get(f"/plan-runs/{run['id']}/print").text
    assert page.count("演练 不下发任何命令") == 2
    assert all(event.payload["drill"] for event in events(bench))


def events(bench: PlanBench, topic: str = "plans") -> list[Event]:
    query = select(Event).where(Event.topic == topic).order_by(Event.id)
    return bench.api.records.read(lambda session: list(session.scalars(query)))


def test_what_is_done_is_timed_on_record_and_in_the_audit(bench: PlanBench) -> None:
    run = to_the_lift(bench)
    history = [(one["step"], one["kind"], one["by"]) for one in bench.run(run["id"])["changes"]]
    assert history == [
        (None, "started", "operator"),
        ("close-valve", "begun", None),
        ("close-valve", "confirming", None),
        ("close-valve", "confirmed", "operator"),
        ("close-valve", "commanded", None),
        ("close-valve", "done", None),
        ("pump-out", "begun", None),
        ("pump-out", "told", None),
        ("pump-out", "waiting", None),
        ("pump-out", "done", "operator"),
        ("send-lift", "begun", None),
        ("send-lift", "confirming", None),
    ]
    kinds = [event.kind for event in events(bench)]
    assert kinds == [f"plan-run.{kind}" for _, kind, _ in history]
    audited = [event.kind for event in events(bench, "audit") if event.kind[:8] == "plan-run"]
    assert audited == ["plan-run.started", "plan-run.confirmed", "plan-run.done"]


def test_a_plan_runs_once_for_an_incident_and_a_key_starts_it_once(bench: PlanBench) -> None:
    body = {"plan": "riser-burst", "incident": bench.incident, "reason": "x"}
    first = bench.api.post("/plan-runs", body, Idempotency_Key="k")
    again = bench.api.post("/plan-runs", body, Idempotency_Key="k")
    assert first.json()["id"] == again.json()["id"]
    other = bench.api.post("/plan-runs", body)
    assert other.status_code == 409
    assert "runs already" in other.json()["detail"]
    assert bench.start(drill=True)["state"] == "running"


@pytest.mark.parametrize(
    ("wish", "status", "where", "says"),
    [
        ({"plan": "riser"}, 404, None, "no plan 'riser'; there are: riser-burst"),
        ({"parameters": {"floor": 99}}, 422, "parameters.floor", "expected 1 to 60, got 99"),
        ({"parameters": {"flor": 9}}, 422, "parameters.flor", "no such parameter; it has: floor"),
        ({"equipment": {"valv": f"{SITE}/valve"}}, 422, "equipment.valv", "it has: valve, lift"),
        ({"equipment": {"valve": f"{SITE}/lift"}}, 422, "equipment.valve", f"choose {SITE}/valve"),
        ({"incident": None}, 422, "incident", "give one, or equipment of the plan"),
        ({"incident": 99}, 404, None, "no incident 99"),
        ({"reason": ""}, 422, "reason", "at least 1 character"),
    ],
)
def test_a_wrong_wish_is_refused_in_words_that_help(
    bench: PlanBench, wish: Run, status: int, where: str | None, says: str
) -> None:
    body: Run = {"plan": "riser-burst", "incident": bench.incident, "reason": "x"}
    answer = bench.api.post("/plan-runs", body | wish)
    assert answer.status_code == status
    assert says in answer.text
    fields = [one["field"] for one in answer.json().get("errors", [])]
    assert fields == ([] if where is None else [f"body.{where}"])


@pytest.mark.long
def test_a_run_is_aborted_and_takes_back_what_waits_for_a_second_person(bench: PlanBench) -> None:
    run = bench.say(to_the_power(bench), "confirm")
    answer = bench.api.post(f"/plan-runs/{run['id']}/abort", {"reason": "false alarm"})
    assert answer.json()["state"] == "aborted"
    assert bench.commands()[-1] == ("lift/power_switch", False, "withdrawn")
    bench.pass_time(600)
    assert len(bench.commands()) == 3
    late = bench.api.post(f"/plan-runs/{run['id']}/steps/repair/confirm", {})
    assert late.status_code == 409


def test_nobody_who_confirms_in_time_is_called_for_and_a_step_is_skipped_with_a_reason(
    bench: PlanBench,
) -> None:
    run = bench.start()
    bench.pass_time(121)
    step = bench.step(run)
    assert (step["state"], step["note"]) == ("attention", "nobody confirmed it")
    run = bench.say(run, "skip", reason="valve is stuck")
    assert bench.step(run, "close-valve")["note"] == "valve is stuck"
    wrong = bench.api.post(f"/plan-runs/{run['id']}/steps/close-valve/confirm", {})
    assert wrong.status_code == 409
    assert "that is pump-out" in wrong.json()["detail"]


def test_the_pages_fit_paper_and_carry_their_own_style(bench: PlanBench) -> None:
    plan = bench.api.get("/plans/riser-burst/print", language="en")
    assert plan.headers["content-type"].startswith("text/html")
    assert "size: A4" in plan.text
    assert "style-src 'sha256-" in plan.headers["content-security-policy"]
    assert "not {lift.fault}" in plan.text
    run = close_the_valve(bench)
    page = bench.api.get(f"/plan-runs/{run['id']}/print").text
    assert "关闭立管阀门" in page
    assert "演练" not in page
    assert "<td>close-valve</td>" not in page, "its history names steps as people do"
    chinese = bench.api.get("/plans/riser-burst/print", language="zh").text
    assert "值班人员 · 给排水" in chinese
    assert "分钟" in chinese
    assert not [word for word in ("on_duty", "contractor)", " min<") if word in chinese]


def test_plans_are_listed_as_they_are_written(bench: PlanBench) -> None:
    (listed,) = bench.api.get("/plans").json()["items"]
    assert listed == PLANS["riser-burst"].model_dump(mode="json", by_alias=True)
    assert bench.api.get("/plans/riser").status_code == 404
    bench.start()
    assert [one["plan"] for one in bench.api.get("/plan-runs").json()["items"]] == ["riser-burst"]
    ended = bench.api.get("/plan-runs", state="ended", incident=bench.incident).json()
    assert ended["items"] == []


def test_a_command_that_two_persons_give_expires_without_the_second(bench: PlanBench) -> None:
    points = bench.api.get("/points", equipment=f"{SITE}/lift").json()["items"]
    (switch,) = (one for one in points if one["name"] == "power_switch")
    wish = {"value": False, "reason": "water"}
    given = bench.api.post(f"/points/{switch['id']}/commands", wish).json()
    assert given["state"] == "proposed"
    path = f"/commands/{given['id']}"
    assert bench.api.post(f"{path}/confirm").status_code == 403
    confirmed = bench.api.post(f"{path}/confirm", who="administrator").json()
    assert (confirmed["state"], confirmed["confirmed_by"]) == ("asked", "administrator")
    assert bench.api.post(f"{path}/withdraw").status_code == 409
    second = bench.api.post(f"/points/{switch['id']}/commands", wish).json()
    bench.api.clock.ms += 300_001
    # The broker is away: nobody has settled it yet.
    late = bench.api.post(f"/commands/{second['id']}/confirm", who="administrator")
    assert (late.status_code, "sooner" in late.json()["detail"]) == (409, True)
    now = bench.api.clock.now_ms()
    bench.api.records.write(lambda session: due(session, now))
    settled = bench.api.get(f"/commands/{second['id']}").json()
    assert settled["state"] == "expired"
    assert settled["refusal"] == "no second person confirmed it in time"
