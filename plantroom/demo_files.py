"""What the demo writes into its folder: configuration, secrets, credentials."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from config.load import load_classes, load_profiles
from plantroom.processes import free_port
from simulators.agent_file import addresses_of, agent_file_for, agent_file_text
from simulators.estate import load_estate

USER = "admin"
_PHONES = {"engineer-phone": "Wang Wei", "lead-phone": "Li Min"}
"""Webhooks that stand for the telephones of the demo's people, and whose they are."""
_NOTICE = {
    "en": "Demonstration: simulated equipment; the week before the first start is made up.",
    "zh": "演示系统 · 设备为模拟 · 首次启动前一周的数据为生成数据",
}
_LIBRARIES = {"osdp_pty": "osdp_sys", "mbus_pty": "meterbus"}
"""Endpoints of the estate that need a library of an extra."""


class Ports(NamedTuple):
    """Loopback ports of one run."""

    http: int
    mqtt: int
    webhook: int
    agent_status: int


class Secrets(NamedTuple):
    """What the folder keeps from run to run."""

    password: str
    webhook: str
    """Signing secret, with the prefix whsec_."""
    second_password: str
    """Of the person who confirms what takes two."""
    second_token: str
    """Empty on the first run."""


def load_secrets(folder: Path) -> Secrets:
    """Return the folder's secrets, made on the first run and readable by the owner only."""
    return Secrets(
        password=kept_secret(folder / "password", lambda: secrets.token_urlsafe(12)),
        webhook=kept_secret(
            folder / "webhook.secret",
            lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        ),
        second_password=kept_secret(folder / "second.password", lambda: secrets.token_urlsafe(18)),
        second_token=_kept_token(folder, "second_token"),
    )


def write_server_file(folder: Path, ports: Ports, more: Mapping[str, Any]) -> Path:
    """Write server.yaml with further settings and return its path."""
    path = folder / "server.yaml"
    hook: dict[str, Any] = {
        "url": f"http://127.0.0.1:{ports.webhook}/hook",
        "secret_file": "webhook.secret",
        "allow_private": True,
    }
    settings: dict[str, Any] = {
        "data_dir": "data",
        "schematic_files": _write_schematics(folder),
        "mqtt": {"host": "127.0.0.1", "port": ports.mqtt},
        "http": {"host": "127.0.0.1", "port": ports.http, "notice": _NOTICE},
        "messages": {
            "webhooks": [
                {"name": "heating-supplier", "trades": ["heating"], **hook},
                # Only those hear here whom an escalation calls.
                *({"name": name, "severities": [], **hook} for name in _PHONES),
            ]
        },
        **more,
    }
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    return path


def _write_schematics(folder: Path) -> str:
    """Copy the schematics of the estate's own into the folder and return what theirs is called."""
    own = folder / "schematics"
    own.mkdir(exist_ok=True)
    for source in resources.files("simulators").joinpath("schematics").iterdir():
        (own / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    return own.name


def write_people_file(folder: Path) -> Path:
    """Write people.yaml: an engineer who is always on duty, and a lead who is called after 30 s."""
    engineer, lead = (
        {"name": name, "languages": ["en", "zh"], "channels": [{"channel": phone}]}
        for phone, name in _PHONES.items()
    )
    always = {"start": "08:00", "end": "08:00", "persons": ["wang"], "leader": "li"}
    steps = [{"after_s": 0, "who": ["on_duty"]}, {"after_s": 30, "who": ["leader"]}]
    people = {
        "persons": {"wang": engineer, "li": {**lead, "role": "lead"}},
        "rosters": {"house": {"name": "Duty of the estate", "shifts": [always]}},
        "policies": {"demo": {"steps": steps, "idle_s": 120}},
    }
    path = folder / "people.yaml"
    path.write_text(yaml.safe_dump(people, sort_keys=False, allow_unicode=True))
    return path


def write_credentials(folder: Path, *, url: str, secrets: Secrets, token: str) -> Path:
    """Write credentials.json, which says how to log in and call the API."""
    path = folder / "credentials.json"
    credentials = {
        "url": url,
        "user": USER,
        "password": secrets.password,
        "token": token,
        "second_token": secrets.second_token,
    }
    _write_private(path, json.dumps(credentials, indent=2) + "\n")
    return path


def write_estate_file(folder: Path) -> Path:
    """Copy the simulated estate into the folder, its lines beside it, and return its path."""
    text = resources.files("simulators").joinpath("estate.yaml").read_text(encoding="utf-8")
    content = _without_missing_libraries(yaml.safe_load(text))
    for name, endpoint in content["endpoints"].items():
        if "path" in endpoint:
            endpoint["path"] = str((folder / f"{name}.pty").absolute())
        if "key_file" in endpoint:
            endpoint["key_file"] = str((folder / f"{name}.keys").absolute())
        if endpoint["kind"] == "gb26875_tcp":
            endpoint["port"] = free_port()  # the agent listens there, and the panel connects
    path = folder / "estate.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return path


def _without_missing_libraries(content: dict[str, Any]) -> dict[str, Any]:
    """Leave out what needs an extra of the package that is not installed."""
    gone = {
        name
        for name, endpoint in content["endpoints"].items()
        if (library := _LIBRARIES.get(endpoint["kind"])) and find_spec(library) is None
    }
    units = {name: one for name, one in content["units"].items() if one["endpoint"] not in gone}
    return {
        **content,
        "endpoints": {k: one for k, one in content["endpoints"].items() if k not in gone},
        "units": units,
        "script": [step for step in content["script"] if step["unit"] in units],
    }


def describe_estate(path: Path) -> list[str]:
    """Return a line for each device of the estate: its name, and what it is."""
    units = load_estate(path).units
    profiles, classes = load_profiles(), load_classes()
    width = max(len(unit.name.en) for unit in units.values())
    lines: list[str] = []
    for unit in units.values():
        product = profiles.get(unit.profile or "")
        about = classes[unit.equipment].name.en if unit.equipment in classes else unit.equipment
        if product is not None:
            kind = classes[product.equipment_class].name.en
            about = f"{kind}: {product.maker} {product.model}"
        lines.append(f"{unit.name.en:{width}}  {about}")
    return lines


def write_agent_file(
    folder: Path, estate_file: Path, ready: Mapping[str, Any], ports: Ports
) -> Path:
    """Write agent.yaml, which polls the estate, and return its path."""
    content = agent_file_for(
        load_estate(estate_file),
        addresses_of(ready),
        mqtt={"port": ports.mqtt},
        status={"port": ports.agent_status},
    )
    path = folder / "agent.yaml"
    path.write_text(agent_file_text(content))
    return path


def kept_token(folder: Path) -> str:
    """Return the API token of an earlier run, or an empty string."""
    return _kept_token(folder, "token")


def _kept_token(folder: Path, name: str) -> str:
    path = folder / "credentials.json"
    return json.loads(path.read_text()).get(name, "") if path.exists() else ""


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Return what a file says that only its owner may read, made on the first run."""
    if not path.exists():
        _write_private(path, make() + "\n")
    return path.read_text().strip()


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
