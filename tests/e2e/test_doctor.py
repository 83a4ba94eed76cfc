"""``plantroom server doctor`` at a real server: while it runs, while it does not, and ill."""

import asyncio
import json
from pathlib import Path

import yaml

from plantroom.processes import free_port, plantroom_command
from tests.administrator import make_records
from tests.e2e.shipped_broker import PASSWORD, ShippedBroker, shipped_broker
from tests.forked import ForkedChild

USER = "plantroom-server"


class Doctor:
    """Asks the command, as a program does."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.status = -1
        self.said = ""

    async def levels(self) -> dict[str, str]:
        """Return the worst level of each check."""
        command = plantroom_command("server", "doctor", str(self._file), "--json")
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _ = await child.communicate()
        self.said = output.decode()
        self.status = child.returncode or 0
        order = ("ok", "warn", "fail")
        levels: dict[str, str] = {}
        for one in json.loads(self.said)["findings"]:
            assert one["level"] == "ok" or one["advice"], one
            levels[one["check"]] = max(
                one["level"], levels.get(one["check"], "ok"), key=order.index
            )
        return levels


def write(folder: Path, broker: ShippedBroker, http: int) -> Path:
    password = folder / "mqtt.password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    file = folder / "server.yaml"
    mqtt = {
        "host": "localhost",
        "port": broker.port,
        "username": USER,
        "password_file": str(password),
        "tls": {"ca_file": str(broker.ca)},
    }
    file.write_text(yaml.safe_dump({"mqtt": mqtt, "http": {"port": http}}))
    return file


async def test_a_server_is_looked_at_while_it_runs_and_while_it_does_not(tmp_path: Path) -> None:
    async with shipped_broker(tmp_path, users=(USER,)) as broker:
        file = write(tmp_path, broker, free_port())
        doctor = Doctor(file)
        levels = await doctor.levels()
        assert doctor.status == 2
        assert levels["records"] == "fail"
        assert "plantroom server init" in doctor.said
        make_records(file)
        (tmp_path / "data").chmod(0o750)
        run = plantroom_command("server", "run", str(file))
        log = tmp_path / "server.log"
        async with ForkedChild("server", run, log=log, ready_event="server_ready") as server:
            levels = await doctor.levels()
            good = {"versions", "configuration", "port", "files", "records", "outbox"}
            assert {levels[name] for name in good - {"configuration"}} == {"ok"}, doctor.said
            assert f"runs as process {server.pid}" in doctor.said
            assert "the server is connected" in doctor.said
            # The house of the tests makes certificates for days.
            assert levels["broker"] == "warn"
            assert "its certificate: 2 days left" in doctor.said
            assert levels["gateways"] == levels["history"] == "warn"  # none has reported
            assert levels["people"] == "fail"
        levels = await doctor.levels()
        assert "may say and hear what a host must" in doctor.said
        assert levels["records"] == levels["port"] == "ok", doctor.said
        assert levels["broker"] == "warn", doctor.said
        assert levels["server"] == "warn"
        assert PASSWORD not in doctor.said


async def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    rights = "user plantroom-server\ntopic read spBv1.0/#\n"
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    http = taken.sockets[0].getsockname()[1]
    async with taken, shipped_broker(tmp_path, users=(USER,), rights=rights) as broker:
        file = write(tmp_path, broker, http)
        make_records(file)
        with (tmp_path / "data" / "records.sqlite").open("r+b") as records:
            records.seek(3 * 4096)
            records.write(b"\xff" * 4096)
        history = tmp_path / "data" / "history"
        history.mkdir()
        (history / "2026-11-01.parquet.damaged-1").touch()
        (history / "history.duckdb").write_bytes(b"no database" * 1000)
        doctor = Doctor(file)
        levels = await doctor.levels()
        assert doctor.status == 2
        for check in ("broker", "records", "history", "port"):
            assert levels[check] == "fail", (check, doctor.said)
        assert "may not write" in doctor.said
        assert "2026-11-01.parquet.damaged-1" in doctor.said
        assert (history / "history.duckdb").exists()
        assert PASSWORD not in doctor.said
    levels = await doctor.levels()
    assert levels["broker"] == "fail"
    assert "is not reached" in doctor.said


async def test_a_file_that_is_refused_is_a_finding_as_well(tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    file.write_text("htpp: {}\n")
    doctor = Doctor(file)
    assert (await doctor.levels())["configuration"] == "fail"
    assert doctor.status == 2
