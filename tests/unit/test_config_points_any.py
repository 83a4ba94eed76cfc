"""Any options make a point that reads any registers, or are refused in words."""

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.coding import DataType, Encoding, MixedOrder, Numbering, Order, Sign, Table
from config.points import Point
from edge_agent.drivers.registers.convert import compile_block, reads_as_written, registers_for
from edge_agent.drivers.registers.plan import Block
from edge_agent.errors import CommandError
from edge_agent.uplink.encoder import datatype_of_point
from protocols.reading import Quality

_NUMBER = st.integers(-70_000, 70_000) | st.floats(-1e6, 1e6) | st.just(0.1)
_OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "order": st.sampled_from([*Order, *MixedOrder]),
    "bit": st.integers(0, 64),
    "bits_from": st.sampled_from(list(Numbering)),
    "width": st.integers(1, 64),
    "length": st.integers(1, 6),
    "byte": st.sampled_from(["high", "low"]),
    "sign": st.sampled_from(list(Sign)),
    "inverted": st.booleans(),
    "encoding": st.sampled_from(list(Encoding)),
    "time": st.sampled_from(
        [
            {"layout": "YY MM DD hh mm ss", "coding": "bcd", "zone": "Asia/Shanghai"},
            {"layout": "YYYY MM DD", "parts": "registers"},
            {"layout": "ss mm hh -- DD MM YY", "zone": "+08:00"},
            {"counts": "seconds"},
            {"counts": "milliseconds", "counter": "int64", "epoch": "2000-01-01"},
        ]
    ),
    "among": st.lists(st.integers(-1, 300), max_size=3).map(tuple),
    "scale": _NUMBER,
    "offset": _NUMBER,
    "raw_span": st.tuples(_NUMBER, _NUMBER),
    "span": st.tuples(_NUMBER, _NUMBER),
    "plausible": st.tuples(_NUMBER | st.none(), _NUMBER | st.none()),
    "ratio_from": st.just(("ct",)),
    "enum": st.dictionaries(st.integers(-3, 70_000), st.text("ab", min_size=1), max_size=3),
    "otherwise": st.just("other {raw}"),
    "invalid": st.lists(_NUMBER | st.integers(0, 2**64), max_size=2).map(tuple),
    "writable": st.fixed_dictionaries(
        {"minimum": st.just(-1e9), "maximum": st.just(1e9)},
        optional={
            "address": st.integers(0, 65535),
            "table": st.sampled_from(list(Table)),
            "registers": st.lists(
                st.sampled_from(["value", "complement"]) | st.integers(0, 65535),
                min_size=1,
                max_size=4,
            ).map(tuple),
            "codes": st.dictionaries(st.text("ab", min_size=1), st.integers(0, 65535), max_size=2),
        },
    ),
}


@st.composite
def points(draw: st.DrawFn) -> Point:
    chosen = draw(st.sets(st.sampled_from(list(_OPTIONS)), max_size=5))
    kind = draw(st.sampled_from(list(DataType)))
    given_options = {name: draw(_OPTIONS[name]) for name in sorted(chosen)}
    # What the type cannot do without.
    if kind in {DataType.INT8, DataType.UINT8, DataType.BCD8}:
        given_options.setdefault("byte", "low")
    if kind is DataType.DATETIME:
        given_options.setdefault("time", {"counts": "seconds"})
    if kind is DataType.STRING:
        given_options.setdefault("length", 2)
    if kind is DataType.ENUM:
        given_options.setdefault("enum", {0: "off"})
    if kind in {DataType.BIT, DataType.BITFIELD}:
        given_options.setdefault("bit", 3)
    if kind is DataType.BITFIELD:
        given_options.setdefault("width", 2)
    if kind in {DataType.COUNT_OF, DataType.FIRST_OF}:
        given_options.setdefault("length", 2)
        given_options.setdefault("width", 4)
        given_options.setdefault("among", (2, 3))
    try:
        return Point.model_validate(
            {"table": Table.HOLDING, "address": 7, "type": kind, **given_options}
        )
    except ValidationError:
        assume(False)  # noqa: FBT003
        raise


@given(points(), st.data())
def test_any_point_reads_any_registers(point: Point, data: st.DataObject) -> None:
    words = st.integers(0, 0xFFFF) | st.sampled_from([0, 1, 0x8000, 0xFFFF, 0x1234])
    held = data.draw(st.lists(words, min_size=point.words, max_size=point.words))
    block = Block(Table.HOLDING, 7, point.words, ("p",))
    read = compile_block(block, {"p": point})
    (reading,) = read(held, 1)
    assert (reading.value is None) is (reading.quality is Quality.BAD)
    assert bool(reading.reason) is (reading.quality is Quality.BAD)
    assert datatype_of_point(point)
    if point.writable is None or reading.value is None:
        return
    try:
        written = registers_for(point, reading.value, into=held)
    except CommandError:
        return  # 0.1 of a unit that the register cannot say again, a word for what is not listed
    if not point.writable.is_plain:
        assert reads_as_written(point, written, held)
        return
    (again,) = read(written, 1)
    assert again.quality is Quality.GOOD or point.plausible or point.invalid
    if not point.is_scaled and again.value is not None:
        assert again.value == reading.value
