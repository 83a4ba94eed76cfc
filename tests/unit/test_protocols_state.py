import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FrameError
from protocols.sparkplug.state import State, decode_state, encode_state


def test_a_state_is_spelt_as_the_specification_says() -> None:
    assert encode_state(State(online=True, timestamp=17)) == b'{"online":true,"timestamp":17}'


@given(st.booleans(), st.integers(0, 2**63))
def test_a_state_comes_back(online: bool, timestamp: int) -> None:  # noqa: FBT001
    state = State(online, timestamp)
    assert decode_state(encode_state(state)) == state


def test_what_else_a_host_says_is_passed_over() -> None:
    assert decode_state(b'{"timestamp": 5, "online": false, "x": 1}') == State(False, 5)  # noqa: FBT003


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"ONLINE",
        b"[]",
        b"null",
        b'"online"',
        b'{"online": true}',
        b'{"online": 1, "timestamp": 5}',
        b'{"online": true, "timestamp": "5"}',
        b'{"online": true, "timestamp": 5.0}',
        b'{"online": true, "timestamp": true}',
        b'{"online": true, "timestamp": -1}',
        b"\xff\xfe",
        b"[" * 1_000,
        b"[" * 100_000,
    ],
)
def test_what_is_no_state_is_a_frame_error(payload: bytes) -> None:
    with pytest.raises(FrameError):
        decode_state(payload)
