"""A Debian of the tests' own: namespaces, and this machine's files below a layer in memory.

What a script does there to /etc, /opt, /usr or /var is seen by nobody else and gone at its end, and
so are its processes. Its network is a loopback of its own. Packages that it needs must be installed
on this machine, because there is no other network; ``.ci/run`` does that.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
_SYSTEMCTL = Path(__file__).with_name("systemctl.py")
_BEGIN = r"""
set -eEuo pipefail
trap 'tail -n 15 "$STAGE"/*.root/var/log/*.service.log || true' ERR
ip link set lo up
mount -t tmpfs -o size=6g machine "$STAGE"
for name in $MACHINES; do
    mkdir -p "$STAGE/$name".{upper,work,root}
    mount -t overlay overlay "$STAGE/$name.root" \
        -o "lowerdir=/,upperdir=$STAGE/$name.upper,workdir=$STAGE/$name.work"
    cd "$STAGE/$name.root"
    mount -t proc proc proc
    mount --rbind /dev dev
    mount -t tmpfs tmpfs tmp
    mount -t tmpfs tmpfs run
    mkdir -p run/lock run/systemd/timesync
    touch run/systemd/timesync/synchronized  # what timesyncd says of a clock that is right
    chmod 1777 tmp run/lock
    rm -rf opt/plantroom etc/plantroom
    echo '127.0.0.1 localhost plantroom.example.org' >etc/hosts
    rm -f usr/sbin/policy-rc.d
    (echo "#!/usr/bin/python3" && cat "$SYSTEMCTL") >usr/bin/systemctl
    chmod 755 usr/bin/systemctl
done
cd "$STAGE"
on() {  # on MACHINE: run a script from standard input there
    env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
        chroot "$STAGE/$1.root" /bin/bash -euo pipefail -c 'cd /root; source /dev/stdin'
}
"""


class Machines:
    """Builds one script that runs on several machines, which share a loopback."""

    def __init__(self, folder: Path, names: Sequence[str] = ("server",)) -> None:
        self._folder = folder
        self._names = names
        self._script = [_BEGIN]

    def put(self, files: Mapping[str, Path], *, on: str = "server") -> None:
        """Copy files of this machine to places there."""
        for place, path in files.items():
            target = f'"$STAGE/{on}.root{place}"'
            self._script.append(f'mkdir -p "$(dirname {target})"\ncp -r "{path}" {target}\n')

    def carry(self, path: str, *, source: str, to: str) -> None:
        """Bring a file from one machine to another, as a person does."""
        self._script.append(f'cp -p "$STAGE/{source}.root{path}" "$STAGE/{to}.root{path}"\n')

    def run_there(self, commands: str, *, on: str = "server") -> None:
        """Run commands as root there; the first that fails ends everything."""
        self._script.append(f"on {on} <<'END_OF_COMMANDS'\n{commands}\nEND_OF_COMMANDS\n")

    def go(self, *, timeout_s: float = 800) -> str:
        """Run it all; return what was printed.

        Raises:
            AssertionError: A command failed, or there can be no such machine here.
        """
        stage = self._folder / "stage"
        stage.mkdir()
        script, log = self._folder / "machine.sh", self._folder / "machine.log"
        script.write_text("".join(self._script))
        names = {"STAGE": str(stage), "MACHINES": " ".join(self._names)}
        apart = ("--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child")
        with log.open("wb") as output:
            done = subprocess.run(
                ["unshare", *apart, "--", "bash", str(script)],
                env={**os.environ, **names, "SYSTEMCTL": str(_SYSTEMCTL)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                timeout=timeout_s,
            )
        stage.rmdir()
        said = log.read_text(errors="replace")
        assert done.returncode == 0, said[-8000:]
        return said
