"""Stands for systemctl on a machine of the tests: does what a unit's file says, without systemd.

Knows start, stop, restart, reload, enable [--now], disable, is-active and daemon-reload. A unit's
User, Group, StateDirectory, UMask, ExecStartPre, ExecStart and ExecReload count; its sandbox does
not. Needs nothing but Python.
"""

import os
import pwd
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
STATE = Path("/run/units")


def main(arguments: list[str]) -> int:
    """Run one command."""
    words = [one for one in arguments if not one.startswith("-")]
    verb, units = words[0], words[1:]
    if verb == "daemon-reload":
        return 0
    for name in units:
        unit = Unit(name if "." in name else f"{name}.service")
        if verb in {"enable", "disable"}:
            unit.set_enabled(wanted=verb == "enable")
            if "--now" in arguments:
                (unit.start if verb == "enable" else unit.stop)()
        elif verb == "restart":
            unit.stop()
            unit.start()
        elif verb in {"start", "stop", "reload"}:
            getattr(unit, verb)()
        elif verb == "is-active":
            return 0 if unit.pid() else 3
        else:
            sys.exit(f"systemctl of the tests does not know {verb!r}")
    return 0


class Unit:
    """One unit and its process."""

    def __init__(self, name: str) -> None:
        self.name = name
        found = [Path(one) / name for one in FOLDERS if (Path(one) / name).exists()]
        if not found:
            sys.exit(f"Unit {name} not found.")
        self.path = found[0]
        self.lines = []
        for line in self.path.read_text().replace("\\\n", " ").splitlines():
            key, mark, value = line.partition("=")
            if mark and not line.startswith(("#", ";")):
                self.lines.append((key.strip(), value.strip()))

    def all(self, key: str) -> list[str]:
        """Values of a key."""
        return [value for name, value in self.lines if name == key and value]

    def one(self, key: str, default: str = "") -> str:
        """Last value of a key."""
        return (self.all(key) or [default])[-1]

    def pid(self) -> int:
        """The process, when it lives."""
        try:
            pid = int((STATE / self.name).read_text())
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return 0
        return 0 if state == "Z" else pid

    def set_enabled(self, *, wanted: bool) -> None:
        """Make or remove the links of [Install]."""
        for target in self.one("WantedBy").split():
            link = Path(f"/etc/systemd/system/{target}.wants") / self.name
            link.unlink(missing_ok=True)
            if wanted:
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(self.path)

    def start(self) -> None:
        """Start it; one that ends within half a second with an error has failed."""
        if self.name.endswith(".timer"):
            Unit(self.one("Unit", self.name.replace(".timer", ".service")))
            return
        if self.pid():
            return
        for state in self.one("StateDirectory").split():
            folder = Path("/var/lib") / state
            folder.mkdir(parents=True, exist_ok=True)
            if self.one("User"):
                subprocess.run(["chown", f"{self.one('User')}:", str(folder)], check=True)
            folder.chmod(int(self.one("StateDirectoryMode", "0755"), 8))
        for command in self.all("ExecStartPre"):
            if self.call(command, user="") and not command.startswith("-"):
                sys.exit(f"{self.name}: {command} failed")
        for command in self.all("ExecStart"):
            kind = self.one("Type", "simple")
            if kind in {"oneshot", "forking"}:
                if self.call(command, user=self.one("User")):
                    sys.exit(f"{self.name}: {command} failed")
                self.remember_forked()
            else:
                self.launch(command)

    def launch(self, command: str) -> None:
        """Start a process that stays."""
        log = Path(f"/var/log/{self.name}.log")
        with log.open("ab") as output:
            process = subprocess.Popen(
                arguments_of(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=self.environment(),
                **self.identity(self.one("User")),
            )
        STATE.mkdir(exist_ok=True)
        (STATE / self.name).write_text(str(process.pid))
        try:
            status = process.wait(0.5)
        except subprocess.TimeoutExpired:
            return
        sys.exit(f"{log.read_text()[-2000:]}\n{self.name}: ended with {status}")

    def remember_forked(self) -> None:
        """Note the process that a program has left."""
        file = Path(self.one("PIDFile") or "/nonexistent")
        if file.exists():
            STATE.mkdir(exist_ok=True)
            (STATE / self.name).write_text(file.read_text().strip())

    def call(self, command: str, *, user: str) -> int:
        """Run a command to its end."""
        done = subprocess.run(
            arguments_of(command), env=self.environment(), check=False, **self.identity(user)
        )
        return done.returncode

    def stop(self) -> None:
        """SIGTERM, and wait."""
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
        for _ in range(400):
            if not self.pid():
                return
            time.sleep(0.05)
        sys.exit(f"{self.name}: does not end")

    def reload(self) -> None:
        """What ExecReload says."""
        for command in self.all("ExecReload"):
            known = command.replace("$MAINPID", str(self.pid()))
            if self.call(known, user=self.one("User")):
                sys.exit(f"{self.name}: {known} failed")

    def environment(self) -> dict[str, str]:
        """What systemd gives."""
        states = ":".join(f"/var/lib/{one}" for one in self.one("StateDirectory").split())
        more = {"STATE_DIRECTORY": states} if states else {}
        return {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **more}

    def identity(self, user: str) -> dict[str, Any]:
        """Return user, groups and mask of a child."""
        mask = {"umask": int(self.one("UMask", "0022"), 8)}
        if not user:
            return mask
        group = pwd.getpwnam(user).pw_gid
        return {**mask, "user": user, "group": group, "extra_groups": os.getgrouplist(user, group)}


def arguments_of(command: str) -> list[str]:
    """The words of a command line of a unit."""
    return shlex.split(re.sub(r"^[-@:+!]+", "", command))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
