"""What is wrong between a host and its broker is told once, and is over when it is over."""

import pytest
from structlog.testing import capture_logs

from config.connection_files import why_refused
from config.mqtt import MqttSettings
from server.ingest.broker_talk import UNHEARD_S, BrokerTalk

SETTINGS = MqttSettings(host="broker", username="plantroom-server")


def test_each_cause_is_told_once_until_it_changes() -> None:
    talk = BrokerTalk(SETTINGS, state_topic="spBv1.0/STATE/plantroom")
    with capture_logs() as logs:
        for _ in range(3):
            talk.unreachable("Connection refused")
        for _ in range(3):
            talk.refused("Not authorized")
    assert [entry["event"] for entry in logs] == ["mqtt_unreachable", "mqtt_refused"]
    assert "'plantroom-server'" in talk.problem
    talk.born(0.0)
    assert talk.problem == ""


def test_a_host_that_never_hears_itself_has_no_right_to_its_state() -> None:
    talk = BrokerTalk(SETTINGS, state_topic="spBv1.0/STATE/plantroom")
    with capture_logs() as logs:
        talk.born(0.0)
        talk.look(UNHEARD_S - 1)
        assert talk.problem == ""
        for _ in range(3):
            talk.look(UNHEARD_S)
        # The same again after the broker was restarted is no news.
        talk.lost()
        talk.born(100.0)
        talk.look(100.0 + UNHEARD_S)
    assert [entry["event"] for entry in logs] == ["own_state_unheard"]
    assert "deploy/mosquitto.acl" in talk.problem
    talk.heard()
    assert talk.problem == ""


def test_a_host_that_hears_itself_in_time_complains_of_nothing() -> None:
    talk = BrokerTalk(SETTINGS, state_topic="spBv1.0/STATE/plantroom")
    talk.born(0.0)
    talk.heard()
    talk.look(1000.0)
    assert talk.problem == ""


@pytest.mark.parametrize(
    ("said", "username", "told"),
    [
        ("Not authorized", "gw", "does not know user 'gw'"),
        ("Bad user name or password", "gw", "does not know user 'gw'"),
        ("Not authorized", None, "wants a user (mqtt.username)"),
        ("Server unavailable", "gw", "Server unavailable"),
    ],
)
def test_a_refusal_names_the_user_where_it_is_about_the_user(
    said: str, username: str | None, told: str
) -> None:
    why = why_refused(MqttSettings(username=username), said)
    assert told in why
    assert why.startswith(said)
