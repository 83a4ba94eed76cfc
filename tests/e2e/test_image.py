"""The commands of the image's recipe run in a root of their own, and what they install starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dockerfile import instructions_of
from tests.e2e.packages import Packages
from tests.machine import ROOT

pytestmark = [pytest.mark.timeout(900), pytest.mark.installs]
ADMIN = "--user admin --password-file /tmp/password"
ROOT_OF_ITS_OWN = r"""
set -euo pipefail
mount -t tmpfs -o size=4g image "$STAGE"
mkdir -p "$STAGE"/{upper,work,root}
mount -t overlay overlay "$STAGE/root" -o "lowerdir=/,upperdir=$STAGE/upper,workdir=$STAGE/work"
cd "$STAGE/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs tmp
rm -rf opt/plantroom var/lib/plantroom-server
chmod 755 root  # a Python below it is for every user of the image
mkdir -p usr/src/plantroom usr/local/bin opt
rm -f usr/local/bin/python
printf '#!/bin/sh\nexec %s "$@"\n' "$PYTHON" >usr/local/bin/python
chmod 755 usr/local/bin/python
cp -r "$CONTEXT"/. usr/src/plantroom/
cp -r "$LIBRARIES" usr/src/libraries
"""


def context(folder: Path) -> Path:
    """What ``.dockerignore`` lets in of the files that are under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    for name in listed:
        if name.partition("/")[0] in let_in and (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    return folder


def test_the_image_can_be_made_and_its_program_runs_as_its_user(
    packages: Packages, tmp_path: Path
) -> None:
    recipe = instructions_of(ROOT / "deploy" / "Dockerfile")
    (user,) = (words for name, words in recipe if name == "USER")
    script = [ROOT_OF_ITS_OWN]
    folder = "/"
    for name, words in recipe:
        if name == "WORKDIR":
            folder = words
        if name == "RUN":
            script.append(f"chroot . /bin/sh -ec 'cd {folder}; {words}'\n")
    program = "/opt/plantroom/bin/plantroom server"
    as_user = f"chroot . setpriv --reuid {user} --regid {user} --clear-groups /bin/sh -ec"
    script += [
        "rm -rf usr/src/plantroom usr/src/libraries\n",  # the second stage has none
        "printf 'data_dir: /var/lib/plantroom-server\\n' >etc/image-server.yaml\n",
        "printf 'correct horse battery' >tmp/password; chmod 644 tmp/password\n",
        f"{as_user} '{program} init /etc/image-server.yaml {ADMIN}'\n",
        f"{as_user} '{program} check /etc/image-server.yaml'\n",
        # The dashboard is inside, which no source is needed for.
        f"{as_user} 'find /opt/plantroom -path \"*server/dashboard/dist/index.html\" | grep .'\n",
    ]
    stage, given = tmp_path / "stage", tmp_path / "context"
    stage.mkdir()
    python = Path(sys.base_prefix, "bin", "python3").resolve()
    more = {
        "STAGE": str(stage),
        "CONTEXT": str(context(given)),
        "LIBRARIES": str(packages.libraries),
        "PYTHON": str(python),
        "PATH": f"/usr/local/bin:{os.environ['PATH']}",
        "PIP_COMPILE": "0",  # what is never imported needs no byte code
        **packages.pip_settings(str(python), libraries=Path("/usr/src/libraries")),
    }
    file = tmp_path / "image.sh"
    file.write_text("".join(script))
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--", "bash", str(file)],
        env={**os.environ, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "administrator 'admin' made" in done.stdout
    assert "server.yaml: right" in done.stdout
