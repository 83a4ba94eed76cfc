import gc
import tracemalloc
from pathlib import Path, PurePath
from types import SimpleNamespace

import pytest

from config.errors import ConfigError
from config.load import (
    _packaged_class,
    _packaged_profile,
    load_agent,
    load_classes,
    load_profiles,
)
from config.load_server import load_server
from config.source import Document

AGENT = """
site: estate1
gateway: gw1
ports:
  a: {kind: modbus_tcp, host: 192.0.2.1}
devices:
  p1:
    port: a
    profile: xy-md02
    name: {en: Room, zh: 室}
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_a_missing_file_is_a_config_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: no such file"):
        load_agent(tmp_path / "absent.yaml")


def test_a_folder_in_place_of_a_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_server(tmp_path)


def test_a_missing_folder_of_device_files_is_a_config_error(tmp_path: Path) -> None:
    path = written(tmp_path, "agent.yaml", AGENT + "device_files: my-devices\n")
    with pytest.raises(ConfigError, match=r"device_files: the folder .*my-devices does not exist"):
        load_agent(path)


def test_paths_of_the_agent_file_are_relative_to_it(tmp_path: Path) -> None:
    text = AGENT + (
        "journal: {path: var/j.sqlite}\n"
        "mqtt: {username: u, password_file: /etc/secret, tls: {ca_file: ca.pem}}\n"
    )
    settings = load_agent(written(tmp_path, "site/agent.yaml", text)).settings
    assert settings.journal.path == tmp_path / "site/var/j.sqlite"
    assert settings.mqtt.password_file == Path("/etc/secret")
    assert settings.mqtt.tls is not None
    assert settings.mqtt.tls.ca_file == tmp_path / "site/ca.pem"
    assert settings.mqtt.tls.cert_file is None


def test_paths_are_absolute_when_the_file_is_named_relatively(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "agent.yaml", AGENT)
    monkeypatch.chdir(tmp_path)
    assert load_agent(Path("agent.yaml")).settings.journal.path == tmp_path / "journal.sqlite"


def test_the_journal_is_in_the_state_folder_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    state = tmp_path / "state"
    silent = written(tmp_path, "agent.yaml", AGENT + "journal: {max_bytes: 2000000}\n")
    assert load_agent(silent, state_dir=state).settings.journal.path == state / "journal.sqlite"
    assert load_agent(silent).settings.journal.path == tmp_path / "journal.sqlite"
    stated = written(tmp_path, "b.yaml", AGENT + "journal: {path: journal.sqlite}\n")
    assert load_agent(stated, state_dir=state).settings.journal.path == tmp_path / "journal.sqlite"


def test_what_the_server_stores_is_below_data_dir(tmp_path: Path) -> None:
    text = """
data_dir: var
messages: {webhooks: [{name: a, url: "https://x.example", secret_file: keys/a}]}
"""
    settings = load_server(written(tmp_path, "server.yaml", text))
    assert settings.data_dir == tmp_path / "var"
    assert settings.history.path == tmp_path / "var/history"
    assert settings.records.url == f"sqlite:///{tmp_path}/var/records.sqlite"
    assert settings.messages.webhooks[0].secret_file == tmp_path / "keys/a"


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://plantroom@db/plantroom", "sqlite:////var/lib/records.sqlite"]
)
def test_an_absolute_database_address_stays_as_it_is(tmp_path: Path, url: str) -> None:
    settings = load_server(written(tmp_path, "server.yaml", f"records: {{url: '{url}'}}\n"))
    assert settings.records.url == url


def test_words_that_yaml_1_1_would_twist_stay_what_they_are(tmp_path: Path) -> None:
    text = """
site: no
gateway: 2026-11-22
ports: {on: {kind: modbus_tcp, host: 1:30, port: 0502, timeout_s: 1e1}}
devices:
  off:
    port: on
    name: {en: Switch, zh: 开关}
    points:
      s: {table: input, address: 0x10, type: enum, enum: {0: off, 1: on}}
