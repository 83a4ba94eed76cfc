"""Markers follow from the folder; what needs a broker runs only when asked for."""

import argparse
import atexit
import gc
import os
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import hypothesis
import pluggy
import pytest
import structlog

from plantroom import processes

_FOLDER_MARKERS = {"e2e": "broker", "browser": "browser"}
_SERVED = {"postgres", "stores"}
"""Run only where their servers are: make search has none."""
_MANY_SEEDS = 5
"""Of so many CI runs a part each day."""
_SEARCHED = {"seeds", "size", "sampled", "long"}
_PORT_RANGES, _PORTS_EACH = 16, 600
"""Below the ports that a process takes which is no worker, as the demo."""
_structlog_configure = structlog.configure
_PROCESSES_S = 600
"""What starts processes takes long on a busy machine."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--broker", action="store_true", help="run tests with a real mosquitto")
    parser.addoption("--browser", action="store_true", help="run tests in Chromium")
    parser.addoption("--thorough", action="store_true", help="all of a search: make search")
    parser.addoption(
        "--part",
        metavar="K/N",
        type=_part,
        default=(0, 1),
        help="where a search has many seeds, each N-th from the K-th on, of random cases an N-th; "
        "all else whole",
    )


def _part(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(
            f"expected K/N with 1 <= K <= N, such as 2/3; got {text!r}"
        )
    return int(number) - 1, int(of)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a search its seeds, and an expensive scenario its size."""
    thorough: bool = metafunc.config.getoption("--thorough")
    marker = metafunc.definition.get_closest_marker("seeds")
    if marker is not None:
        metafunc.parametrize("seed", range(marker.args[thorough]))
    marker = metafunc.definition.get_closest_marker("size")
    if marker is not None:
        metafunc.parametrize("size", [marker.args[thorough]])


def pytest_configure(config: pytest.Config) -> None:
    """Give all random searches one measure, and each worker its ports."""
    _, parts = config.getoption("--part")
    hypothesis.settings.register_profile(
        "all",
        deadline=None,
        max_examples=200 // parts if config.getoption("--thorough") else 20,
        suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
    )
    hypothesis.settings.load_profile("all")
    gc.disable()  # until all modules are there
    _take_ports(config)
    structlog.configure = _configure_log


def _configure_log(**options: Any) -> None:
    """Let no logger of a module keep the output of the test that has used it first."""
    _structlog_configure(**options | {"cache_logger_on_first_use": False})


def pytest_runtest_teardown() -> None:
    """Take back what a command has set up that ran in this process."""
    if structlog.is_configured():
        structlog.reset_defaults()


def _take_ports(config: pytest.Config) -> None:
    """Workers take different ports: a free one is nobody's until somebody listens on it."""
    worker: str = getattr(config, "workerinput", {}).get("workerid", "")
    if worker:
        first = 10_000 + int(worker.removeprefix("gw")) % _PORT_RANGES * _PORTS_EACH
        processes.PORTS = range(first, first + _PORTS_EACH)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    root = Path(__file__).parent
    if not os.environ.get("PLANTROOM_TEST_POSTGRES"):
        _deselect(config, items, marker="postgres")
    if os.environ.get("PLANTROOM_TEST_RECORDS") == "postgresql":
        _deselect(config, items, marker="sqlite")
    if not os.environ.get("PLANTROOM_TEST_INFLUXDB"):
        _deselect(config, items, marker="stores")
    _sample(config, items)
    on_postgres = bool(os.environ.get("PLANTROOM_TEST_RECORDS"))
    folders = {path: path.relative_to(root).parts[0] for path in {item.path for item in items}}
    for item in items:
        marks = _marks(item)
        if (on_postgres or marks & _SERVED) and "timeout" not in marks:
            item.add_marker(pytest.mark.timeout(_PROCESSES_S))
        marker = _FOLDER_MARKERS.get(folders[item.path])
        if marker is None:
            continue
        item.add_marker(marker)
        if "timeout" not in marks:
            item.add_marker(pytest.mark.timeout(_PROCESSES_S))
        if not config.getoption(f"--{marker}"):
            item.add_marker(pytest.mark.skip(reason=f"needs --{marker}"))


def pytest_collection_finish() -> None:
    """Spare the tests what is alike for all: looking through modules, compiling SQL, migrating."""
    if "httpx" in sys.modules:
        from tests.tls_cache import share_trust  # noqa: PLC0415

        share_trust()
    if "sqlalchemy" in sys.modules:  # tests of an agent need none
        from tests.databases import copy_new_schemas  # noqa: PLC0415
        from tests.sql_cache import share_compiled_sql  # noqa: PLC0415

        share_compiled_sql()
        copy_new_schemas()
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 50)
    atexit.register(gc.unfreeze)  # what is frozen at the end is reported as leaked


def _marks(item: pytest.Item) -> set[str]:
    return {mark.name for mark in item.iter_markers()}


def _sample(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what ``make search`` runs; otherwise leave out what is long and thin out the sampled."""
    seen: Counter[str] = Counter()
    left_out: list[pytest.Item] = []
    part, of = config.getoption("--part")
    on_postgres = bool(os.environ.get("PLANTROOM_TEST_RECORDS"))
    for item in items:
        marks = _marks(item)
        searches = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if searches or marks & _SEARCHED:
            item.add_marker("thorough")
        if config.getoption("--thorough"):
            seeds = item.get_closest_marker("seeds")
            if seeds is not None and seeds.args[True] >= _MANY_SEEDS:
                test = item.nodeid.partition("[")[0]
                if seen[test] % of != part:
                    left_out.append(item)
                seen[test] += 1
            continue
        # With PostgreSQL nothing of the records is left out: make search asks SQLite only.
        if "long" in marks and not on_postgres and not marks & _SERVED:
            left_out.append(item)
            continue
        sampled = item.get_closest_marker("sampled") if "sampled" in marks else None
        if sampled is None:
            continue
        test = item.nodeid.partition("[")[0]
        if seen[test] % sampled.args[0]:
            left_out.append(item)
        seen[test] += 1
    _leave_out(config, items, left_out)


def _deselect(config: pytest.Config, items: list[pytest.Item], *, marker: str) -> None:
    """Leave out what another command runs: here tests.servers."""
    _leave_out(config, items, [item for item in items if marker in _marks(item)])


def _leave_out(
    config: pytest.Config, items: list[pytest.Item], left_out: list[pytest.Item]
) -> None:
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Generator[None, pluggy.Result[pytest.TestReport]]:
    """In CI a skipped test is a failure: a missing tool must not hide."""
    outcome = yield
    report = outcome.get_result()
    if report.passed:
        report.sections = []  # what a test printed is read when it fails
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
