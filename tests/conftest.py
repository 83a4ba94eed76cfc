"""Markers follow from the folder; what needs a broker or a browser runs only when asked for."""

from pathlib import Path

import pytest

_FOLDER_MARKERS = {"e2e": "broker", "browser": "browser"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--broker", action="store_true", help="run tests with a real mosquitto")
    parser.addoption("--browser", action="store_true", help="run tests that drive a browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    root = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(root).parts[0]
        marker = _FOLDER_MARKERS.get(folder)
        if marker is None:
            continue
        item.add_marker(marker)
        if not config.getoption(f"--{marker}"):
            item.add_marker(pytest.mark.skip(reason=f"needs --{marker}"))
