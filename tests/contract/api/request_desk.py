"""An estate with rooms and people, and words to ask it for repairs."""

import re
from typing import TYPE_CHECKING, Any, cast

from httpx2 import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.server import ServerSettings
from server.access.roles import Role
from server.access.tokens import create_token
from server.access.users import Rights, create_user
from server.api.passwords import Doorkeeper
from server.assets.model import Room, Site
from server.people.model import Person
from server.requests.model import RepairRequest
from server.workorders.model import WorkOrder
from tests.contract.api.conftest import HASH, NOW, Api
from tests.fakes.assets import add_equipment
from tests.fakes.sms_channel import SMS

if TYPE_CHECKING:
    from fastapi import FastAPI

HOUR, DAY = 3_600_000, 86_400_000
PHONE = "13912345678"
NAME = "欧阳明月"
SAID = f"厨房水管滴水, 电话 {PHONE}"
TOKEN = re.compile(r'name="token" value="([^"]+)"')


class Desk:
    """The desk of an estate ``garden`` with two buildings, and its people."""

    def __init__(self, api: Api, **settings: Any) -> None:
        self.api = api
        api.records.write(self._fill)
        self.set(**settings)

    def set(self, **settings: Any) -> None:
        """Give the server other settings for residents' requests."""
        given = {
            "data_dir": self.api.services.settings.data_dir,
            "messages": {"channels": {"sms": SMS}},
            "repair_requests": {"channel": "sms", "public_url": "https://estate.example"}
            | settings,
        }
        object.__setattr__(self.api.services, "settings", ServerSettings.model_validate(given))

    def _fill(self, session: Session) -> None:
        add_equipment(session, "garden/gw1/pump2", at=NOW, equipment_class="heating_pump")
        site = session.scalars(select(Site)).one()
        site.name_zh, site.name_en = "云澜花园", "Garden"
        for key in ("3-2-501", "3-2-502"):
            session.add(Room(site_id=site.id, key=key, building="3-2", floor="5", name=""))
        session.add(Room(site_id=site.id, key="4-1-101", building="4-1", floor="1", name="岗亭"))
        for key, name, role in (("wang", "Wang", "engineer"), ("lift-co", "Lift Co", "contractor")):
            body = {"name": name, "role": role}
            session.add(Person(key=key, body=body, version=1, changed_at=NOW, changed_by="test"))
        for name, rights in {
            "desk": Rights(Role.DESK),
            "technician": Rights(Role.TECHNICIAN, person="wang"),
            "other": Rights(Role.TECHNICIAN),
            "auditor": Rights(Role.AUDITOR),
            "contractor": Rights(Role.CONTRACTOR, person="lift-co"),
        }.items():
            user = create_user(
                session, name=name, password_hash=HASH, rights=rights, at=NOW, by="t"
            )
            token, secret = create_token(session, user_id=user.id, name="t", at=NOW, by="t")
            token.last_used_at = NOW
            self.api.tokens[name] = secret

    def take(
        self, who: str = "desk", headers: dict[str, str] | None = None, **more: Any
    ) -> Response:
        """Take a request at the desk."""
        body = {
            "site": "garden",
            "room": "3-2-501",
            "fault": "tap",
            "name": NAME,
            "phone": PHONE,
            "text": SAID,
        } | more
        return self.api.post("/repair-requests", body, who, **(headers or {}))

    def room(self, key: str, body: dict[str, Any]) -> None:
        """Write down what is known of a room."""
        path = f"/api/v1/sites/garden/rooms/{key}"
        answer = self.api.client.put(path, json=body, headers=self.api.bearer("administrator"))
        assert answer.status_code == 200, answer.text

    def walk(
        self, *verbs: str, order: int = 1, who: str = "administrator", **body: Any
    ) -> Response:
        """Take steps of an order; the last answer."""
        answer = self.api.get(f"/work-orders/{order}", who)
        for verb in verbs:
            answer = self.api.post(f"/work-orders/{order}/{verb}", body, who)
            assert answer.status_code == 200, answer.text
        return answer

    def place(self, **more: Any) -> str:
        """Make a code to scan; its path."""
        body = {"site": "garden", "building": "3-2"} | more
        answer = self.api.post("/request-places", body, "desk")
        assert answer.status_code == 201, answer.text
        return answer.json()["path"]

    def form(self, path: str, **more: str) -> dict[str, str]:
        """Open the form of a place and fill it in."""
        page = self.api.client.get(path)
        assert page.status_code == 200, page.text
        (token,) = TOKEN.findall(page.text)
        fields = {"room": "3-2-501", "fault": "tap", "name": NAME, "phone": PHONE, "text": SAID}
        return fields | {"token": token} | more

    def send(self, path: str, form: dict[str, str], **headers: str) -> Response:
        """Send a form without following where it leads."""
        return self.api.client.post(path, data=form, headers=headers, follow_redirects=False)

    def asked(self, path: str, **more: str) -> str:
        """Ask over the public page; the path of the status."""
        answer = self.send(path, self.form(path, **more))
        assert answer.status_code == 303, answer.text
        return "/r/" + answer.headers["location"]

    def other_process(self) -> None:
        """Let another process answer from now on: it has the same records and nothing else."""
        state = cast("FastAPI", self.api.client.app).state
        state.doorkeeper = Doorkeeper(self.api.records, self.api.clock)

    def count(self, table: type[Any]) -> int:
        """How many rows there are."""
        query = select(func.count()).select_from(table)
        return self.api.records.read(lambda session: session.scalar(query) or 0)

    def requests(self) -> list[RepairRequest]:
        """All requests."""
        query = select(RepairRequest).order_by(RepairRequest.id)
        return self.api.records.read(lambda session: list(session.scalars(query)))

    def orders(self) -> list[WorkOrder]:
        """All orders."""
        query = select(WorkOrder).order_by(WorkOrder.id)
        return self.api.records.read(lambda session: list(session.scalars(query)))
