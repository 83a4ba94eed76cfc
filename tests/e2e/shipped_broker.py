"""A broker with the files of deploy/, adapted in port and paths alone, and Debian's stock file."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from plantroom.processes import Child, free_port
from server.core.clock import SystemClock
from server.enrolment.authority import Authority
from tests.mosquitto import wait_for_port

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"
HOSTS = ("localhost", "127.0.0.1")
STOCK = """\
{user}
persistence true
persistence_location {folder}/
log_dest stderr
include_dir {folder}/conf.d
"""


class ShippedBroker(NamedTuple):
    """Where it listens, and its files.

    Attributes:
        port: Speaks TLS and asks for a password.
        certificate_port: Speaks TLS and asks for a certificate.
        server_port: For servers on its machine; asks for a password.
        ca: What a client believes.
        folder: With its ACL file ``plantroom.acl`` and its authority ``ca``.
        child: Its process.
    """

    port: int
    certificate_port: int
    server_port: int
    ca: Path
    folder: Path
    child: Child


@asynccontextmanager
async def shipped_broker(
    folder: Path, *, users: Collection[str], rights: str | None = None, more_rights: str = ""
) -> AsyncGenerator[ShippedBroker]:
    """Run it.

    Args:
        folder: For its files; the authority that signs is in its folder ``ca``.
        users: Who is in the password file; all have the same password.
        rights: Instead of deploy/mosquitto.acl.
        more_rights: Behind deploy/mosquitto.acl.
    """
    ports = {"8883": free_port(), "8884": free_port(), "1884": free_port()}
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
    ca = folder / "ca"
    with Authority.open(ca, SystemClock(), name="Test") as authority:
        authority.sign_broker(HOSTS, days=2)
    files = {"cafile": "ca.crt", "certfile": "broker.crt", "keyfile": "broker.key"}
    for key, name in {**files, "crlfile": "ca.crl"}.items():
        ours = re.sub(rf"(?m)^({key}) .*$", rf"\1 {ca / name}", ours)
    ours = ours.replace("/etc/mosquitto/plantroom.", f"{folder}/plantroom.")
    for usual, port in ports.items():
        ours = re.sub(rf"listener {usual}.*", f"listener {port} 127.0.0.1", ours)
    (folder / "conf.d" / "plantroom.conf").write_text(ours)
    # Started by root it would become the user mosquitto, who may not look into this folder.
    user = "user root" if os.geteuid() == 0 else ""
    (folder / "mosquitto.conf").write_text(STOCK.format(user=user, folder=folder))
    broker = ["/usr/sbin/mosquitto", "-c", str(folder / "mosquitto.conf")]
    child = Child("mosquitto", broker, log=folder / "mosquitto.log")
    async with child:
        for port in ports.values():
            await wait_for_port(port)
        yield ShippedBroker(*ports.values(), ca=ca / "ca.crt", folder=folder, child=child)
