"""The whole server: an order over HTTP becomes words in a chat, and a link in them acknowledges."""

import asyncio
from pathlib import Path

import httpx
from sqlalchemy.orm import Session

from config.channels import DingTalkChannel, HeartbeatSettings, LinkSettings
from config.mqtt import MqttSettings
from config.server import MessageSettings
from server.core.clock import SystemClock
from server.core.records import Records
from server.first_user import make_administrator
from server.incidents.model import Incident
from server.messages.receivers import Receiver
from tests.contract.api.test_api_messages import incident_with_message
from tests.contract.channels.rigs import PHONE
from tests.e2e.test_server_process import running, settings_in
from tests.fakes.message_house import write_message
from tests.fakes.providers import SECRET, TOKEN, DingTalkServer
from tests.fakes.webhook_receiver import WebhookReceiver
from tests.mosquitto import Mosquitto


async def test_a_test_message_arrives_and_a_link_acknowledges(tmp_path: Path) -> None:
    for name, text in (("token", TOKEN), ("secret", SECRET), ("link", "k" * 40)):
        (tmp_path / name).write_text(text)
    # Without the role ingest the newest values come over the broker.
    broker = Mosquitto(tmp_path / "broker")
    async with broker, DingTalkServer() as ding, WebhookReceiver() as heartbeats:
        ding.clock.utc_ms = SystemClock().now_ms()
        messages = MessageSettings(
            channels={
                "ding": DingTalkChannel(
                    kind="dingtalk",
                    token_file=tmp_path / "token",
                    secret_file=tmp_path / "secret",
                    endpoint=ding.origin,
                    allow_private=True,
                )
            },
            links=LinkSettings(base_url="http://plant.example", secret_file=tmp_path / "link"),
            heartbeat=HeartbeatSettings(url=heartbeats.url, allow_private=True),
        )
        mqtt = MqttSettings(host="127.0.0.1", port=broker.port)
        settings = settings_in(tmp_path).model_copy(update={"messages": messages, "mqtt": mqtt})
        made = make_administrator(
            settings,
            name="admin",
            password="correct horse battery",
            token=True,
            clock=SystemClock(),
        )
        bearer = {"Authorization": f"Bearer {made.token}"}
        roles = frozenset({"api", "jobs"})
        async with running(settings, roles) as url, httpx.AsyncClient(base_url=url) as client:
            answer = await client.post("/api/v1/channels/ding/test", headers=bearer)
            assert answer.status_code == 202
            await ding.wait_for(1)
            assert "测试消息" in ding.texts[0]
            incident = await asyncio.to_thread(_incident, settings.records.url)
            await ding.wait_for(2)
            link = next(one for one in ding.texts[1].splitlines() if "/a/" in one)
            path = link.partition("plant.example")[2]
            assert "<form" in (await client.get(path)).text
            assert (await client.post(path)).status_code == 200
            shown = await client.get(f"/api/v1/incidents/{incident}", headers=bearer)
            assert shown.json()["acknowledged_by"] == "li"
            await heartbeats.wait_for(1)


def _incident(url: str) -> int:
    """An incident, and a message to li by the robot."""

    def write(session: Session) -> int:
        # The message that the incident brings names a channel that this server does not have.
        return incident_with_message(session)

    with Records.open(url) as records:
        number = records.write(write)
        way = Receiver("li", "ding", PHONE)
        now = SystemClock().now_ms()
        write_message(records, "to-li", way, now=now, severity="urgent", incident_id=number)
        assert records.read(lambda session: session.get_one(Incident, number)).closed_at is None
    return number
