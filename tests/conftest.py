"""Markers follow from the folder; what needs a broker runs only when asked for."""

import atexit
import gc
import os
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pluggy
import pytest

from plantroom import processes

_FOLDER_MARKERS = {"e2e": "broker"}
_PORT_RANGES, _PORTS_EACH = 16, 600
"""Below the ports that a process takes which is no worker, as the demo."""
_PROCESSES_S = 120
"""What starts processes takes long on a busy machine."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--broker", action="store_true", help="run tests with a real mosquitto")
    parser.addoption("--thorough", action="store_true", help="all of a search: make search")


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
    hypothesis.settings.register_profile(
        "all",
        deadline=None,
        max_examples=200 if config.getoption("--thorough") else 20,
        suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
    )
    hypothesis.settings.load_profile("all")
    gc.disable()  # until all modules are there
    _take_ports(config)


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
    if not os.environ.get("PLANTROOM_TEST_INFLUXDB"):
        _deselect(config, items, marker="stores")
    _sample(config, items)
    for item in items:
        served = item.get_closest_marker("postgres") or item.get_closest_marker("stores")
        if served and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_PROCESSES_S))
        folder = item.path.relative_to(root).parts[0]
        marker = _FOLDER_MARKERS.get(folder)
        if marker is None:
            continue
        item.add_marker(marker)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_PROCESSES_S))
        if not config.getoption(f"--{marker}"):
            item.add_marker(pytest.mark.skip(reason=f"needs --{marker}"))


def pytest_collection_finish() -> None:
    """Spare the tests what is alike for all: looking through all modules, and compiling SQL."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 50)
    atexit.register(gc.unfreeze)  # what is frozen at the end is reported as leaked
    if "sqlalchemy" in sys.modules:
        from tests.sql_cache import share_compiled_sql  # noqa: PLC0415 (tests of an agent need none)

        share_compiled_sql()


def _sample(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what ``make search`` runs; otherwise keep each n-th case of what is sampled."""
    seen: Counter[str] = Counter()
    left_out: list[pytest.Item] = []
    for item in items:
        searches = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if searches or any(item.get_closest_marker(name) for name in ("seeds", "size", "sampled")):
            item.add_marker("thorough")
        sampled = item.get_closest_marker("sampled")
        if sampled is None or config.getoption("--thorough"):
            continue
        test = item.nodeid.partition("[")[0]
        if seen[test] % sampled.args[0]:
            left_out.append(item)
        seen[test] += 1
    _leave_out(config, items, left_out)


def _deselect(config: pytest.Config, items: list[pytest.Item], *, marker: str) -> None:
    """Leave out what another command runs: here tests.servers."""
    _leave_out(config, items, [item for item in items if item.get_closest_marker(marker)])


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
