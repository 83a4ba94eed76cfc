"""A server by itself, without a broker, that a story stops and starts under its page."""

import signal
import subprocess
import threading
from pathlib import Path

import httpx
import yaml
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from config.load_server import load_server
from plantroom.processes import free_port, plantroom_command
from server.assets.model import Site
from tests.administrator import make_records
from tests.e2e.demo_child import lines_until
from tests.patience import PATIENCE_S

SITE = "riverside"


class LoneServer:
    """Real processes on a free loopback port, with one estate in the records."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "server.yaml"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        settings = {"mqtt": {"port": free_port()}, "http": {"port": port}}
        self._file.write_text(yaml.safe_dump(settings))
        token = make_records(self._file)
        engine = create_engine(load_server(self._file).records.url)
        with Session(engine) as session:
            session.add(Site(key=SITE))
            session.commit()
        engine.dispose()
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=PATIENCE_S)
        self._running: subprocess.Popen[str] | None = None
        self._reading: threading.Thread | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._running = subprocess.Popen(
            plantroom_command("server", "run", str(self._file)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        lines_until(self._running, "server_ready")
        assert self._running.stdout is not None
        # What is not read fills the pipe and stops the server.
        self._reading = threading.Thread(target=self._running.stdout.read, daemon=True)
        self._reading.start()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, by a signal, if it runs; its processes for HTTP end with it."""
        if self._running is None:
            return
        self._running.send_signal(number)
        self._running.wait(timeout=PATIENCE_S)
        if self._reading is not None:
            self._reading.join(timeout=PATIENCE_S)
        if self._running.stdout is not None:
            self._running.stdout.close()
        self._running = self._reading = None
