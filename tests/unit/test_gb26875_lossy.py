"""A device, a centre and a bad wire between them: no fire is lost, none is there twice."""

import random
from datetime import datetime, timedelta

import pytest

from protocols.fire.model import State, StateEvent
from protocols.fire.panel_state import PanelState
from protocols.fire.session import Moment
from protocols.gb26875.frame import Command, Frame, FrameParser
from protocols.gb26875.options import SessionOptions
from protocols.gb26875.recent import RecentMessages
from protocols.gb26875.session import CentreSession
from protocols.gb26875.tables import UnitType
from protocols.gb26875.times import DeviceTime
from protocols.gb26875.units import InfoObject, Unit, encode_text, encode_unit

START = datetime(2026, 11, 29, 2, 0, 0)  # noqa: DTZ001 (the site's own)


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return what a bad wire makes of bytes: mostly the same."""
    match rng.randrange(10):
        case 0:
            return b""
        case 1:
            return data[: rng.randrange(len(data))]
        case 2:
            changed = bytearray(data)
            changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            return bytes(changed)
        case 3:
            return rng.randbytes(rng.randrange(9)) + data
        case _:
            return data


class Device:
    """Sends each fire until it is confirmed, one at a time."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.waiting = [sorted(rng.sample(range(1000), rng.randrange(1, 4))) for _ in range(12)]
        self.points = sum(map(len, self.waiting))
        self.fires = {point for points in self.waiting for point in points}
        self.sequence = rng.choice((0, 65530))
        self.parser = FrameParser()

    def message(self, now: datetime) -> bytes:
        objects = [
            InfoObject(
                {
                    "system": 1,
                    "address": 1,
                    "component_type": 40,
                    "zone": 1,
                    "point": point,
                    "status": 3,
                    "description": encode_text(f"房间{point}"),
                },
                DeviceTime.of(START),
            )
            for point in self.waiting[0]
        ]
        unit = encode_unit(Unit(UnitType.COMPONENT_STATUS, objects))
        return Frame(self.sequence, Command.SEND, DeviceTime.of(now), 889, 1, unit).encode()

    def hear(self, data: bytes) -> None:
        for found in self.parser.feed(data):
            is_mine = isinstance(found, Frame) and found.sequence == self.sequence
            if is_mine and found.command == Command.CONFIRM:
                self.waiting.pop(0)
                self.sequence = (self.sequence + 1) % 65536


@pytest.mark.seeds(8, 500)
def test_over_a_bad_wire_each_fire_arrives_once(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (a search)
    device, recent, state = Device(rng), RecentMessages(), PanelState()
    reported: list[int] = []
    seconds = 0.0

    def now() -> Moment:
        return Moment(seconds, START + timedelta(seconds=seconds))

    options = SessionOptions(sets_clock=False, asks_states=False)
    session = CentreSession(options, moment=now(), recent=recent)
    for _ in range(2000):
        if not device.waiting:
            break
        seconds += 5
        if rng.random() < 0.1:
            session, device.parser = (
                CentreSession(options, moment=now(), recent=recent),
                FrameParser(),
            )
        out = session.receive(damaged(rng, device.message(now().local)), now())
        answers = list(out.send)
        for delivery in out.deliveries:
            if rng.random() < 0.2:
                session.not_kept(delivery.number)
                continue
            for event in delivery.events:
                assert isinstance(event, StateEvent)
                reported.append(event.place.point)
                state.fold(event)
            answers += session.kept(delivery.number, now())
        for answer in [*answers, *session.tick(now()).send]:
            device.hear(damaged(rng, answer))
    assert not device.waiting
    assert {one.place.point for one in state.open(State.FIRE)} == device.fires
    assert state.count(State.FIRE) == len(device.fires)
    assert len(reported) == device.points, "a message was reported twice"
