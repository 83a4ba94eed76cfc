"""No gateway makes another wait: queues, births, states and alarms are served in turn."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from threading import Event as Signal

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from protocols.sparkplug.payload import uuid_of
from server.assets import ledger
from server.assets.ledger import PointRow
from server.assets.model import Equipment, Point
from server.assets.series import Sample
from server.history.base import Batch
from server.ingest.inbox import Arrival, Bounds, Inbox
from server.ingest.metrics import IngestMetrics
from tests.fakes.agent_clock import FakeClock
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, IngestPlant, node, plant, pump

__all__ = ["node", "plant", "pump"]

FLOOD = "spBv1.0/s/DDATA/flood/d"
QUIET = "spBv1.0/s/DDATA/quiet/d"


def inbox(
    bounds: Bounds | None = None, *, known: tuple[str, ...] = ("s/flood", "s/quiet")
) -> Inbox:
    metrics = IngestMetrics(FakeClock(), CollectorRegistry())
    return Inbox(metrics, bounds, knows=lambda key: key in known)


def sources(arrivals: list[Arrival]) -> Counter[str]:
    return Counter(arrival.topic.split("/")[3] for arrival in arrivals)


def test_who_begins_to_speak_is_served_before_a_backlog() -> None:
    queue = inbox()
    for _ in range(5_000):
        queue.put(FLOOD, bytes(400), 0)
    assert sources(queue.take(limit=200, wait_s=0)) == {"flood": 200}
    queue.put(QUIET, b"alarm", 1)
    assert queue.take(limit=200, wait_s=0)[0] == Arrival(QUIET, b"alarm", 1)


def test_two_backlogs_share_by_bytes_not_by_messages() -> None:
    queue = inbox()
    for _ in range(2_000):
        queue.put(FLOOD, bytes(9_500), 0)
        queue.put(QUIET, bytes(500), 0)
    taken = [one for _ in range(8) for one in queue.take(limit=200, wait_s=0)]
    got = sources(taken)
    assert got["quiet"] == pytest.approx(10 * got["flood"], rel=0.2)


def test_the_order_of_a_gateway_stays() -> None:
    queue = inbox()
    for number in range(1_000):
        queue.put(FLOOD, bytes(number % 3_000), number)
        queue.put(QUIET, bytes(7), number)
    taken: list[Arrival] = []
    while len(queue):
        taken += queue.take(limit=30, wait_s=0)
    for topic in (FLOOD, QUIET):
        assert [one.arrived_at for one in taken if one.topic == topic] == list(range(1_000))


def test_a_thousand_unknown_names_do_not_come_before_a_known_gateway() -> None:
    queue = inbox()
    for number in range(5_000):
        queue.put(f"spBv1.0/s/NBIRTH/new-{number}", bytes(500), 0)
    queue.put(QUIET, b"alarm", 1)
    assert queue.take(limit=200, wait_s=0)[0].payload == b"alarm"


def test_a_large_message_is_paid_for_by_the_next_turns() -> None:
    queue = inbox()
    for _ in range(3):
        queue.put("spBv1.0/s/DBIRTH/flood/d", bytes(900_000), 0)
    for _ in range(200):
        queue.put(QUIET, bytes(500), 0)
    first = queue.take(limit=1000, wait_s=0)
    assert sources(first) == {"flood": 1}
    behind = [one for _ in range(3) for one in queue.take(limit=60, wait_s=0)]
    assert sources(behind)["flood"] == 0


def test_who_is_passed_over_keeps_its_turn_and_its_order() -> None:
    queue = inbox()
    queue.put(FLOOD, b"1", 0)
    queue.put(FLOOD, b"2", 0)
    queue.put(QUIET, b"3", 0)
    assert [one.payload for one in queue.take(limit=9, wait_s=0, but={"s/flood"})] == [b"3"]
    assert queue.waits("s/flood")
    assert [one.payload for one in queue.take(limit=9, wait_s=0)] == [b"1", b"2"]
    assert not queue.waits("s/flood")


def test_a_full_queue_is_told_once_and_refuses_nobody_else() -> None:
    queue = inbox(Bounds(messages=100))
    with capture_logs() as logs:
        for _ in range(500):
            queue.put(FLOOD, b"x", 0)
        queue.put(QUIET, b"alarm", 0)
        while len(queue):
            queue.take(limit=50, wait_s=0)
    assert [(line["event"], line["gateway"]) for line in logs] == [
        ("gateway_floods", "s/flood"),
        ("gateway_flood_over", "s/flood"),
    ]
    assert logs[1]["refused"] == 400
    assert queue._metrics.rejected.labels("queue_full")._value.get() == 400


def test_when_all_is_full_who_has_little_still_gets_in() -> None:
    queue = inbox(Bounds(all_messages=300))
    for number in range(3):
        for _ in range(150):
            queue.put(f"spBv1.0/s/DDATA/flood-{number}/d", b"x", 0)
    queue.put(QUIET, b"alarm", 0)
    assert queue.waits("s/quiet")
    assert len(queue) <= 600


def test_the_age_of_the_oldest_unread_message_is_known() -> None:
    queue = inbox()
    assert queue.oldest_at() is None
    queue.put(FLOOD, b"x", 7)
    queue.put(QUIET, b"x", 5)
    assert queue.oldest_at() == 5


def entered(plant: IngestPlant) -> int:
    return len(plant.rows(Equipment))


@pytest.mark.long
@pytest.mark.size(30, 100)
def test_an_alarm_waits_for_a_slice_of_births_not_for_all(
    pump: IngestPlant, node: EdgeNode, size: int
) -> None:
    pump.watch("site/gw/pump/pressure")
    others = [EdgeNode("site", f"new-{number}", clock_ms=node.clock_ms) for number in range(7)]
    for other in others:
        pump.reception.inbox.put(*other.nbirth())
        for number in range(size):
            pump.reception.inbox.put(*other.dbirth(f"d{number}", {f"p{k}": 1.0 for k in range(20)}))
    seen: list[int] = []

    def judged(samples: list[Sample]) -> None:
        if any(sample.value == 9.0 for sample in samples):
            seen.append(entered(pump))

    pump.ingest._rounds._evaluate = judged
    pump.ingest._work(wait_s=0)
    pump.ingest._work(wait_s=0)
    before = entered(pump)
    pump.reception.inbox.put(*node.ddata("pump", {1: 9.0}, at=node.clock_ms + 1))
    pump.ingest._work(wait_s=0)
    assert seen == [before]
    assert before < 60
    pump.wait(1)
    assert entered(pump) == 2 + 7 + 7 * size
    assert len(pump.rows(Point)) == 2 * 2 + 7 + 7 * size * 21
    assert all(row.online for row in pump.rows(Equipment).values())


@pytest.mark.long
def test_a_birth_of_thousands_of_points_is_entered_in_parts_and_told_once(
    plant: IngestPlant, node: EdgeNode
) -> None:
    plant.reception.inbox.put(*node.nbirth())
    plant.reception.inbox.put(*node.dbirth("d", {f"p{k}": float(k) for k in range(1_800)}))
    plant.reception.inbox.put(*node.ddata("d", {1: 5.0}, at=node.clock_ms + 1))
    sizes: list[int] = []
    while plant.ingest._host.busy or len(plant.reception.inbox):
        plant.ingest._work(wait_s=0)
        sizes.append(len(plant.rows(Point)))
    steps = [after - before for before, after in pairwise(sizes)]
    assert max(steps) <= 251
    plant.wait(1)
    assert plant.stored("site/gw/d/p0") == [0.0, 5.0]
    assert plant.stored("site/gw/d/p1799") == [1799.0]
    assert plant.events().count("equipment.born site/gw/d") == 1


def test_an_alarm_flood_of_one_gateway_shares_each_slice(pump: IngestPlant, node: EdgeNode) -> None:
    other = EdgeNode("site", "gw2", clock_ms=node.clock_ms)
    pump.receive(other.nbirth(), other.dbirth("pump", {f"p{k}": 1.0 for k in range(100)}))
    for k in range(100):
        pump.watch(f"site/gw2/pump/p{k}")
    pump.watch("site/gw/pump/pressure")
    slices: list[list[str]] = []

    def judged(samples: list[Sample]) -> None:
        pump.clock.advance(0.2)
        slices.append([sample.series.key for sample in samples])

    pump.ingest._rounds._evaluate = judged
    for step in range(30):
        values = {alias: float(step) for alias in range(1, 101)}
        pump.reception.inbox.put(*other.ddata("pump", values, at=node.clock_ms + step + 1))
    pump.ingest._work(wait_s=0)
    pump.reception.inbox.put(*node.ddata("pump", {1: 9.0}, at=node.clock_ms + 1))
    pump.ingest._work(wait_s=0)
    assert "site/gw/pump/pressure" in slices[1]
    assert all(len(one) == 10 for one in slices[:-1])
    pump.wait(1)
    assert sum(len(one) for one in slices) == 3_001


def test_nothing_is_stored_or_acknowledged_before_its_alarms_were_seen(
    pump: IngestPlant, node: EdgeNode
) -> None:
    points = {f"p{k}": 1.0 for k in range(120)}
    pump.receive(node.dbirth("many", points, first_alias=10))
    for name in points:
        pump.watch(f"site/gw/many/{name}")
    seen: list[int] = []

    def judged(samples: list[Sample]) -> None:
        pump.clock.advance(0.2)
        seen.append(len(samples))
        assert pump.acked() == []
        assert all(pump.stored(sample.series.key) == [1.0] for sample in samples)

    pump.ingest._rounds._evaluate = judged
    values = dict.fromkeys(range(10, 130), 2.0)
    pump.receive(node.ddata("many", values, at=node.clock_ms + 1, uuid=uuid_of("j", 1)))
    pump.wait(1)
    assert seen == [10] * 12
    assert pump.stored("site/gw/many/p119") == [1.0, 2.0]
    assert len(pump.acked()) == 1


@pytest.mark.long
def test_a_gateway_with_many_devices_goes_away_in_slices(pump: IngestPlant, node: EdgeNode) -> None:
    other = EdgeNode("site", "gw2", clock_ms=node.clock_ms)
    births = [other.dbirth(f"d{number}", {"p": 1.0}) for number in range(300)]
    pump.receive(other.nbirth(), *births)
    pump.watch("site/gw/pump/pressure")
    seen: list[float] = []
    pump.ingest._rounds._evaluate = lambda samples: seen.extend(
        sample.value for sample in samples if isinstance(sample.value, float)
    )
    pump.reception.inbox.put(*other.ndeath())
    pump.ingest._work(wait_s=0)
    pump.reception.inbox.put(*node.ddata("pump", {1: 9.0}, at=node.clock_ms + 1))
    pump.ingest._work(wait_s=0)
    assert seen == [9.0]
    assert sum(row.online for row in pump.rows(Equipment).values()) > 50
    pump.wait(1)
    assert not any(
        row.online for key, row in pump.rows(Equipment).items() if key.startswith("site/gw2")
    )


def test_births_in_a_loop_write_nothing_again(pump: IngestPlant, node: EdgeNode) -> None:
    writes: list[object] = []
    write = pump.records.write

    def counted(work: object) -> object:
        writes.append(work)
        return write(work)  # pyright: ignore[reportArgumentType]

    pump.records.write = counted  # pyright: ignore[reportAttributeAccessIssue]
    for _ in range(20):
        points = {"pressure": 1.0, "run": True}
        pump.receive(node.nbirth(), node.dbirth("pump", points, equipment_class="heating_pump"))
    assert writes == []


@pytest.mark.long
def test_a_slow_history_holds_up_only_who_floods(tmp_path: Path) -> None:
    plant = IngestPlant(tmp_path)
    go_on = Signal()
    try:
        flood = EdgeNode("site", "flood", clock_ms=plant.clock.now_ms())
        quiet = EdgeNode("site", "quiet", clock_ms=plant.clock.now_ms())
        points = {f"p{k}": 0.0 for k in range(200)}
        plant.receive(flood.nbirth(), flood.dbirth("d", points))
        plant.receive(quiet.nbirth(), quiet.dbirth("d", {"p": 0.0}))
        plant.watch("site/quiet/d/p")
        append = plant.history.append

        def slow(batch: Batch) -> None:
            go_on.wait(20)
            append(batch)

        plant.history.append = slow
        for step in range(250):
            values = {alias: float(step) for alias in range(1, 201)}
            plant.reception.inbox.put(*flood.ddata("d", values, at=flood.clock_ms + step + 1))
        for _ in range(30):
            plant.clock.advance(1)
            plant.ingest._work(wait_s=0)
        assert len(plant.reception.inbox) > 0
        assert len(plant.ingest._rounds.ready.batch) < 30_000
        plant.evaluated.clear()
        plant.reception.inbox.put(*quiet.ddata("d", {1: 9.0}, at=quiet.clock_ms + 1))
        plant.ingest._work(wait_s=0)
        assert [sample.value for sample in plant.evaluated] == [9.0]
        go_on.set()
        for _ in range(3):
            plant.wait(1)
        assert len(plant.stored("site/flood/d/p0")) == 251
    finally:
        go_on.set()
        plant.close()


@pytest.mark.size(2_000, 5_000)
def test_a_birth_of_thousands_of_points_reads_each_of_them_a_few_times(
    plant: IngestPlant, node: EdgeNode, size: int
) -> None:
    rows = [0]

    def counted(session: object, condition: object) -> dict[int, list[PointRow]]:
        found = points_where(session, condition)  # type: ignore[arg-type]
        rows[0] += sum(map(len, found.values()))
        return found

    points_where = ledger._points_where
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "_points_where", counted)
        plant.receive(node.nbirth(), node.dbirth("huge", {f"p{k}": 1.0 for k in range(size)}))
    assert len(plant.rows(Point)) == size + 2
    assert rows[0] < 2 * (size + 2)


@pytest.mark.long
def test_large_messages_that_waited_for_a_missing_one_are_read_a_piece_at_a_time(
    pump: IngestPlant, node: EdgeNode
) -> None:
    """A gap ends; what came behind it is dozens of payloads, and another gateway has news."""
    verbose = EdgeNode(name="verbose", clock_ms=pump.clock.now_ms())
    points = {f"p{k}": 0.0 for k in range(2_000)}
    pump.receive(verbose.nbirth(), verbose.dbirth("d", points))
    pump.watch(f"{PUMP}/pressure")
    missing = verbose.ddata("d", {1: 0.5}, at=verbose.clock_ms + 1)
    for step in range(30):
        values = {alias: float(step + 1) for alias in range(1, 2_001)}
        pump.reception.inbox.put(*verbose.ddata("d", values, at=verbose.clock_ms + 2 + step))
    while len(pump.reception.inbox):
        pump.ingest._work(wait_s=0)
    late = pump.series("site/verbose/d/p0")
    assert late.last_value == 0.0
    pump.reception.inbox.put(*missing)
    pump.ingest._work(wait_s=0)
    pump.reception.inbox.put(*node.ddata("pump", {1: 9.0}, at=node.clock_ms + 1))
    pump.ingest._work(wait_s=0)
    assert pump.series(f"{PUMP}/pressure").last_value == 9.0
    read = late.last_value
    assert isinstance(read, float)
    assert 0 < read < 30
    pump.wait(1)
    assert late.last_value == 30.0
