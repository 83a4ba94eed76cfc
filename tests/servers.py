"""``python -m tests.servers PYTEST-ARGUMENTS``: pytest with a PostgreSQL and an InfluxDB.

They live in temporary folders on free loopback ports; tests find them in the environment
variables PLANTROOM_TEST_POSTGRES and PLANTROOM_TEST_INFLUXDB.
"""

import os
import signal
import subprocess
import sys

from tests.influxdb import temporary_influxdb, v2_in_front_of
from tests.postgres import VARIABLE, temporary_postgres
from tests.stores import INFLUX_VARIABLE


def main() -> int:
    # Whoever is asked to end takes the servers along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with (
        temporary_postgres() as postgres,
        temporary_influxdb() as behind,
        v2_in_front_of(behind.url) as influxdb,
    ):
        command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
        found = {VARIABLE: postgres, INFLUX_VARIABLE: influxdb}
        return subprocess.run(command, check=False, env={**os.environ, **found}).returncode


if __name__ == "__main__":
    sys.exit(main())
