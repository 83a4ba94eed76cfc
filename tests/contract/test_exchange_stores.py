"""Export and back-fill with a store of its own."""

from pathlib import Path

import httpx
import yaml

from config.history import InfluxBackend
from server.history.influx import InfluxHistory
from tests.stores import STORE_MARKS, influx_in, new_database
from tests.unit.test_exchange import (
    DAY,
    POINTS,
    TODAY,
    done,
    everything,
    file,
    new_server,
    old,
    stored,
)

__all__ = ["file", "old"]
pytestmark = STORE_MARKS
AT_NS = 1_767_571_200_000_000_000


def server_with(folder: Path, backend: InfluxBackend) -> Path:
    made = new_server(folder)
    token = folder / "token"
    token.write_text("secret")
    token.chmod(0o600)
    history = {"backend": backend.model_dump(mode="json") | {"token_file": "token"}}
    made.write_text(yaml.safe_dump({"data_dir": "data", "history": history}))
    return made


def test_what_the_embedded_store_has_goes_into_another_and_out_of_it(
    file: Path, tmp_path: Path
) -> None:
    backend = new_database()
    other = server_with(tmp_path / "other", backend)
    done("export", file, tmp_path / "all.csv")
    for _ in range(2):
        done("import", other, tmp_path / "all.csv")
    assert rows_of(influx_in(backend)) == everything()
    done("export", other, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "all.csv").read_bytes()


def test_what_another_systems_influxdb_has_is_filled_in(tmp_path: Path) -> None:
    """As docs/history.md says: its answer as CSV, for one point."""
    backend, file = new_database(), new_server(tmp_path / "server")
    lines = f"boiler,unit=p1 flow=21.5 {AT_NS}\nboiler,unit=p1 flow=22.25 {AT_NS + 60_000_000_123}"
    where = {"db": backend.bucket}
    httpx.post(f"{backend.url}/write", params=where, content=lines, trust_env=False)
    answer = httpx.get(
        f"{backend.url}/query",
        params={**where, "q": "SELECT flow AS value FROM boiler WHERE unit = 'p1'"},
        headers={"Accept": "application/csv"},
        trust_env=False,
    )
    (tmp_path / "flow.csv").write_text(answer.text)
    for _ in range(2):
        done("import", file, tmp_path / "flow.csv", "--point", "east/g/pump/flow_temperature")
    at = AT_NS // 1_000_000
    assert [(row.taken_at, row.value) for row in stored(file)[1]] == [
        (at, 21.5),
        (at + 60_000, 22.25),
    ]


def rows_of(history: InfluxHistory) -> dict[int, list[object]]:
    found = {series: list[object](history.raw(series, 0, TODAY + DAY, 100)) for series in POINTS}
    history.close()
    return found
