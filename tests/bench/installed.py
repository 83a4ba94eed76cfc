"""An environment as a gateway has it: an install of this distribution and nothing of a developer's.

It is made of links into the environment that runs the benchmark: no network, and at once.
"""

import re
import subprocess
import venv
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from tests.machine import ROOT

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRA = re.compile(r";.*\bextra\s*==\s*['\"]([\w-]+)['\"]")
_OURS = ("config", "edge_agent", "plantroom", "protocols")


def installed(extras: Sequence[str] = ()) -> dict[str, Distribution]:
    """Return what ``pip install plantroom[EXTRAS]`` brings, by name."""
    found: dict[str, Distribution] = {}
    wanted = [("plantroom", frozenset(extras))]
    while wanted:
        name, asked = wanted.pop()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # of another system or version of Python
        wanted += [(one, frozenset[str]()) for one in _required(found[name], asked)]
    return found


def gateway_command(folder: Path, extras: Sequence[str] = ()) -> list[str]:
    """Make the environment in ``folder``; returns what starts ``plantroom`` in it."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in _OURS:
        (site / name).symlink_to(ROOT / name)
    for one in installed(extras).values():
        for part in _parts(one):
            if not (site / part).exists():
                (site / part).symlink_to(one.locate_file(part))
    # With the modules compiled, as an installer leaves them.
    python = [str(folder / "bin" / "python"), "-P", "-m"]
    sources = [str(one) for one in site.iterdir() if one.is_dir() or one.suffix == ".py"]
    subprocess.run([*python, "compileall", "-q", *sources], check=True)
    return [*python, "plantroom"]


def _required(one: Distribution, extras: frozenset[str]) -> Iterator[str]:
    for requirement in one.requires or ():
        extra = _EXTRA.search(requirement)
        name = _NAME.match(requirement)
        if name is not None and (extra is None or extra[1] in extras):
            yield name[0]


def _parts(one: Distribution) -> Iterator[str]:
    """Yield the files and folders of a distribution that stand in ``site-packages``."""
    tops = {path.parts[0] for path in one.files or () if path.parts[0] != ".."}
    yield from sorted(top for top in tops - {"__pycache__"} if not top.endswith(".pth"))
