"""An estate whose riser leaks, with a valve and a lift, and what moves the runs of plans on."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.load import load_classes
from config.load_server import load_plans
from config.people import PersonSettings
from config.plans import EmergencyPlan
from config.server import MessageSettings, ServerSettings, WebhookSettings
from protocols.reading import Quality, Value
from protocols.sparkplug.datatypes import DataType
from server.assets.model import Equipment, Point
from server.commands.model import Command
from server.commands.service import Answer, due, sent, take_answers
from server.core.timer_sweep import TimerSweep
from server.incidents.model import Incident
from server.messages.model import Message
from server.people.model import Person
from server.plans.facts import FactFinder
from server.plans.record import RUN
from server.plans.runner import PlanRunner
from server.plans.telling import PlanMessages
from tests.contract.api.conftest import NOW, Api
from tests.fakes.assets import add_equipment

CLASSES = load_classes()
PLANS = load_plans(ServerSettings(), CLASSES)
SITE = "garden/gw1"
_BOOLEAN, _NUMBER, _TEXT = DataType.BOOLEAN, DataType.DOUBLE, DataType.STRING
POINTS: dict[str, dict[str, tuple[DataType, Value, bool]]] = {
    "leak": {"leak": (_BOOLEAN, True, False)},
    "valve": {"closed_limit": (_BOOLEAN, False, False), "command": (_BOOLEAN, True, True)},
    "lift": {
        "fault": (_BOOLEAN, False, False),
        "trapped": (_BOOLEAN, False, False),
        "floor": (_NUMBER, 3.0, False),
        "direction": (_TEXT, "stopped", False),
        "door_open": (_BOOLEAN, False, False),
        "mains": (_BOOLEAN, True, False),
        "send_to_floor": (_NUMBER, 0.0, True),
        "power_switch": (_BOOLEAN, True, True),
    },
}
_CLASSES = {"leak": "water_leak", "valve": "valve", "lift": "elevator"}
PEOPLE = {"li": "lead", "hoist": "contractor"}
HOOK: dict[str, Any] = {"url": "http://127.0.0.1:9/", "secret_file": "s"}


class PlanBench:
    """Words to talk about runs of plans: people ask over HTTP, the gateway answers."""

    def __init__(self, api: Api, plans: Mapping[str, EmergencyPlan] = PLANS) -> None:
        self.api = api
        object.__setattr__(api.services, "classes", CLASSES)
        object.__setattr__(api.services, "plans", plans)
        self.incident = api.records.write(self._fill)
        api.registry.load()
        for name, points in POINTS.items():
            for point, (_, value, _) in points.items():
                self.read(f"{name}/{point}", value)
        self.restart()

    def restart(self, owns: Callable[[str], bool] = lambda _: True) -> None:
        """A new process: it knows what the records hold, and moves what it ``owns``."""
        hooks = (WebhookSettings.model_validate(HOOK | {"name": name}) for name in PEOPLE)
        settings = MessageSettings(webhooks=tuple(hooks))
        runner = PlanRunner(
            self.api.records,
            FactFinder(self.api.services.values, CLASSES),
            PlanMessages(settings),
            CLASSES,
            self.api.clock,
            owns=owns,
        )
        self.sweep = TimerSweep(self.api.records, {RUN: runner.on_timer}, self.api.clock)

    @staticmethod
    def _fill(session: Session) -> int:
        leak = add_equipment(session, f"{SITE}/leak", at=NOW, equipment_class="water_leak")
        found = {"leak": leak}
        for name in ("valve", "lift"):
            found[name] = _beside(leak, name)
            session.add(found[name])
        session.flush()
        for name, points in POINTS.items():
            for point, (datatype, _, writable) in points.items():
                session.add(_point(found[name], point, datatype, writable=writable))
        for name, role in PEOPLE.items():
            body = PersonSettings.model_validate(
                {"name": name, "role": role, "channels": [{"channel": "webhook"}]}
            )
            stored = body.model_dump(mode="json")
            session.add(Person(key=name, body=stored, version=1, changed_at=NOW, changed_by="test"))
        incident = Incident(
            equipment_id=leak.id,
            cause="leak",
            severity="urgent",
            title_en="Leak: water",
            title_zh="漏水",
            opened_at=NOW,
        )
        session.add(incident)
        session.flush()
        return incident.id

    def read(self, point: str, value: Value, *, quality: Quality = Quality.GOOD) -> None:
        """The gateway says a value."""
        key = f"{SITE}/{point}"
        (series,) = (one for one in self.api.registry.series() if one.key == key)
        series.last_value, series.last_quality = value, quality
        series.last_at = series.seen_at = self.api.clock.now_ms()

    def start(self, who: str = "operator", **more: Any) -> dict[str, Any]:
        """Start the plan, and let it go as far as it goes."""
        body = {"plan": "riser-burst", "incident": self.incident, "reason": "water on floor 2"}
        answer = self.api.post("/plan-runs", body | more, who)
        assert answer.status_code == 201, answer.text
        self.pass_time(0)
        return self.run(answer.json()["id"])

    def say(self, run: dict[str, Any], verb: str, who: str = "operator", **body: Any) -> Any:
        """Do something with the current step."""
        path = f"/plan-runs/{run['id']}/steps/{run['step']}/{verb}"
        answer = self.api.post(path, body, who)
        assert answer.status_code == 200, answer.text
        self.pass_time(0)
        return self.run(run["id"])

    def run(self, run_id: int) -> dict[str, Any]:
        return self.api.get(f"/plan-runs/{run_id}").json()

    def step(self, run: dict[str, Any], key: str = "") -> dict[str, Any]:
        """A step of the run as it is now; the current one."""
        run = self.run(run["id"])
        return next(one for one in run["steps"] if one["step"] == (key or run["step"]))

    def pass_time(self, seconds: float) -> None:
        """Time passes; values that were read stay fresh."""
        self.api.clock.ms += round(seconds * 1000)
        for series in self.api.registry.series():
            if series.seen_at:
                series.seen_at = self.api.clock.now_ms()
        for _ in range(5):
            self.sweep.sweep()

    def commands(self) -> list[tuple[str, Value, str]]:
        """Point, value and state of every command, in their order."""

        def read(session: Session) -> list[tuple[str, Value, str]]:
            query = select(Point.key, Command.value, Command.state)
            query = query.join(Command, Command.point_id == Point.id).order_by(Command.id)
            return [
                (key.removeprefix(f"{SITE}/"), value, state)
                for key, value, state in session.execute(query)
            ]

        return self.api.records.read(read)

    def answer(self, status: str = "done", reason: str = "") -> None:
        """The gateway answers the last command."""

        def write(session: Session) -> None:
            now = self.api.clock.now_ms()
            parcels = due(session, now)
            sent(session, [one.command_id for one in parcels], now)
            row = session.scalars(select(Command).order_by(Command.id.desc()).limit(1)).one()
            said = {"id": row.key, "status": status, "reason": reason, "before": True}
            take_answers(session, [Answer(row.equipment_id, json.dumps(said))], now)

        self.api.records.write(write)
        self.pass_time(0.5)

    def messages(self) -> list[tuple[str, str]]:
        """Kind and title of every message."""

        def read(session: Session) -> list[tuple[str, str]]:
            rows = session.scalars(select(Message).order_by(Message.id))
            return [(one.kind, one.payload["title_en"]) for one in rows]

        return self.api.records.read(read)


def _beside(leak: Equipment, name: str) -> Equipment:
    return Equipment(
        key=f"{SITE}/{name}",
        site_id=leak.site_id,
        gateway_id=leak.gateway_id,
        equipment_class=_CLASSES[name],
        profile="",
        name_en=name,
        name_zh=name,
        online=True,
        since_at=NOW,
    )


def _point(equipment: Equipment, name: str, datatype: DataType, *, writable: bool) -> Point:
    return Point(
        key=f"{equipment.key}/{name}",
        equipment_id=equipment.id,
        name=name,
        datatype=datatype,
        unit="",
        name_en=name,
        name_zh=name,
        max_silence_ms=60_000,
        writable=writable,
        minimum=0 if writable else None,
        maximum=60 if writable else None,
    )
