"""A VictoriaMetrics of the tests' own."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from plantroom.processes import free_port
from tests.http_process import HttpProcess, http_process

FLAGS = ("-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms", "-snapshotsMaxAge=1d")


@contextmanager
def temporary_victoria(
    port: int | None = None, folder: Path | None = None, *, flags: tuple[str, ...] = FLAGS
) -> Generator[HttpProcess]:
    """Start a server, yield it, kill it; without a folder all of it is deleted."""
    with tempfile.TemporaryDirectory(prefix="plantroom-victoria-") as name:
        place = folder or Path(name)
        port = port or free_port()
        command = [
            "victoria-metrics",
            f"-storageDataPath={place}/data",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-loggerLevel=ERROR",
            *flags,
        ]
        url = f"http://127.0.0.1:{port}"
        with http_process(command, url=url, ready="/health", log=place / "log") as server:
            yield server
