"""One plant for the tests of this folder; it ends with the last of them.

Each of them has a pump or a node of its own, looks at nothing else and leaves the rest running.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.conftest import PUMP, SHARED_ESTATE
from tests.e2e.plant import Plant


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    # The alarms of several tests within minutes would be summed up as one flood.
    alarms = {"flood_starts": 1_000_000}
    folder = tmp_path_factory.mktemp("shared-plant")
    async with Plant(folder, estate=SHARED_ESTATE, alarms=alarms) as running:
        await running.eventually(lambda: running.items("values", equipment=PUMP))
        yield running
