"""The receiving side of GB/T 26875.3: what it answers, asks, notices and reports."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from protocols.errors import ValueRangeError
from protocols.fire.model import TRANSMITTER, Kind, Place, State
from protocols.fire.panel_state import PanelState
from protocols.fire.session import Moment, Notice, NoticeKind, Output
from protocols.gb26875.frame import Command, Fault, Frame, decode_frame
from protocols.gb26875.options import SessionOptions
from protocols.gb26875.recent import RecentMessages
from protocols.gb26875.requests import inspect_sentry
from protocols.gb26875.session import CentreSession
from protocols.gb26875.tables import UnitType
from protocols.gb26875.times import DeviceTime
from protocols.gb26875.units import InfoObject, Unit, decode_unit, encode_text, encode_unit
from tests.fire_events import told

START = datetime(2026, 11, 29, 2, 0, 0)  # noqa: DTZ001 (the site's own)
QUIET = SessionOptions(sets_clock=False, asks_states=False)
DEVICE, CENTRE = 889, 88888


def at(seconds: float) -> Moment:
    return Moment(1000.0 + seconds, START + timedelta(seconds=seconds))


def session(
    options: SessionOptions = QUIET, *, recent: RecentMessages | None = None
) -> CentreSession:
    return CentreSession(options, moment=at(0), recent=recent)


def message(unit: bytes = b"", *, sequence: int = 1, command: int = 2, seconds: float = 0) -> Frame:
    return Frame(sequence, command, DeviceTime.of(at(seconds).local), DEVICE, CENTRE, unit)


def fires(*points: int) -> bytes:
    return encode_unit(Unit(UnitType.COMPONENT_STATUS, [_fire(point) for point in points]))


def _fire(point: int) -> InfoObject:
    fields = {"system": 1, "address": 1, "component_type": 40, "zone": 10, "point": point}
    text = encode_text(f"{point}层走廊")
    return InfoObject({**fields, "status": 3, "description": text}, DeviceTime.of(START))


def answers(out: Output | Sequence[bytes]) -> list[tuple[int, int]]:
    sent = out.send if isinstance(out, Output) else out
    frames = [decode_frame(data) for data in sent]
    assert all((one.source, one.destination) == (CENTRE, DEVICE) for one in frames)
    return [(one.command, one.sequence) for one in frames]


def kinds(out: Output) -> list[str]:
    return [str(notice.kind) for notice in out.notices]


def test_two_fires_in_one_frame_are_confirmed_when_they_are_kept() -> None:
    side, state = session(), PanelState()
    out = side.receive(message(fires(2, 3)).encode(), at(1))
    assert out.send == []
    (delivery,) = out.deliveries
    assert delivery.source == "889"
    for event in delivery.events:
        state.fold(event)
    assert [one.text for one in state.open(State.FIRE)] == ["2层走廊", "3层走廊"]
    assert answers(side.kept(delivery.number, at(1.2))) == [(Command.CONFIRM, 1)]
    assert side.kept(delivery.number, at(1.3)) == ()


def test_a_resend_is_confirmed_again_and_not_reported_twice() -> None:
    side = session()
    fire = message(fires(2))
    (first,) = side.receive(fire.encode(), at(0)).deliveries
    pending = side.receive(fire.encode(), at(5))
    assert (pending.deliveries, pending.send) == ([], [])
    side.kept(first.number, at(6))
    again = side.receive(replace(fire, time=DeviceTime.of(at(10).local)).encode(), at(10))
    assert again.deliveries == []
    assert answers(again) == [(Command.CONFIRM, 1)]
    assert side.counts["resent"] == 2


def test_a_resend_over_another_connection_is_known() -> None:
    recent = RecentMessages()
    fire = message(fires(2)).encode()
    one = session(recent=recent)
    (delivery,) = one.receive(fire, at(0)).deliveries
    one.kept(delivery.number, at(0))
    out = session(recent=recent).receive(fire, at(3))
    assert (out.deliveries, answers(out)) == ([], [(Command.CONFIRM, 1)])


def test_what_was_neither_kept_nor_refused_when_the_connection_went_is_reported_again() -> None:
    recent = RecentMessages()
    fire = message(fires(2)).encode()
    gone = session(recent=recent)
    assert len(gone.receive(fire, at(0)).deliveries) == 1
    gone.abandon()
    assert len(session(recent=recent).receive(fire, at(3)).deliveries) == 1


def test_the_same_number_with_other_data_is_a_new_message() -> None:
    side = session()
    for point in (1, 2):
        (delivery,) = side.receive(message(fires(point)).encode(), at(point)).deliveries
        side.kept(delivery.number, at(point))
    other = replace(message(fires(2)), source=890)
    assert len(side.receive(other.encode(), at(3)).deliveries) == 1


def test_the_same_message_long_after_is_a_new_one() -> None:
    side = session()
    fire = message(fires(1)).encode()
    (delivery,) = side.receive(fire, at(0)).deliveries
    side.kept(delivery.number, at(0))
    assert len(side.receive(fire, at(500)).deliveries) == 1


def test_what_is_not_kept_is_not_answered_and_its_resend_is_reported() -> None:
    side = session()
    fire = message(fires(2)).encode()
    (delivery,) = side.receive(fire, at(0)).deliveries
    side.not_kept(delivery.number)
    out = side.receive(fire, at(10))
    assert len(out.deliveries) == 1
    assert out.send == []


def test_a_heartbeat_is_confirmed_at_once() -> None:
    out = session().receive(message(sequence=7).encode(), at(0))
    assert answers(out) == [(Command.CONFIRM, 7)]
    assert out.deliveries == []


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (message(b"\x09\x01\x00").encode(), Fault.UNIT),
        (message(encode_unit(inspect_sentry(1))).encode(), Fault.UNIT),
        (message(command=9).encode(), Fault.COMMAND),
        (message(command=200).encode(), Fault.COMMAND),
        (message(command=4).encode(), Fault.COMMAND),
        (message(fires(1)).encode()[:-3] + b"\x00##", Fault.CHECKSUM),
        (message(fires(1)).encode()[:-2] + b"#!", Fault.END),
    ],
)
def test_what_is_wrong_is_denied_with_a_reason(data: bytes, fault: Fault) -> None:
    side = session()
    out = side.receive(data, at(0))
    assert answers(out) == [(Command.DENY, 1)]
    assert out.deliveries == []
    assert [notice.kind for notice in out.notices] == [NoticeKind.REJECTED]
    assert out.notices[0].detail.startswith(f"{fault}: ")
    assert side.counts[f"rejected_{fault}"] == 1
    good = side.receive(message(fires(1)).encode(), at(1))
    assert len(good.deliveries) == 1


def test_a_device_that_is_not_of_this_port_is_denied() -> None:
    side = session(replace(QUIET, sources=frozenset({5})))
    out = side.receive(message(fires(1)).encode(), at(0))
    assert (answers(out), out.deliveries) == ([(Command.DENY, 1)], [])
    assert "889 is none of the devices" in out.notices[0].detail


def test_a_command_of_a_maker_is_confirmed_where_that_is_wanted() -> None:
    side = session(replace(QUIET, confirms_user_commands=True))
    assert answers(side.receive(message(command=200).encode(), at(0))) == [(Command.CONFIRM, 1)]


def test_noise_is_not_answered_without_end() -> None:
    side = session()
    bad = message(fires(1)).encode()[:-3] + b"\x00##"
    out = side.receive(bad * 500, at(0))
    assert len(out.send) == 8
    assert side.counts["rejected_checksum"] == 500


def test_silence_is_noticed_once_and_the_next_frame_ends_it() -> None:
    side = session()
    side.receive(message().encode(), at(0))
    assert side.tick(at(89)).notices == []
    assert kinds(side.tick(at(91))) == ["link_lost"]
    assert side.tick(at(200)).notices == []
    assert kinds(side.receive(message().encode(), at(201))) == ["link_restored"]


def test_a_device_that_never_speaks_is_noticed() -> None:
    assert kinds(session().tick(at(91))) == ["link_lost"]


def test_the_clock_is_set_at_first_daily_and_when_it_is_wrong() -> None:
    side = session(replace(QUIET, sets_clock=True))
    first = [decode_frame(data) for data in side.receive(message().encode(), at(0)).send]
    assert [one.command for one in first] == [Command.CONFIRM, Command.CONTROL]
    clock = decode_unit(first[1].unit)
    assert clock.type == UnitType.SET_CLOCK
    assert clock.objects[0].clock == DeviceTime.of(START)
    sequence = first[1].sequence
    side.receive(message(sequence=sequence, command=3).encode(), at(1))
    assert answers(side.receive(message(seconds=30).encode(), at(30))) == [(3, 1)]
    wrong = message(seconds=900)
    assert answers(side.receive(wrong.encode(), at(700))) == [(3, 1), (1, sequence + 1)]
    side.receive(message(sequence=sequence + 1, command=3, seconds=701).encode(), at(701))
    daily = side.receive(message(seconds=87_200).encode(), at(87_200))
    assert answers(daily) == [(3, 1), (1, sequence + 2)]


def test_a_clock_is_set_to_the_time_at_which_it_is_sent_before_all_else() -> None:
    options = replace(QUIET, sets_clock=True, asks_states=True)
    side = session(options)
    (_, asked) = side.receive(message().encode(), at(0)).send
    assert decode_unit(decode_frame(asked).unit).type == UnitType.SET_CLOCK
    (again,) = side.tick(at(12)).send
    assert decode_unit(decode_frame(again).unit).objects[0].clock == DeviceTime.of(at(12).local)
    assert decode_frame(again).sequence == decode_frame(asked).sequence


def test_an_answer_that_is_wrong_is_told_and_not_denied() -> None:
    out = session().receive(message(b"\x09\x01\x00", command=5).encode(), at(0))
    assert (out.send, out.deliveries, kinds(out)) == ([], [], ["rejected"])


def test_a_gateway_that_does_not_know_the_time_sets_no_clock() -> None:
    side = session(replace(QUIET, sets_clock=True))
    then = Moment(1.0, datetime(1970, 1, 1))  # noqa: DTZ001 (the site's own)
    assert answers(side.receive(message().encode(), then)) == [(Command.CONFIRM, 1)]


def test_open_components_and_the_device_are_asked_for_when_it_connects() -> None:
    places = [Place(Kind.COMPONENT, 1, 1, zone=10, point=point) for point in range(30)]
    places += [Place(Kind.SYSTEM, 1, 1), TRANSMITTER]
    side = CentreSession(
        replace(QUIET, asks_states=True), moment=at(0), open_places=lambda _: places
    )
    asked: list[Unit] = []
    out = side.receive(message().encode(), at(0))
    for _ in range(5):
        for data in out.send:
            frame = decode_frame(data)
            if frame.command == Command.REQUEST:
                asked.append(decode_unit(frame.unit))
                answer = message(fires(1), sequence=frame.sequence, command=5)
                out = side.receive(answer.encode(), at(1))
                assert len(out.deliveries) == 1
                assert side.kept(out.deliveries[0].number, at(1)) == ()
                break
    assert [unit.type for unit in asked] == [81, 61, 62, 62]
    assert sum(len(unit.objects) for unit in asked[2:]) == 30


def test_a_request_is_repeated_three_times_and_then_has_failed() -> None:
    side = session(replace(QUIET, asks_states=True))
    first = side.receive(message().encode(), at(0)).send[1]
    repeats: list[bytes] = []
    notices: list[Notice] = []
    for seconds in range(60):
        out = side.tick(at(seconds))
        repeats += out.send
        notices += out.notices
    assert [decode_frame(data).sequence for data in repeats] == [decode_frame(first).sequence] * 3
    assert notices == [Notice(NoticeKind.REQUEST_FAILED, "type 81")]


def test_what_a_device_does_not_answer_is_not_asked_a_hundred_times() -> None:
    places = [Place(Kind.COMPONENT, 1, 1, zone=1, point=point) for point in range(2200)]
    options = replace(QUIET, asks_states=True)
    side = CentreSession(options, moment=at(0), open_places=lambda _: places)
    side.receive(message().encode(), at(0))
    failed = [note.detail for s in range(300) for note in side.tick(at(s)).notices]
    assert [one for one in failed if one.startswith("type")] == ["type 81", "type 62"]


def test_a_command_goes_before_what_is_still_to_be_asked() -> None:
    places = [Place(Kind.COMPONENT, 1, 1, zone=1, point=point) for point in range(2200)]
    options = replace(QUIET, asks_states=True)
    side = CentreSession(options, moment=at(0), open_places=lambda _: places)
    asked = decode_frame(side.receive(message().encode(), at(0)).send[1])
    assert side.ask(inspect_sentry(1), at(1)) == [], "one request at a time"
    answer = message(b"\x15\x01\x01", sequence=asked.sequence, command=5)
    (next_,) = side.receive(answer.encode(), at(2)).send
    assert decode_unit(decode_frame(next_).unit).type == UnitType.INSPECT_SENTRY


def test_a_denied_request_is_repeated_at_once() -> None:
    side = session(replace(QUIET, asks_states=True))
    asked = decode_frame(side.receive(message().encode(), at(0)).send[1])
    side.receive(message(sequence=asked.sequence, command=6).encode(), at(1))
    assert len(side.tick(at(1.1)).send) == 1


def test_the_sentry_is_inspected_and_missed_or_answers() -> None:
    side = session()
    side.receive(message().encode(), at(0))
    for minutes, answered in ((1, False), (2, True)):
        (data,) = side.ask(inspect_sentry(minutes), at(1))
        sequence = decode_frame(data).sequence
        side.receive(message(sequence=sequence, command=3).encode(), at(1))
        if answered:
            fields = {"flags": 32, "operator": 4}
            unit = Unit(UnitType.TRANSMITTER_OPERATION, [InfoObject(fields)])
            out = side.receive(message(encode_unit(unit), sequence=9).encode(), at(20))
            assert out.notices == [Notice(NoticeKind.SENTRY_ANSWERED, "operator 4")]
            assert [told(event) for event in out.deliveries[0].events] == [
                "transmitter-0-0-0-0-0 sentry_answer by 4"
            ]
            assert side.tick(at(80)).notices == []
        else:
            assert kinds(side.tick(at(62))) == ["sentry_missed"]


def test_the_sentry_is_inspected_at_its_time_where_the_device_is_heard() -> None:
    options = replace(QUIET, inspects_sentry_at=(time(2, 1),), sentry_minutes=7)
    side = session(options)
    assert side.tick(at(30)).send == []
    side.receive(message().encode(), at(40))
    (data,) = side.tick(at(60)).send
    unit = decode_unit(decode_frame(data).unit)
    assert (unit.type, unit.objects[0].number("minutes")) == (UnitType.INSPECT_SENTRY, 7)
    silent = session(options)
    silent.tick(at(30))
    silent.tick(at(60))
    assert answers(silent.receive(message().encode(), at(61))) == [(Command.CONFIRM, 1)]


def test_what_cannot_be_asked_is_refused_where_it_is_asked() -> None:
    with pytest.raises(ValueRangeError):
        session().ask(inspect_sentry(300), at(0))


def test_pieces_of_bytes_make_a_frame() -> None:
    side = session()
    data = message(fires(2, 3)).encode()
    found = [side.receive(data[i : i + 1], at(0)) for i in range(len(data))]
    assert [len(out.deliveries) for out in found] == [0] * (len(data) - 1) + [1]