"""
    gateway = load_agent(written(tmp_path, "agent.yaml", text))
    port = gateway.settings.ports["on"]
    point = gateway.devices["off"].points["s"]
    assert (gateway.settings.site, gateway.settings.gateway) == ("no", "2026-11-22")
    assert port.model_dump(include={"host", "port", "timeout_s"}) == {
        "host": "1:30",
        "port": 502,
        "timeout_s": 10.0,
    }
    assert (point.address, point.enum) == (16, {0: "off", 1: "on"})


def test_a_byte_order_mark_and_windows_line_ends_are_harmless(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + AGENT.replace("\n", "\r\n").encode())
    assert load_agent(path).settings.site == "estate1"


def test_merge_keys_share_options_and_keep_the_line_of_a_mistake(tmp_path: Path) -> None:
    text = """
site: estate1
gateway: gw1
ports:
  a: &line {kind: modbus_tcp, host: 192.0.2.1, timeout_s: 3}
  b:
    <<: *line
    host: 192.0.2.2
devices:
  p1: {port: b, profile: xy-md02, name: {en: Room, zh: 室}}
"""
    ports = load_agent(written(tmp_path, "agent.yaml", text)).settings.ports
    assert ports["b"].model_dump(include={"host", "timeout_s"}) == {
        "host": "192.0.2.2",
        "timeout_s": 3.0,
    }
    wrong = written(tmp_path, "wrong.yaml", text.replace("host: 192.0.2.2", "hots: x"))
    with pytest.raises(ConfigError, match=r"wrong\.yaml:8: ports\.b\.hots: unknown key"):
        load_agent(wrong)


def test_the_agent_file_is_the_place_where_a_wrong_device_file_of_ones_own_shows(
    tmp_path: Path,
) -> None:
    written(tmp_path, "own/boiler.yaml", "profile: boiler\nmakr: x\n")
    path = written(tmp_path, "agent.yaml", AGENT + "device_files: own\n")
    with pytest.raises(ConfigError, match=r"boiler\.yaml:2: makr: unknown key; .* 'maker'"):
        load_agent(path)


def test_files_of_ones_own_add_to_and_replace_packaged_ones(tmp_path: Path) -> None:
    written(
        tmp_path,
        "room_climate.yaml",
        "class: room_climate\nname: {en: Garage, zh: 车库}\ntrade: heating\n"
        "points: {temperature: {name: {en: Temperature, zh: 温度}, kind: number, unit: °C}}\n",
    )
    classes = load_classes(tmp_path)
    assert classes["room_climate"].name.en == "Garage"
    assert classes["heating_pump"] == load_classes()["heating_pump"]
    assert load_classes()["room_climate"].name.en == "Room climate"


def test_packaged_files_hold_the_nine_classes_and_the_published_devices() -> None:
    assert set(load_classes()) >= {
        "access_control",
        "drainage",
        "electricity_meter",
        "elevator",
        "fire_panel",
        "gateway",
        "heating_pump",
        "room_climate",
        "water_leak",
    }
    assert set(load_profiles()) >= {
        "arkel-arcode",
        "eastron-sdm630",
        "grundfos-magna3",
        "rle-ld5000",
        "wilo-ec-lift",
        "xy-md02",
    }


def test_a_caller_cannot_spoil_the_packaged_files() -> None:
    load_profiles().clear()
    assert "xy-md02" in load_profiles()


def test_a_gateway_keeps_only_the_packaged_files_that_it_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def noted(source: PurePath) -> Document:
        read.append(source.name)
        return Document.read(source)

    monkeypatch.setattr("config.load.Document", SimpleNamespace(read=noted))
    _packaged_class.cache_clear()
    _packaged_profile.cache_clear()

    load_agent(written(tmp_path, "agent.yaml", AGENT))

    assert sorted(read) == ["agent.yaml", "room_climate.yaml", "xy-md02.yaml"]


@pytest.mark.long
def test_a_point_of_the_agent_file_is_in_memory_once(tmp_path: Path) -> None:
    points = "".join(
        f"      v{n}: {{table: input, address: {n}, type: int16}}\n" for n in range(500)
    )
    path = written(tmp_path, "agent.yaml", f"{AGENT}    points:\n{points}")
    load_agent(path)

    tracemalloc.start()
    try:
        gateway = load_agent(path)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert len(gateway.devices["p1"].points) > 500
    assert kept / 500 < 2400, kept / 500
