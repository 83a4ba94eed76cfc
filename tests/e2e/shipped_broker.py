"""A broker with the files of deploy/, adapted in port and paths alone, and Debian's stock file."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from plantroom.processes import Child, free_port
from tests.fakes.mail_server import CERTIFICATE
from tests.mosquitto import wait_for_port

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse"
STOCK = """\
{user}
persistence true
persistence_location {folder}/
log_dest stderr
include_dir {folder}/conf.d
"""


@asynccontextmanager
async def shipped_broker(
    folder: Path, *, users: Collection[str], rights: str | None = None, more_rights: str = ""
) -> AsyncGenerator[int]:
    """Run it and yield its port, which speaks TLS.

    Args:
        folder: For its files.
        users: Who is in the password file; all have the same password.
        rights: Instead of deploy/mosquitto.acl.
        more_rights: Behind deploy/mosquitto.acl.
    """
    port = free_port()
    passwords = folder / "plantroom.passwd"
    passwords.touch()
    for user in users:
        command = ("mosquitto_passwd", "-b", str(passwords), user, PASSWORD)
        made = await asyncio.create_subprocess_exec(*command)
        assert await made.wait() == 0
    if rights is None:
        rights = (ROOT / "deploy" / "mosquitto.acl").read_text()
    (folder / "plantroom.acl").write_text(rights + more_rights)
    (folder / "conf.d").mkdir()
    ours = (ROOT / "deploy" / "mosquitto.conf").read_text()
    ours = re.sub(r"(?m)^(cafile|certfile|keyfile) .*$", rf"\1 {CERTIFICATE}", ours)
    ours = ours.replace("/etc/mosquitto/plantroom.", f"{folder}/plantroom.")
    ours = ours.replace("listener 8883", f"listener {port} 127.0.0.1")
    (folder / "conf.d" / "plantroom.conf").write_text(ours)
    # Started by root it would become the user mosquitto, who may not look into this folder.
    user = "user root" if os.geteuid() == 0 else ""
    (folder / "mosquitto.conf").write_text(STOCK.format(user=user, folder=folder))
    broker = ["/usr/sbin/mosquitto", "-c", str(folder / "mosquitto.conf")]
    async with Child("mosquitto", broker, log=folder / "mosquitto.log"):
        await wait_for_port(port)
        yield port
