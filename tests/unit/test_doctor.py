"""What the doctor makes of what it sees, without a machine."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from config.load_server import load_server
from config.mqtt import MqttSettings
from server.core.errors import StoreError
from server.doctor import machine
from server.doctor.broker import look_at_certificates
from server.doctor.finding import Level, as_json, as_text, bad, of_days_left, of_space, ok, warn
from server.doctor.machine import judge_unit, look_at_services
from server.doctor.secrets import Redaction, look_at_modes, secrets_of
from server.enrolment.certificates import ends_of
from server.history.base import Batch
from server.history.duckdb import DuckHistory
from server.history.glance import glance_at, newest_in
from tests.fakes.agent_clock import FakeClock
from tests.fakes.mail_server import CERTIFICATE

SECRET, TOKEN = "whsec_c2VjcmV0IG9mIHRoZSBob29r", "robot-token-123"
FILE = f"""\
mqtt: {{username: plantroom-server, password_file: mqtt.password}}
records: {{url: "postgresql+psycopg://plantroom:s3cr3t%40db@127.0.0.1/plantroom"}}
messages:
  webhooks:
    - name: crm
      url: "https://crm.example/hooks/T0123456789?key={TOKEN}"
      secret_file: hook.secret
  heartbeat: {{url: "https://watch.example/ping/0f8fad5b-d9cb"}}
"""


@pytest.mark.parametrize(
    ("days", "level"), [(400, Level.OK), (30, Level.OK), (29, Level.WARN), (0, Level.FAIL)]
)
def test_a_certificate_is_renewed_a_month_before_it_ends(days: float, level: Level) -> None:
    finding = of_days_left("broker", "its certificate", days, advice="renew it")
    assert finding.level is level
    assert bool(finding.advice) is (level is not Level.OK)


@pytest.mark.parametrize(
    ("free", "per_day", "to_come", "level", "says"),
    [
        (100e9, None, 700, Level.OK, "known after the first whole day"),
        (100e9, 10e6, 700, Level.OK, "enough for all that is kept"),
        (100e9, 200e6, 700, Level.OK, "full in 500 days"),
        (10e9, 200e6, 700, Level.WARN, "full in 50 days"),
        (1e9, 200e6, 700, Level.FAIL, "full in 5 days"),
        (1e9, 200e6, 0, Level.OK, "enough for all that is kept"),
        (1e8, 1.0, 0, Level.FAIL, "0.1 of 200.0 GB free"),
    ],
)
def test_a_disk_is_judged_by_what_comes_until_as_much_is_deleted(
    free: float, per_day: float | None, to_come: float, level: Level, says: str
) -> None:
    finding = of_space(
        "disk", "/data", free=int(free), whole=int(200e9), per_day=per_day, days_to_come=to_come
    )
    assert finding.level is level
    assert says in finding.text


@pytest.mark.parametrize(
    ("active", "enabled", "restarts", "level"),
    [
        ("active", "enabled", "0", Level.OK),
        ("active", "enabled", "7", Level.WARN),
        ("active", "disabled", "0", Level.WARN),
        ("inactive", "enabled", "0", Level.WARN),
        ("failed", "enabled", "5", Level.FAIL),
    ],
)
def test_a_unit_is_judged_by_what_systemd_says(
    active: str, enabled: str, restarts: str, level: Level
) -> None:
    said = {"ActiveState": active, "UnitFileState": enabled, "NRestarts": restarts}
    assert judge_unit("plantroom-server.service", said).level is level


def test_a_systemd_that_does_not_answer_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "systemctl"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(machine, "_SYSTEMD", tmp_path)
    monkeypatch.setattr(machine, "_ANSWER_S", 0.02)
    (finding,) = look_at_services()
    assert (finding.level, "does not answer" in finding.text) == (Level.WARN, True)


def test_no_secret_is_printed_wherever_it_came_from(tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    file.write_text(FILE)
    (tmp_path / "mqtt.password").write_text("correct horse battery\n")
    (tmp_path / "hook.secret").write_text(SECRET)
    secrets = (SECRET, TOKEN, "correct horse battery", "s3cr3t@db", "s3cr3t%40db", "0f8fad5b-d9cb")
    clean = Redaction(secrets_of(load_server(file)))
    finding = clean(bad("broker", " ".join(secrets), f"at https://crm.example/hooks?key={TOKEN}"))
    assert not [one for one in secrets if one in as_text([finding])]
    assert "crm.example" in finding.advice


def test_secrets_that_others_can_read_are_named_with_their_option(tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    file.write_text(FILE)
    (tmp_path / "mqtt.password").write_text("correct horse battery\n")
    (tmp_path / "mqtt.password").chmod(0o644)
    found = list(look_at_modes(load_server(file)))
    said = {one.level: f"{one.text} {one.advice}" for one in found}
    assert set(said) == {Level.WARN, Level.FAIL}
    assert "mode 0644" in said[Level.WARN]
    assert "(mqtt.password_file)" in said[Level.WARN]
    assert f"chmod 600 {tmp_path / 'mqtt.password'}" in said[Level.WARN]
    assert "(messages.webhooks.0.secret_file)" in said[Level.FAIL]


def test_lines_say_what_to_do_and_the_sum() -> None:
    found = [ok("clock", "right"), warn("gateways", "g1 is away", "go there")]
    assert as_text(found).splitlines() == [
        "ok    clock     right",
        "warn  gateways  g1 is away",
        "                -> go there",
        "1 ok, 1 warn, 0 fail",
    ]
    assert as_json(found)["level"] == "warn"


def test_a_stopped_store_is_looked_at_without_being_changed(tmp_path: Path) -> None:
    assert newest_in(tmp_path) is None
    with closing(DuckHistory(tmp_path, memory_limit_mb=200)) as history:
        assert newest_in_use(tmp_path)
        batch = Batch()
        batch.add(1, 1_764_400_000_000, 3.5)
        batch.add(2, 1_764_300_000_000, "on")
        history.append(batch)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    assert newest_in(tmp_path) == 1_764_400_000_000
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def newest_in_use(folder: Path) -> bool:
    """Whether the file of a store that is open is still read; DuckDB knows its own process."""
    with pytest.raises(StoreError, match=r"history\.duckdb"):
        newest_in(folder)
    return True


def test_the_size_of_a_day_is_that_of_the_last_ones(tmp_path: Path) -> None:
    for day, size in (("2026-11-01", 9_000_000), ("2026-11-02", 1000), ("2026-11-02_2", 1000)):
        (tmp_path / f"{day}.parquet").write_bytes(b"x" * size)
    (tmp_path / "2026-11-03.parquet.damaged-1").touch()
    found = glance_at(tmp_path)
    assert found.aside == ["2026-11-03.parquet.damaged-1"]
    assert found.oldest_ms == 1_793_491_200_000
    assert found.bytes_per_day == pytest.approx(4_501_000)


def test_certificates_that_the_server_file_does_not_name_are_looked_at_as_well(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    (end,) = ends_of(CERTIFICATE.read_bytes())
    clock.advance(end.timestamp() - clock.now_ms() / 1000 - 10 * 86_400)
    torn = tmp_path / "torn.crt"
    torn.write_text("nothing")
    good, missing = look_at_certificates(MqttSettings(), (CERTIFICATE, torn), clock)
    assert (good.level, good.text) == (Level.WARN, f"{CERTIFICATE}: 10 days left")
    assert missing.level is Level.FAIL
    assert str(torn) in missing.text
