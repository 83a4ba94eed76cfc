"""The dashboards and alert rules of deploy/: whole, with data sources and variables that exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
GRAFANA = DEPLOY / "grafana"
FILES = sorted(GRAFANA.glob("dashboards/*/*.json"))
OF_GRAFANA = {"__interval", "__rate_interval", "timeFilter", "tag_site", "tag_gateway", "col"} | {
    "tag_equipment",
    "tag_point",
}


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def sources() -> dict[str, str]:
    found = yaml.safe_load((GRAFANA / "provisioning/datasources/plantroom.yaml").read_text())
    return {one["uid"]: one["type"] for one in found["datasources"]}


def test_there_are_three_dashboards_for_each_store() -> None:
    found = {f"{path.parent.name}/{path.stem}" for path in FILES}
    of_stores = {f"{store}/{name}" for store in ("influxdb", "victoriametrics")
                 for name in ("plant", "gateways")}  # fmt: skip
    assert found == {*of_stores, "metrics/server"}
    assert len({load(path)["uid"] for path in FILES}) == len(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_dashboard_is_whole(path: Path) -> None:
    board = load(path)
    assert board["schemaVersion"] == 38
    panels = board["panels"]
    assert sorted(panel["id"] for panel in panels) == list(range(1, len(panels) + 1))
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["description"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs)) > 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_dashboard_asks_sources_and_variables_that_exist(path: Path) -> None:
    board, known = load(path), sources()
    variables = board["templating"]["list"]
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    for one in [*variables, *board["panels"], *targets]:
        assert known[one["datasource"]["uid"]] == one["datasource"]["type"]
    names = {one["name"] for one in variables}
    queries = [target.get("expr") or target["query"] for target in targets]
    for query in [*queries, *(one["definition"] for one in variables)]:
        used = set(re.findall(r"\$\{?(\w+)", query))
        assert used <= names | OF_GRAFANA, query
    everything = json.dumps(queries + [one["definition"] for one in variables])
    assert names == {name for name in names if re.search(rf"\${{?{name}\b", everything)}


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus/plantroom-alerts.yml").read_text())
    alerts = [one for group in rules["groups"] for one in group["rules"]]
    assert len({one["alert"] for one in alerts}) == len(alerts)
    for one in alerts:
        assert set(one["annotations"]) == {"summary", "action"}
        assert one["labels"]["severity"] in {"urgent", "high", "medium", "low"}
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    assert scraped["rule_files"] == ["plantroom-alerts.yml"]
    assert {one["job_name"] for one in scraped["scrape_configs"]} == {
        "plantroom-server",
        "plantroom-agent",
    }
