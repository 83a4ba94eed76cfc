"""The bytes of our messages against vectors written by hand from the specification."""

from pathlib import Path

import pytest

from protocols.reading import Quality
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.journal_ack import decode_ack, encode_ack
from protocols.sparkplug.payload import Metric, Payload, decode_payload, encode_payload

GOLDEN = Path(__file__).parent / "golden"
SENT = 1_700_000_000_123
TAKEN = 1_700_000_000_000

BD_SEQ = Metric(name="bdSeq", timestamp=TAKEN, datatype=DataType.INT64, value=7)
MESSAGES = {
    "sparkplug_ndeath": Payload(timestamp=TAKEN, metrics=[BD_SEQ]),
    "sparkplug_nbirth": Payload(
        timestamp=TAKEN,
        seq=0,
        metrics=[
            BD_SEQ,
            Metric(
                name="Node Control/Rebirth",
                timestamp=TAKEN,
                datatype=DataType.BOOLEAN,
                value=False,
            ),
        ],
    ),
    "sparkplug_dbirth": Payload(
        timestamp=TAKEN,
        seq=1,
        metrics=[
            Metric(
                name="outlet_pressure",
                alias=1,
                timestamp=TAKEN,
                datatype=DataType.DOUBLE,
                value=164.0,
                quality=Quality.GOOD,
                properties={"engUnit": "kPa", "MaxSilence": 60_000},
            ),
            Metric(
                name="running",
                alias=2,
                timestamp=TAKEN,
                datatype=DataType.BOOLEAN,
                quality=Quality.BAD,
                reason="timeout",
            ),
            Metric(name="delta", alias=3, timestamp=TAKEN, datatype=DataType.INT16, value=-5),
        ],
    ),
    "sparkplug_ddata": Payload(
        timestamp=SENT,
        seq=255,
        uuid="j7f3/421",
        metrics=[
            Metric(alias=1, timestamp=TAKEN, value=168.0),
            Metric(alias=2, timestamp=TAKEN, value=False),
        ],
    ),
    "sparkplug_ddata_bad": Payload(
        timestamp=SENT,
        seq=2,
        metrics=[
            Metric(
                alias=300,
                timestamp=TAKEN,
                is_historical=True,
                quality=Quality.BAD,
                reason="not_a_number",
            )
        ],
    ),
    "sparkplug_journal_ack": Payload(
        timestamp=SENT,
        uuid="j7f3",
        metrics=[
            Metric(
                name="Node Control/Journal Ack",
                timestamp=SENT,
                datatype=DataType.UINT64_ARRAY,
                value=[1, 3, 7, 2_147_483_647],
            )
        ],
    ),
}


def golden(name: str) -> bytes:
    lines = (GOLDEN / f"{name}.hex").read_text(encoding="utf-8").splitlines()
    return bytes.fromhex("".join(line.split("#")[0] for line in lines))


@pytest.mark.parametrize("name", MESSAGES)
def test_the_bytes_are_read_as_written_by_hand(name: str) -> None:
    assert decode_payload(golden(name)) == MESSAGES[name]


@pytest.mark.parametrize("name", MESSAGES)
def test_the_message_is_written_byte_for_byte(name: str) -> None:
    message = MESSAGES[name]
    assert message.timestamp is not None
    data = encode_payload(
        message.metrics, timestamp=message.timestamp, seq=message.seq, uuid=message.uuid
    )
    assert data.hex() == golden(name).hex()


def test_a_nan_is_sent_as_the_golden_null() -> None:
    nan = Metric(
        alias=300,
        timestamp=TAKEN,
        datatype=DataType.DOUBLE,
        value=float("nan"),
        is_historical=True,
    )
    assert encode_payload([nan], timestamp=SENT, seq=2) == golden("sparkplug_ddata_bad")


def test_the_journal_acknowledgement_is_the_golden_one() -> None:
    ranges = [(1, 3), (7, 2_147_483_647)]
    assert encode_ack("j7f3", ranges, SENT) == golden("sparkplug_journal_ack")
    assert decode_ack(decode_payload(golden("sparkplug_journal_ack"))) == ("j7f3", ranges)


def test_an_unsigned_32_bit_number_of_tahu_is_read() -> None:
    (metric,) = decode_payload(golden("sparkplug_tahu_uint32")).metrics
    assert metric == Metric(name="n", datatype=DataType.UINT32, value=4_000_000_000)


def test_every_vector_is_used() -> None:
    files = {path.stem for path in GOLDEN.glob("sparkplug_*.hex")}
    assert files == {*MESSAGES, "sparkplug_tahu_uint32"}
