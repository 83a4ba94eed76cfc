"""The machine: versions, clock, port, services."""

import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Generator, Mapping
from importlib.metadata import version
from pathlib import Path

import httpx

from config.machine_clock import synchronised
from config.server import ServerSettings
from server.doctor.condition import Condition
from server.doctor.finding import Finding, Level, bad, ok, warn

_SYSTEMD = Path("/run/systemd/system")
_ASKED = "LoadState,ActiveState,SubState,UnitFileState,NRestarts"
_UNITS = ("plantroom-server.service", "mosquitto.service", "plantroom-agent.service")
_ANSWER_S = 5.0
_MANY_STARTS = 3


def look_at_versions(running: Mapping[str, Condition]) -> Generator[Finding]:
    """Yield what is installed here, and what runs, by name."""
    system = _system_name()
    mine = version("plantroom")
    packages = ", ".join(f"{name} {version(name)}" for name in ("sqlalchemy", "duckdb", "pyarrow"))
    yield ok("versions", f"Plantroom {mine}, Python {platform.python_version()}, {system}")
    yield ok("versions", packages)
    for name, one in running.items():
        if one.version != mine:
            yield warn(
                "versions",
                f"the {name} that runs is Plantroom {one.version}, installed is {mine}",
                "restart it: systemctl restart plantroom-server; of a divided house each process",
            )


def look_at_clock() -> Generator[Finding]:
    """Yield whether the clock is kept right: alarms, calls and certificates need it."""
    if synchronised():
        yield ok("clock", "synchronised")
    else:
        yield warn(
            "clock",
            "the kernel does not know that the clock is synchronised",
            "install and enable chrony or systemd-timesyncd, and see: timedatectl",
        )


def look_at_server(running: Condition | None) -> Generator[Finding]:
    """Yield what a server that runs says of its own parts."""
    if running is None:
        yield warn(
            "server",
            "no server of this data folder runs",
            "start it: systemctl start plantroom-server; what is found here is of a stopped one",
        )
        return
    yield ok("server", f"runs as process {running.pid}")
    yield from look_at_parts(running, log="journalctl -u plantroom-server")


def look_at_parts(running: Condition, *, log: str, whose: str = "") -> Generator[Finding]:
    """Yield what a process says of its parts; ``whose`` stands before each."""
    for name, works in sorted(running.parts.items()):
        if not works:
            advice = running.notes.get(name, "") or f"see its log: {log}"
            yield bad("server", f"{whose}part {name} does not work", advice)
    for name, late_s in sorted(running.late_s.items()):
        text = f"{whose}part {name} is {late_s:.0f} s late"
        yield warn("server", text, "see docs/performance.md")
    for name, note in sorted(running.notes.items()):
        if running.parts.get(name, True):
            yield warn("server", f"{whose}{name}: {note}", "see /readyz")


def look_at_port(settings: ServerSettings, *, runs: bool | None) -> Generator[Finding]:
    """Yield whether the interface answers, or whether its port is free for it.

    Args:
        settings: Say which.
        runs: Whether a server of this data folder does; None: in a process of its own, or not here.
    """
    host, port = settings.http.host, settings.http.port
    if port == 0:
        yield ok("port", "http.port is 0: any free port")
        return
    free = _free(host, port)
    if runs or (runs is None and free.level is not Level.OK):
        yield _answering(host, port)
    else:
        yield free


def look_at_services() -> Generator[Finding]:
    """Yield the state of the units, where systemd runs."""
    systemctl = shutil.which("systemctl")
    if not _SYSTEMD.is_dir() or systemctl is None:
        yield ok("services", "no systemd here: whatever starts the server keeps it running")
        return
    for unit in _UNITS:
        try:
            properties = _properties_of(unit, systemctl)
        except (OSError, subprocess.TimeoutExpired) as error:
            yield warn("services", f"systemd does not answer: {error}", "see: systemctl status")
            return
        if properties.get("LoadState") == "loaded":
            yield judge_unit(unit, properties)


def _properties_of(unit: str, systemctl: str) -> dict[str, str]:
    done = subprocess.run(  # noqa: S603 (a program of the system)
        [systemctl, "show", unit, "-p", _ASKED],
        capture_output=True,
        text=True,
        check=False,
        timeout=_ANSWER_S,
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def judge_unit(unit: str, properties: Mapping[str, str]) -> Finding:
    """Judge a unit by what ``systemctl show`` says of it."""
    active, enabled = properties.get("ActiveState", ""), properties.get("UnitFileState", "")
    restarts = properties.get("NRestarts", "0") or "0"
    text = f"{unit}: {active} ({properties.get('SubState', '')}), {enabled or 'not installed'}"
    if active == "failed":
        return bad("services", text, f"see why: systemctl status {unit}; journalctl -u {unit}")
    if active != "active":
        return warn("services", text, f"start it: systemctl enable --now {unit}")
    if enabled == "disabled":
        return warn("services", text, f"it does not start at boot: systemctl enable {unit}")
    if int(restarts) >= _MANY_STARTS:
        return warn("services", f"{text}, started again {restarts} times", f"journalctl -u {unit}")
    return ok("services", text)


def _answering(host: str, port: int) -> Finding:
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (what a file says)
    url = f"http://{f'[{near}]' if ':' in near else near}:{port}"
    try:
        answer = httpx.get(f"{url}/healthz", timeout=_ANSWER_S, trust_env=False)
    except httpx.HTTPError as error:
        return bad("port", f"{url} does not answer: {error}", "see the server's log")
    if answer.is_success and "parts" in answer.text:
        return ok("port", f"{url} answers")
    return bad("port", f"another program answers on {url}", f"who: ss -ltnp 'sport = :{port}'")


def _free(host: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            advice = f"who: ss -ltnp 'sport = :{port}'; or set http.host and http.port"
            return bad("port", f"{host}:{port} cannot be used: {why}", advice)
    return ok("port", f"{host}:{port} is free")


def _system_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()
