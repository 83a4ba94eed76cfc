"""What InfluxDB 1.8 is to whoever starts it: 1.6 behind the write path of 2.x.

``influxd version`` and ``influxd run -config FILE``, as the program has them.
"""

import re
import shutil
import signal
import sys
from pathlib import Path

from tests.influxdb import temporary_influxdb, v2_in_front_of


def install(folder: Path) -> str:
    """Write a program ``influxd`` into a new folder for the PATH; return the folder."""
    folder.mkdir()
    program, real = folder / "influxd", shutil.which("influxd")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {__name__} {real} "$@"\n')
    program.chmod(0o755)
    return str(folder)


def _end(*_: object) -> None:
    sys.exit(0)


def main(real: str, word: str, *more: str) -> None:
    """Do what the program is asked."""
    if word == "version":
        sys.stdout.write("InfluxDB v1.8.10 (git: 1.8 688e697c51fd)\n")
        return
    settings = Path(more[more.index("-config") + 1])
    http = settings.read_text("utf-8").partition("[http]")[2]
    found = re.search(r'bind-address = "127.0.0.1:(\d+)"', http)
    assert found is not None
    folder = settings.parent / "behind"
    folder.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, _end)
    with (
        temporary_influxdb(folder=folder, program=real) as behind,
        v2_in_front_of(behind.url, port=int(found[1]), any_token=True),
    ):
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
