"""Whole numbers of 64 bits reach a browser as they are, wherever a value leaves."""

import json
import shutil
import subprocess
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from protocols.exact_json import MOST_EXACT, exact
from protocols.reading import Quality
from server.api.sse import sse
from server.assets.model import Equipment, Point
from server.commands.model import Command
from server.core.records import record_event
from server.history.base import Batch
from server.notifications.channels.webhook import body_of
from tests.contract.api.conftest import NOW, Api
from tests.contract.channels.rigs import message

LARGE = [2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**53), -(2**53) - 1, -(2**63)]
EXACT = [MOST_EXACT, -MOST_EXACT, 0, 1, 2**32, True, 1e300, 0.1, -0.0, "9007199254740993", None]
NODE = shutil.which("node")


def as_a_browser_reads(places: list[tuple[str, str]]) -> list[str]:
    """What JavaScript makes of values in texts, each as text.

    Args:
        places: Each a JSON text and where in it the value is, as an expression.
    """
    reads = ",".join(f"one => one{place}" for _, place in places)
    script = (
        "const texts = JSON.parse(require('fs').readFileSync(0));"
        f"const read = [{reads}].map((of, at) => String(of(JSON.parse(texts[at]))));"
        "process.stdout.write(JSON.stringify(read))"
    )
    texts = json.dumps([text for text, _ in places]).encode()
    assert NODE is not None
    ran = subprocess.run([NODE, "-e", script], input=texts, capture_output=True, check=True)
    return json.loads(ran.stdout)


@pytest.mark.parametrize("value", LARGE)
def test_what_a_browser_would_round_is_text(value: int) -> None:
    assert exact({"a": [value, {"b": value}], "c": 1}) == {
        "a": [str(value), {"b": str(value)}],
        "c": 1,
    }


@pytest.mark.parametrize("value", EXACT)
def test_what_a_browser_reads_exactly_stays(value: object) -> None:
    assert exact([value]) == [value]
    assert type(exact([value])[0]) is type(value)


@pytest.mark.skipif(NODE is None, reason="needs node")
@pytest.mark.parametrize("value", [2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1])
def test_every_place_gives_a_browser_the_number(api: Api, pump: Equipment, value: int) -> None:
    batch = Batch()
    batch.add(2, NOW - 1000, value)
    batch.add(2, NOW - 1, value)
    api.history.append(batch)
    series = api.registry.find(2) or _loaded(api)
    series.last_value, series.last_quality, series.last_at = value, Quality.GOOD, NOW

    def write(session: Session) -> None:
        payload = {"value": value, "more": {"list": [value]}}
        record_event(session, at=NOW, topic="alarms", kind="alarm.raised", payload=payload)
        times = {"asked_at": NOW, "expires_at": NOW, "due_at": NOW}
        session.add(
            Command(
                key="k",
                point_id=2,
                equipment_id=pump.id,
                value=value,
                reason="",
                asked_by="x",
                state="done",
                before=value,
                after=value,
                **times,
            )
        )

    api.records.write(write)
    where: dict[str, list[str]] = {
        "/readings?point=2&raw=true": [".items[0].value"],
        "/readings?point=2&buckets=1": [
            f".buckets[0].{name}" for name in ("min", "max", "first", "last")
        ],
        "/values?equipment=1": [".items.find(one => one.point_id === 2).value"],
        "/events?topic=alarms": [".items[0].payload.value", ".items[0].payload.more.list[0]"],
        "/commands": [f".items[0].{name}" for name in ("value", "before", "after")],
    }
    shown: list[tuple[str, str]] = []
    for path, places in where.items():
        room, _, query = path.partition("?")
        text = api.get(room, **dict(parse_qsl(query))).text
        shown += [(text, place) for place in places]
    stream = sse("alarms", {"value": value}).decode().partition("data: ")[2]
    webhook = body_of(message(payload={"value": value, "alarms": [{"onset_value": value}]}))
    shown += [
        (stream, ".value"),
        (webhook.decode(), ".data.value"),
        (webhook.decode(), ".data.alarms[0].onset_value"),
    ]
    assert list(zip(shown, as_a_browser_reads(shown), strict=True)) == [
        (place, str(value)) for place in shown
    ]


def _loaded(api: Api) -> Any:
    api.registry.load()
    return api.registry.find(2)


@pytest.mark.parametrize("value", [str(2**64 - 1), 2**53 + 1, str(2**53 + 1), "17", 17], ids=repr)
def test_a_large_number_is_commanded_as_it_is_shown(
    api: Api, pump: Equipment, value: object
) -> None:
    _make_writable(api, datatype=8)
    answer = api.post("/points/2/commands", {"value": value, "reason": "x"})
    assert answer.status_code == 202, answer.text
    assert str(answer.json()["value"]) == str(value)
    assert api.records.read(lambda session: session.scalars(select(Command)).one().value) == int(
        str(value)
    )
    assert pump.id == 1


@pytest.mark.parametrize(
    "value", ["1.5", "", "-", "0x10", "1e3", " 1", "\uff19", 10**400, 2**64], ids=repr
)
def test_what_is_no_whole_number_of_64_bits_is_no_command(
    api: Api, pump: Equipment, value: object
) -> None:
    _make_writable(api, datatype=8)
    answer = api.client.post(
        "/api/v1/points/2/commands",
        content=json.dumps({"value": value, "reason": "x"}),
        headers=api.bearer() | {"Content-Type": "application/json"},
    )
    assert answer.status_code in {400, 422}, answer.text
    assert pump.id == 1


def _make_writable(api: Api, *, datatype: int) -> None:
    def write(session: Session) -> None:
        point = session.scalars(select(Point).where(Point.id == 2)).one()
        point.writable, point.datatype, point.minimum, point.maximum = True, datatype, None, None
        session.get_one(Equipment, point.equipment_id).online = True

    api.records.write(write)
