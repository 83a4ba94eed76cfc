"""The planner: fewest requests worth asking, around what a device does not give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.points import DataType, Point, Table
from config.profiles import Limits, RegisterRange
from edge_agent.drivers.question import ALL_AVAILABLE, Barrier, Unavailable
from edge_agent.drivers.registers.plan import Block, plan
from edge_agent.drivers.timing import LineTiming
from edge_agent.polling.bisection import Bisection
from tests.fakes.devices import point

# A request costs as much as ten registers.
TIMING = LineTiming(char_s=0.0, overhead_s=0.010, register_s=0.001, gap_s=0.0)


def planned(
    points: dict[str, Point], unavailable: Unavailable = ALL_AVAILABLE, **limits: int
) -> list[Block]:
    return plan(points, limits=Limits(**limits), timing=TIMING, unavailable=unavailable)


def test_neighbours_are_read_at_once() -> None:
    points = {f"p{i}": point(i * 2, type=DataType.FLOAT32) for i in range(20)}
    assert planned(points) == [Block(Table.HOLDING, 0, 40, tuple(points))]


def test_a_gap_is_bridged_only_while_it_is_cheaper_than_a_request() -> None:
    assert len(planned({"a": point(0), "b": point(10)})) == 1
    assert len(planned({"a": point(0), "b": point(12)})) == 2


def test_a_fast_line_with_dear_requests_bridges_more() -> None:
    points = {"a": point(0), "b": point(50)}
    timing = TIMING._replace(overhead_s=0.1)
    assert plan(points, limits=Limits(), timing=timing) == [Block(Table.HOLDING, 0, 51, ("a", "b"))]


def test_tables_are_read_apart() -> None:
    points = {
        "h": point(0),
        "i": point(0, table=Table.INPUT),
        "c": point(0, table=Table.COIL, type=DataType.BOOL),
    }
    assert [block.table for block in planned(points)] == [Table.COIL, Table.HOLDING, Table.INPUT]


def test_a_request_never_exceeds_the_devices_limit() -> None:
    points = {f"p{i:03}": point(i) for i in range(40)}
    blocks = planned(points, max_registers=16)
    assert [block.size for block in blocks] == [16, 16, 8]


def test_a_value_of_two_registers_is_never_cut() -> None:
    points = {f"p{i}": point(i * 2, type=DataType.UINT32) for i in range(4)}
    assert [block.size for block in planned(points, max_registers=5)] == [4, 4]


def test_a_point_larger_than_the_limit_is_named() -> None:
    points = {"label": point(0, type=DataType.STRING, length=20)}
    with pytest.raises(ConfigError, match=r"points.label: 20 registers, but limits allow 16"):
        planned(points, max_registers=16)


def registers(first: int, last: int, table: Table = Table.HOLDING) -> RegisterRange:
    return RegisterRange(table=table, first=first, last=last)


def test_a_request_stays_within_one_readable_range() -> None:
    points = {f"p{i}": point(i) for i in range(8)}
    limits = Limits(readable=(registers(0, 3), registers(4, 9)))
    blocks = plan(points, limits=limits, timing=TIMING)
    assert [(block.address, block.size) for block in blocks] == [(0, 4), (4, 4)]
    other = Limits(readable=(registers(0, 3, Table.INPUT),))
    assert len(plan(points, limits=other, timing=TIMING)) == 1


def test_a_forbidden_register_is_never_read_over() -> None:
    points = {"a": point(0), "b": point(1), "c": point(4), "d": point(5)}
    assert len(planned(points)) == 1
    blocks = plan(points, limits=Limits(forbidden=(registers(2, 3),)), timing=TIMING)
    assert [block.points for block in blocks] == [("a", "b"), ("c", "d")]


@given(
    st.sets(st.integers(0, 60), min_size=1, max_size=30),
    st.sets(st.integers(0, 60), max_size=8),
)
def test_no_request_ever_contains_a_forbidden_register(
    places: set[int], forbidden: set[int]
) -> None:
    points = {f"p{at}": point(at) for at in places - forbidden}
    limits = Limits(forbidden=tuple(registers(at, at) for at in forbidden))
    blocks = plan(points, limits=limits, timing=TIMING)
    asked = {at for block in blocks for at in range(block.address, block.address + block.size)}
    assert places - forbidden <= asked
    assert not asked & forbidden


def test_bits_of_one_register_share_a_request() -> None:
    points = {f"b{i}": point(7, type=DataType.BIT, bit=i) for i in range(16)}
    assert [(block.address, block.size) for block in planned(points)] == [(7, 1)]


def test_coils_are_cheap_to_bridge() -> None:
    coil = {"table": Table.COIL, "type": DataType.BOOL}
    assert len(planned({"a": point(0, **coil), "b": point(100, **coil)})) == 1


def test_unavailable_points_are_not_asked_and_barriers_are_not_crossed() -> None:
    points = {"a": point(0), "b": point(1), "c": point(2)}
    known = Unavailable({"b": "illegal_address"}, {Barrier(Table.HOLDING, 2): "illegal_address"})
    assert [block.points for block in planned(points, known)] == [("a",), ("c",)]


def test_a_barrier_of_another_table_is_no_barrier() -> None:
    points = {"a": point(0), "b": point(1)}
    other = Unavailable(barriers={Barrier(Table.INPUT, 1): "illegal_address"})
    assert len(planned(points, other)) == 1


@given(
    st.dictionaries(st.integers(0, 400), st.sampled_from([1, 2, 4]), min_size=1, max_size=40),
    st.integers(4, 30),
)
def test_every_point_is_read_exactly_once_and_whole(places: dict[int, int], limit: int) -> None:
    kinds = {1: DataType.UINT16, 2: DataType.UINT32, 4: DataType.UINT64}
    points = {f"p{at}": point(at, type=kinds[words]) for at, words in places.items()}
    blocks = planned(points, max_registers=limit)
    assert sorted(name for block in blocks for name in block.points) == sorted(points)
    for block in blocks:
        assert block.size <= limit
        for name in block.points:
            assert block.address <= points[name].address
            assert points[name].address + points[name].words <= block.address + block.size


def test_a_refused_block_is_split_at_its_widest_gap() -> None:
    points = {"a": point(0), "b": point(1), "c": point(9), "d": point(10)}
    block = planned(points)[0]
    first, second = block.halves(points)
    assert (first.points, second.points) == (("a", "b"), ("c", "d"))


def test_points_that_share_a_register_cannot_be_split() -> None:
    points = {"a": point(3, type=DataType.BIT, bit=0), "b": point(3, type=DataType.BIT, bit=1)}
    assert planned(points)[0].halves(points) == ()


def found(
    points: dict[str, Point], illegal: set[int], **limits: int
) -> tuple[Unavailable, set[str]]:
    """Ask a device with illegal registers until the plan is refused no more."""
    known = ALL_AVAILABLE
    for _ in range(10):
        search = Bisection()
        good: set[str] = set()
        pending = planned(points, known, **limits)
        refused = 0
        while pending:
            block = pending.pop()
            if illegal & set(range(block.address, block.address + block.size)):
                refused += 1
                pending += search.split(block, points)
            else:
                good |= set(block.points)
        if not refused:
            return known, good
        more = search.found()
        known = Unavailable({**known.points, **more.points}, {**known.barriers, **more.barriers})
    pytest.fail("never found")


def test_registers_around_an_illegal_one_arrive_and_it_is_found_in_one_cycle() -> None:
    points = {f"p{i:02}": point(i) for i in range(30)}
    known, good = found(points, {17})
    assert known == Unavailable({"p17": "illegal_address"})
    assert good == set(points) - {"p17"}


def test_an_illegal_gap_costs_no_point() -> None:
    points = {"a": point(0), "b": point(1), "c": point(8)}
    known, good = found(points, {4})
    assert known == Unavailable(barriers={Barrier(Table.HOLDING, 8): "illegal_address"})
    assert good == {"a", "b", "c"}


@given(st.sets(st.integers(0, 60), min_size=1, max_size=30), st.sets(st.integers(0, 60)))
def test_only_points_on_illegal_registers_are_lost(places: set[int], illegal: set[int]) -> None:
    points = {f"p{at}": point(at) for at in places}
    known, good = found(points, illegal)
    assert good == {f"p{at}" for at in places - illegal}
    assert known.points.keys() == {f"p{at}" for at in places & illegal}
