"""What is counted at each request, as ``/metrics`` tells it."""

import pytest
from prometheus_client import generate_latest

from edge_agent.health import Health


def test_a_port_has_its_counts_before_its_first_request() -> None:
    health = Health()
    health.requests.of("bus")
    text = generate_latest(health.registry).decode()
    assert 'plantroom_requests_total{port="bus"} 0.0' in text
    assert 'plantroom_response_seconds_bucket{le="+Inf",port="bus"} 0.0' in text


def test_replies_are_counted_in_every_bucket_that_they_fit_into() -> None:
    health = Health()
    counts = health.requests.of("bus")
    assert health.requests.of("bus") is counts
    for seconds in (0.001, 0.003, 0.1, 7.0):
        counts.requests += 1
        counts.busy_s += seconds
        counts.readings += 20
        counts.replied(seconds)

    def told(name: str, **labels: str) -> float | None:
        return health.registry.get_sample_value(name, {"port": "bus", **labels})

    found = {le: told("plantroom_response_seconds_bucket", le=le) for le, _ in counts.buckets()}
    assert found["0.001"] == 1
    assert found["0.002"] == 1
    assert found["0.005"] == 2
    assert found["0.05"] == 2
    assert found["0.1"] == 3
    assert found["2.0"] == 3
    assert found["+Inf"] == told("plantroom_response_seconds_count") == 4
    assert told("plantroom_response_seconds_sum") == pytest.approx(7.104)
    assert told("plantroom_port_busy_seconds_total") == pytest.approx(7.104)
    assert told("plantroom_requests_total") == 4
    assert told("plantroom_readings_total") == 80
