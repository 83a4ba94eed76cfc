"""What deploy/ asks of /metrics is there: of a real server, of a real agent; and alerts fire."""

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from server.core.clock import SystemClock
from tests.e2e.plant import Plant
from tests.victoria import temporary_victoria

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "plantroom-alerts.yml"
BOARD = json.loads((DEPLOY / "grafana/dashboards/metrics/server.json").read_text())
SPAN_S, STEP_S = 7200, 30
ILL: dict[str, dict[str, Any]] = {
    "PlantroomServerDown": {'up{job="plantroom-server"}': 0},
    "PlantroomPartDoesNotWork": {'plantroom_part_works{part="ingest"}': 0},
    "PlantroomLate": {'plantroom_late_seconds{part="calls"}': 90},
    "PlantroomCannotStore": {'plantroom_ingest_store_failures_total{step="history"}': "rising"},
    "PlantroomHistoryDamaged": {"plantroom_history_damaged_files{}": 1},
    "PlantroomIsolatedErrors": {'plantroom_isolated_errors_total{kind="timer"}': "rising"},
    "PlantroomRefusesValues": {'plantroom_ingest_rejected_total{reason="future"}': "rising"},
    "PlantroomWebProcessEnds": {"plantroom_web_ended_total{}": "rising"},
    "PlantroomAgentDown": {'up{job="plantroom-agent"}': 0},
    "PlantroomAgentOffline": {"plantroom_uplink_online{}": 0},
    "PlantroomJournalGrowsOld": {"plantroom_journal_oldest_seconds{}": 4000},
    "PlantroomJournalDrops": {"plantroom_journal_dropped_messages_total{}": "rising"},
    "PlantroomJournalNotWritable": {"plantroom_journal_writable{}": 0},
    "PlantroomAgentClock": {"plantroom_clock_synchronised{}": 0},
    "PlantroomPortDown": {'plantroom_port_up{port="bus"}': 0},
    "PlantroomPortOverloaded": {'plantroom_port_load_ratio{port="bus"}': 1.4},
}
_STORED = re.compile(r"(?m)^plantroom_ingest_flush_seconds_count (\S+)$")
WELL = {"up": 1, "works": 1, "online": 1, "writable": 1, "synchronised": 1, "port_up": 1}


def alerts() -> list[dict[str, Any]]:
    found = yaml.safe_load(RULES.read_text())
    return [one for group in found["groups"] for one in group["rules"]]


def asked_for() -> set[str]:
    queries = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
    queries += [one["expr"] for one in alerts()]
    return {name for query in queries for name in re.findall(r"\b(?:plantroom|process)_\w+", query)}


def printed(text: str) -> set[str]:
    """Names of all families that a page of figures declares, with what histograms add."""
    found: set[str] = set()
    for name, kind in re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text):
        found.add(name)
        if kind == "histogram":
            found |= {f"{name}_{end}" for end in ("bucket", "sum", "count")}
    return found


async def test_every_figure_that_is_asked_for_is_printed(own_plant: Plant) -> None:
    before = (await own_plant.http.get("/metrics")).text
    await own_plant.eventually(lambda: has_stored_more(own_plant, before))
    server = (await own_plant.http.get("/metrics")).text
    status = json.loads((await own_plant.http.get("/readyz")).text)["parts"]
    port = re.findall(r'"status_port": (\d+)', (own_plant.folder / "agent.log").read_text())[-1]
    async with httpx.AsyncClient(trust_env=False) as http:
        agent = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    assert asked_for() <= printed(server) | printed(agent), (
        asked_for() - printed(server) - printed(agent)
    )
    works = dict(re.findall(r'(?m)^plantroom_part_works\{part="(\w+)"\} (\S+)$', server))
    assert set(works) == set(status) - {"records"}
    assert set(works.values()) == {"1.0"}
    with temporary_victoria() as store:
        give(store.url, "server", server, before)
        give(store.url, "agent", agent)
        # Families with labels have no line before something has happened.
        give(store.url, "server", 'plantroom_ingest_rejected_total{reason="future"} 1')
        give(store.url, "server", 'plantroom_ingest_store_failures_total{step="history"} 1')
        give(store.url, "server", 'plantroom_late_seconds{part="calls"} 1')
        show(store.url)
        for panel in BOARD["panels"]:
            for target in panel["targets"]:
                query = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "5m")
                assert series(store.url, query), (panel["title"], query)


def test_every_alert_fires_for_what_it_is_about_and_for_nothing_else() -> None:
    assert set(ILL) == {one["alert"] for one in alerts()}
    with temporary_victoria() as store:
        now = SystemClock().now_ms() // 1000
        lines = [
            f"{_line(name, instance)} {_value(name, value, step, instance)} {at * 1000}"
            for figures in ILL.values()
            for name, value in figures.items()
            for instance in ("ill", "well")
            for step, at in enumerate(range(now - SPAN_S, now, STEP_S))
        ]
        _import(store.url, "\n".join(lines))
        show(store.url)
        places = (f"-datasource.url={store.url}", f"-remoteWrite.url={store.url}")
        span = (f"-replay.timeFrom={_text(now - SPAN_S)}", f"-replay.timeTo={_text(now)}")
        steps = ("-evaluationInterval=30s", "-datasource.queryStep=30s", "-replay.rulesDelay=0s")
        quiet = ("-loggerLevel=ERROR", "-httpListenAddr=127.0.0.1:0")
        done = subprocess.run(
            ["vmalert", f"-rule={RULES}", *places, *span, *steps, *quiet],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        show(store.url)
        found = series(store.url, 'max_over_time(ALERTS{alertstate="firing"}[3h])')
        fired = {(one["metric"]["alertname"], one["metric"]["instance"]) for one in found}
        assert fired == {(name, "ill") for name in ILL}


def _line(name: str, instance: str) -> str:
    labels = name.partition("{")[2].removesuffix("}")
    return f'{name.partition("{")[0]}{{instance="{instance}"{"," if labels else ""}{labels}}}'


def _value(name: str, value: Any, step: int, instance: str) -> float:
    if instance == "well":
        return next((good for word, good in WELL.items() if word in name.partition("{")[0]), 0)
    return step * 10 if value == "rising" else value


def _text(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


async def has_stored_more(plant: Plant, before: str) -> bool:
    now = (await plant.http.get("/metrics")).text
    stored = [_STORED.search(text) for text in (before, now)]
    return float(stored[0][1]) < float(stored[1][1])  # type: ignore[index]


def give(url: str, job: str, text: str, before: str = "") -> None:
    """Store a page of figures as if it had been scraped each half minute, at first as before."""
    now = SystemClock().now_ms()
    for back in range(0, 600_000, 30_000):
        stamp = {"timestamp": str(now - back)}
        labels = {"extra_label": [f"job=plantroom-{job}", f"instance={job}"]}
        _import(url, before if before and back > 100_000 else text, {**stamp, **labels})


def _import(url: str, text: str, parameters: dict[str, Any] | None = None) -> None:
    answer = httpx.post(
        f"{url}/api/v1/import/prometheus", params=parameters, content=text, trust_env=False
    )
    assert answer.is_success, answer.text


def show(url: str) -> None:
    """Have what was stored be found from now on."""
    httpx.get(f"{url}/internal/force_flush", trust_env=False)


def series(url: str, query: str) -> list[Any]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, trust_env=False)
    assert answer.is_success, answer.text
    return answer.json()["data"]["result"]
