from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FrameError, ValueRangeError
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.journal_ack import JOURNAL_ACK, decode_ack, encode_ack, ranges_of
from protocols.sparkplug.payload import Metric, Payload, decode_payload, parse_uuid, uuid_of


@pytest.mark.parametrize(
    ("offsets", "ranges"),
    [
        ([], []),
        ([5], [(5, 5)]),
        ([1, 2, 3], [(1, 3)]),
        ([3, 1, 2, 2], [(1, 3)]),
        ([1, 3, 4, 9], [(1, 1), (3, 4), (9, 9)]),
    ],
)
def test_offsets_become_the_fewest_ranges(
    offsets: list[int], ranges: list[tuple[int, int]]
) -> None:
    assert ranges_of(offsets) == ranges


@given(st.sets(st.integers(0, 300)))
def test_ranges_hold_exactly_the_offsets(offsets: set[int]) -> None:
    ranges = ranges_of(offsets)
    assert {n for first, last in ranges for n in range(first, last + 1)} == offsets
    assert all(a[1] + 1 < b[0] for a, b in pairwise(ranges))


@given(st.sets(st.integers(0, 2**63 - 1)), st.text(st.characters(codec="utf-8"), min_size=1))
def test_an_acknowledgement_comes_back(offsets: set[int], journal_id: str) -> None:
    ranges = ranges_of(offsets)
    assert decode_ack(decode_payload(encode_ack(journal_id, ranges, 5))) == (journal_id, ranges)


@given(st.text(min_size=1), st.integers(0, 2**63 - 1))
def test_a_uuid_comes_back(journal_id: str, offset: int) -> None:
    assert parse_uuid(uuid_of(journal_id, offset)) == (journal_id, offset)


@pytest.mark.parametrize(
    "uuid",
    [
        "",
        "5",
        "/5",
        "j/",
        "j/-5",
        "j/+5",
        "j/5 ",
        "j/1_0",
        "j/\u0665",
        "j/9223372036854775808",
        "j/" + "9" * 5_000,
        "de305d54-75b4-431b-adb2-eb6b9e546014",
    ],
)
def test_the_uuid_of_other_software_is_none(uuid: str) -> None:
    assert parse_uuid(uuid) is None


def ack(*flat: int, uuid: str | None = "j") -> Payload:
    metric = Metric(name=JOURNAL_ACK, datatype=DataType.UINT64_ARRAY, value=list(flat))
    return Payload(uuid=uuid, metrics=[metric])


@pytest.mark.parametrize(
    "payload",
    [
        ack(1),
        ack(1, 2, 3),
        ack(5, 4),
        ack(1, 2, uuid=None),
        Payload(uuid="j", metrics=[Metric(name=JOURNAL_ACK, value="1-2")]),
    ],
)
def test_a_torn_acknowledgement_deletes_nothing(payload: Payload) -> None:
    with pytest.raises(FrameError):
        decode_ack(payload)


def test_another_command_is_no_acknowledgement() -> None:
    assert decode_ack(Payload(metrics=[Metric(name="Node Control/Rebirth", value=True)])) is None


def test_an_acknowledgement_needs_a_journal() -> None:
    with pytest.raises(ValueRangeError):
        encode_ack("", [(1, 1)], 5)


def test_an_offset_below_zero_is_refused() -> None:
    with pytest.raises(ValueRangeError):
        encode_ack("j", [(-1, 1)], 5)
