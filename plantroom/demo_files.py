"""What the demo writes into its folder: configuration, secrets, credentials."""

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import yaml

USER = "admin"


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


def load_secrets(folder: Path) -> Secrets:
    """Return the folder's secrets, made on the first run and readable by the owner only."""
    return Secrets(
        password=_kept(folder / "password", lambda: secrets.token_urlsafe(12)),
        webhook=_kept(
            folder / "webhook.secret",
            lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        ),
    )


def write_server_file(folder: Path, ports: Ports) -> Path:
    """Write server.yaml and return its path."""
    path = folder / "server.yaml"
    settings = {
        "data_dir": "data",
        "mqtt": {"host": "127.0.0.1", "port": ports.mqtt},
        "http": {"host": "127.0.0.1", "port": ports.http},
        "messages": {
            "webhooks": [
                {
                    "name": "heating-supplier",
                    "url": f"http://127.0.0.1:{ports.webhook}/hook",
                    "secret_file": "webhook.secret",
                    "allow_private": True,
                }
            ]
        },
    }
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    return path


def write_credentials(folder: Path, *, url: str, secrets: Secrets, token: str) -> Path:
    """Write credentials.json, which says how to log in and call the API."""
    path = folder / "credentials.json"
    credentials = {"url": url, "user": USER, "password": secrets.password, "token": token}
    _write_private(path, json.dumps(credentials, indent=2) + "\n")
    return path


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        _write_private(path, make() + "\n")
    return path.read_text().strip()


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
