"""What is built is installed: the wheel in an empty environment, the packages on a Debian."""

import asyncio
import os
import subprocess
import sys
import venv
from pathlib import Path

import httpx
import pytest
import yaml

from plantroom.processes import Child, free_port
from tests.e2e.packages import NEXT, Packages
from tests.machine import ROOT, Machines
from tests.mosquitto import Mosquitto
from tests.patience import PATIENCE_S

DASHBOARD = Path("server", "dashboard")
pytestmark = [pytest.mark.timeout(900), pytest.mark.installs]


async def test_a_wheel_holds_everything_that_runs(packages: Packages, tmp_path: Path) -> None:
    await asyncio.to_thread(venv.create, tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    # What is never imported needs no byte code.
    options = ["--no-compile", "--constraint", str(ROOT / "constraints.txt")]
    await asyncio.to_thread(
        subprocess.run,
        [*install, *options, f"{packages.wheel}[server]"],
        check=True,
        env=os.environ | packages.pip_settings(sys.executable),
    )
    plantroom = str(tmp_path / "venv" / "bin" / "plantroom")
    alone = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [plantroom, *arguments], cwd=tmp_path, env=alone, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    async with Mosquitto(tmp_path / "broker") as broker:
        url = f"http://127.0.0.1:{(port := free_port())}"
        settings = {"mqtt": {"port": broker.port}, "http": {"port": port}}
        (tmp_path / "server.yaml").write_text(yaml.safe_dump(settings))
        (tmp_path / "password").write_text("correct horse battery")
        said = await asyncio.to_thread(
            run, "server", "init", "server.yaml", "--user", "admin", "--password-file", "password",
            "--token",
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {said.split()[-1]}"}
        assert "heating_pump" in await asyncio.to_thread(run, "server", "check", "server.yaml")
        agent = (ROOT / "config" / "examples" / "agent.yaml").read_text()
        (tmp_path / "agent.yaml").write_text(agent)
        assert "grundfos-magna3" in await asyncio.to_thread(run, "agent", "check", "agent.yaml")
        command = [plantroom, "server", "run", str(tmp_path / "server.yaml")]
        log = tmp_path / "server.log"
        async with (
            Child("server", command, log=log, ready_event="server_ready"),
            httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE_S) as http,
        ):
            for path in ("/", "/docs", "/api/v1/openapi.json", "/api/v1/classes", "/readyz"):
                assert (await http.get(path)).status_code == 200, path
            page = (await http.get("/")).text
            assert 'src="' in page or 'href="' in page


def test_nothing_that_runs_is_left_out_of_the_wheel_and_no_test_is_in_it(
    packages: Packages, tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", "zipfile", "-e", str(packages.wheel), str(tmp_path)], check=True
    )
    rooms = ("config", "edge_agent", "plantroom", "protocols", "server", "simulators")
    expected = {
        path.relative_to(ROOT)
        for room in rooms
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    found = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    # Of the dashboard what is built goes in, not its sources.
    assert {DASHBOARD / "__init__.py", DASHBOARD / "dist" / "index.html"} <= found
    assert not [path for path in found if path.suffix in {".ts", ".vue"}]
    whole = {path for path in found if ".dist-info" not in path.parts[0]}
    assert _but_dashboard(whole) == _but_dashboard(expected)


def _but_dashboard(paths: set[Path]) -> set[Path]:
    return {path for path in paths if not path.is_relative_to(DASHBOARD)}


def test_a_package_is_installed_upgraded_replaced_removed_and_purged(
    packages: Packages, tmp_path: Path
) -> None:
    machine = Machines(tmp_path)
    machine.put({"/root/one.deb": packages.server, "/root/two.deb": packages.newer(tmp_path)})
    machine.put({"/root/agent.deb": packages.agent})
    machine.run_there(
        f"""
        exec 2>&1
        apt-get install -y ./one.deb >/dev/null
        getent passwd plantroom | grep nologin
        test "$(stat -c '%U:%G %a' /etc/plantroom)" = 'root:plantroom 750'
        for name in server agent; do
            test "$(stat -c '%U:%G %a' /var/lib/plantroom-$name)" = 'plantroom:plantroom 750'
            grep -q '^ExecStart=/opt/plantroom/bin/plantroom' \\
                /usr/lib/systemd/system/plantroom-$name.service
        done
        systemd-analyze verify --man=no plantroom-server.service plantroom-agent.service
        head -1 /opt/plantroom/bin/plantroom | grep -x '#!/opt/plantroom/bin/python'
        if grep -rIl {packages.server.parent} /opt/plantroom /etc/plantroom; then exit 1; fi
        plantroom agent check /etc/plantroom/agent.yaml | grep grundfos-magna3
        echo 'a password of 20 signs' >/etc/plantroom/mqtt.password
        chown plantroom: /etc/plantroom/mqtt.password
        chmod 600 /etc/plantroom/mqtt.password
        cp -p /etc/plantroom/mqtt.password /tmp/password
        as() {{ runuser -u plantroom -- "$@"; }}
        as plantroom server init /etc/plantroom/server.yaml --user admin \\
            --password-file /tmp/password
        systemctl enable --now plantroom-server
        sed -i 's/^# The server as/# Ours: the server as/' /etc/plantroom/server.yaml
        for again in $(seq 200); do
            test -S /var/lib/plantroom-server/control.sock && break; sleep 0.1
        done
        as plantroom server doctor /etc/plantroom/server.yaml | tee doctor || true
        grep -q 'runs as process' doctor

        apt-get install -y -o Dpkg::Options::=--force-confdef ./two.deb >/dev/null
        dpkg-query -W plantroom | grep {NEXT}
        test -e /opt/plantroom/only-in-the-newer
        test ! -e /usr/share/plantroom/CHANGELOG.md
        grep -q 'Ours: the server as' /etc/plantroom/server.yaml
        head -1 /etc/plantroom/agent.yaml | grep 'of the newer'
        systemctl restart plantroom-server
        systemctl stop plantroom-server
        apt-get install -y ./agent.deb >/dev/null
        dpkg-query -W -f '${{Status}}' plantroom | grep 'deinstall'
        plantroom agent check /etc/plantroom/agent.yaml | grep grundfos-magna3
        if /opt/plantroom/bin/python -c 'import fastapi'; then exit 1; fi
        test -e /var/lib/plantroom-server/records.sqlite
        test ! -e /opt/plantroom/only-in-the-newer

        apt-get remove -y plantroom-agent >/dev/null
        test ! -e /opt/plantroom/bin/plantroom
        test ! -e /usr/bin/plantroom
        grep -q 'Ours: the server as' /etc/plantroom/server.yaml
        apt-get purge -y plantroom plantroom-agent | tee purge
        test ! -e /etc/plantroom/server.yaml
        test ! -e /etc/plantroom/agent.yaml
        grep 'plantroom: /var/lib/plantroom-server is kept' purge
        test -e /var/lib/plantroom-server/records.sqlite
        test -e /etc/plantroom/mqtt.password
        test ! -e /opt/plantroom
        echo all of it
        """
    )
    assert machine.go().rstrip().endswith("all of it")
