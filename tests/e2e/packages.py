"""The wheel and the Debian packages of this working copy, made once for all tests that install."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.machine import ROOT

NEXT = "9.9.9-1"
"""Version of the package that upgrades."""


DEBIAN_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class Packages:
    wheel: Path
    server: Path
    agent: Path
    libraries: Path
    """Wheels of everything that they stand on and are built with, for the Python of this Debian."""

    def pip_settings(self, python: str, *, libraries: Path | None = None) -> dict[str, str]:
        """Return the environment in which pip takes the libraries from here, when they fit.

        Args:
            python: The interpreter that they are installed for.
            libraries: Where they are for that pip; default: where they are.
        """
        fit = _minor(python) == _minor(DEBIAN_PYTHON)
        return _only_from(libraries or self.libraries) if fit else {}

    def newer(self, folder: Path) -> Path:
        """Return the server's package as a later version would be: one file less and one more."""
        tree = folder / "newer"
        _run("dpkg-deb", "--raw-extract", str(self.server), str(tree))
        control = tree / "DEBIAN" / "control"
        lines = control.read_text().splitlines()
        lines = [f"Version: {NEXT}" if one.startswith("Version:") else one for one in lines]
        control.write_text("\n".join(lines) + "\n")
        (tree / "opt/plantroom/only-in-the-newer").touch()
        (tree / "usr/share/plantroom/CHANGELOG.md").unlink()
        example = tree / "etc/plantroom/agent.yaml"
        example.write_text(f"# of the newer version\n{example.read_text()}")
        made = folder / "newer.deb"
        _run("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(made))
        return made


def make_packages(folder: Path) -> Packages:
    """Make them all; each library is fetched and compiled once for the three environments."""
    pip = [sys.executable, "-m", "pip"]
    _run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("plantroom-*.whl")
    libraries = folder / "libraries"
    _run(
        *pip, "--python", DEBIAN_PYTHON, "wheel", "--quiet", "--wheel-dir", str(libraries),
        "--constraint", str(ROOT / "constraints.txt"),
        f"{wheel}[server,influxdb,mbus,osdp,commissioning]", "hatchling",
    )  # fmt: skip
    _run(
        str(ROOT / "deploy" / "debian" / "build.sh"), str(wheel), str(folder),
        PIP=" ".join(pip), DEB_COMPRESSION="none", **_only_from(libraries),
    )  # fmt: skip
    (server,) = folder.glob("plantroom_*.deb")
    (agent,) = folder.glob("plantroom-agent_*.deb")
    return Packages(wheel, server, agent, libraries)


def _only_from(libraries: Path) -> dict[str, str]:
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(libraries)}


def _minor(python: str) -> str:
    """Return for which Python a wheel of an interpreter is."""
    asked = "import sys; print(sys.implementation.cache_tag)"
    return subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout


def _run(*command: str, **environment: str) -> None:
    done = subprocess.run(
        ["env", *(f"{name}={value}" for name, value in environment.items()), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
