"""A real mosquitto on a loopback port, with the settings of deploy/mosquitto.conf that matter."""

import asyncio
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from plantroom.processes import Child, free_port

_SETTINGS = """\
listener {port} 127.0.0.1
allow_anonymous true
max_inflight_messages 1000
max_queued_messages 200000
set_tcp_nodelay true
persistence true
persistence_location {folder}/
"""


class Mosquitto:
    """The broker; it can be stopped and started again on the same port."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.port = port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "mosquitto.conf"
        config.write_text(_SETTINGS.format(port=self.port, folder=folder))
        program = shutil.which(
            "mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
        )
        if program is None:
            message = "mosquitto is not installed: apt-get install mosquitto"
            raise FileNotFoundError(message)
        folder.chmod(0o777)
        self._child = Child("mosquitto", [program, "-c", str(config)], log=folder / "mosquitto.log")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._child.running

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        return self._child.pid

    async def start(self) -> None:
        """Start and wait until it accepts connections."""
        await self._child.start()
        await wait_for_port(self.port)

    async def stop(self) -> None:
        """Stop it; clients see their connections end."""
        await self._child.stop()

    async def kill(self) -> None:
        """Kill it with SIGKILL."""
        await self._child.kill()


async def wait_for_port(port: int, *, timeout_s: float = 10.0) -> None:
    """Wait until somebody listens on a loopback port."""
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return
