"""Frames of panels report what the cases say, are answered once kept, and survive noise."""

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from protocols.errors import FrameError
from protocols.fire.model import State
from protocols.fire.panel_state import PanelState
from protocols.fire.session import AddressBytes, Moment, NoticeKind, Output
from protocols.panels import jbf193k, simplex
from protocols.panels.adapter import Adapter, AdapterParser
from protocols.panels.gst import GstText
from protocols.panels.gst200 import Gst200
from protocols.panels.gst500 import Gst500
from protocols.panels.jbf193k import Jbf193k
from protocols.panels.ld128 import Ld128
from protocols.panels.n3030 import N3030
from protocols.panels.registry import ADAPTERS
from protocols.panels.session import AdapterSession, PanelOptions
from protocols.panels.simplex import Simplex
from tests.fakes import panel_frames
from tests.fire_events import told

FILE = Path(__file__).parents[1] / "cases" / "panels" / "frames.yaml"
CASES: list[dict[str, Any]] = yaml.safe_load(FILE.read_text("utf-8"))
WITHOUT_CHECKSUM = {"ld128", "tx3004", "n3030"}


def at(seconds: float) -> Moment:
    local = datetime(2026, 11, 29, 2, 0, 5) + timedelta(seconds=seconds)  # noqa: DTZ001 (local)
    return Moment(seconds, local)


def session(adapter: Adapter, **options: Any) -> AdapterSession:
    return AdapterSession(adapter, PanelOptions(**options), moment=at(0))


def hexes(sent: Any) -> list[str]:
    return [data.hex(" ").upper() for data in sent]


def reported(out: Output) -> list[str]:
    return [told(event) for delivery in out.deliveries for event in delivery.events]


def name_of(case: dict[str, Any]) -> str:
    return f"{case['adapter']}: {case['name']}"


def frames_of(name: str) -> list[bytes]:
    return [bytes.fromhex(case["hex"]) for case in CASES if case["adapter"] == name]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_frame_reports_what_stands_beside_it(case: dict[str, Any]) -> None:
    side = session(ADAPTERS[case["adapter"]]())
    out = side.receive(bytes.fromhex(case["hex"]), at(1))
    assert reported(out) == case["events"]
    sent = [*out.send]
    for delivery in out.deliveries:
        sent += side.kept(delivery.number, at(1))
    assert hexes(sent) == case.get("answers", [])
    refused = [notice.detail for notice in out.notices if notice.kind == NoticeKind.REJECTED]
    assert len(refused) == side.counts["rejected"] == ("refused" in case)
    assert case.get("refused", "") in "".join(refused)


def test_each_adapter_has_cases() -> None:
    assert {case["adapter"] for case in CASES} == set(ADAPTERS)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_frame_in_pieces_is_the_same(case: dict[str, Any]) -> None:
    side = session(ADAPTERS[case["adapter"]]())
    data = bytes.fromhex(case["hex"])
    found = [
        line for i in range(len(data)) for line in reported(side.receive(data[i : i + 1], at(1)))
    ]
    assert found == case["events"]


def test_frames_encode_back() -> None:
    for data in frames_of("jbf-193k"):
        assert jbf193k.encode(jbf193k.joined(data[1:-1])[:-1]) == data
    for data in frames_of("simplex"):
        assert simplex.encode(data[1], data[2:-3]) == data


@pytest.mark.parametrize("name", sorted(set(ADAPTERS) - WITHOUT_CHECKSUM))
def test_garbage_before_and_between_frames_is_passed_over(name: str) -> None:
    adapter = ADAPTERS[name]()
    frames = [one for one in frames_of(name) if len(one) > 2]
    rng = random.Random(name)  # noqa: S311 (a search)
    for _ in range(50):
        parser = AdapterParser(adapter)
        one, other = rng.sample(frames, 2)
        cut = one[: rng.randrange(len(one))]
        noise = bytes(rng.choices(b"\x00\x7e\x60\x61", k=rng.randrange(6)))
        assert list(parser.feed(noise + cut + other))[-1] == other
        assert parser.skipped_bytes <= len(noise + cut)


@pytest.mark.parametrize("name", ["tx3004", "n3030"])
def test_a_text_that_is_cut_spoils_no_more_than_its_line(name: str) -> None:
    frames = frames_of(name)
    for cut in range(0, len(frames[0]), 5):
        state = PanelState()
        side = session(ADAPTERS[name]())
        for data in (frames[0][cut:], frames[0]):
            for delivery in side.receive(data, at(1)).deliveries:
                for event in delivery.events:
                    state.fold(event)
        assert state.count(State.FIRE) == 1


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.seeds(4, 400)
def test_whatever_arrives_is_reported_refused_or_waited_for(seed: int, name: str) -> None:
    rng = random.Random(f"{name}{seed}")  # noqa: S311 (a search)
    adapter, frames = ADAPTERS[name](), frames_of(name)
    side, state, seconds = session(adapter), PanelState(), 0.0
    for _ in range(250):
        data = bytearray(rng.choice(frames)) if rng.random() < 0.8 else bytearray(rng.randbytes(30))
        for _ in range(rng.randrange(3)):
            match rng.randrange(4):
                case 0:
                    data[rng.randrange(len(data))] = rng.randrange(256)
                case 1 if len(data) > 1:
                    del data[rng.randrange(len(data) - 1)]
                case 2:
                    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                case _:
                    data += rng.randbytes(rng.randrange(4))
        seconds += rng.choice((0.0, 0.1, 1.0, 10.0))
        for out in (side.receive(bytes(data), at(seconds)), side.tick(at(seconds))):
            for delivery in out.deliveries:
                for event in delivery.events:
                    assert event.place.key
                    state.fold(event)
                if rng.random() < 0.1:
                    side.not_kept(delivery.number)
                else:
                    side.kept(delivery.number, at(seconds))
        assert len(side._parser.pending) <= adapter.most
        assert len(side._pending) == 0


def test_a_panel_is_polled_each_second_and_its_silence_is_noticed() -> None:
    side = session(Jbf193k(), silence_s=10)
    sent = [data for seconds in range(5) for data in side.tick(at(seconds)).send]
    assert hexes(sent) == ["82 " + "30 " * 20 + "83"] * 5
    assert [notice.kind for s in range(5, 30) for notice in side.tick(at(s)).notices] == [
        NoticeKind.LINK_LOST
    ]
    nothing_new = next(one for one in frames_of("jbf-193k") if one[1:3] == b"\x30\x39")
    out = side.receive(nothing_new, at(31))
    assert [notice.kind for notice in out.notices] == [NoticeKind.LINK_RESTORED]


def test_a_panel_beside_another_host_is_only_listened_to() -> None:
    side = session(Jbf193k(polls_every_s=0))
    assert [data for seconds in range(5) for data in side.tick(at(seconds)).send] == []


def test_an_event_that_is_not_kept_is_not_taken() -> None:
    side = session(Gst200())
    fire = panel_frames.gst200(0x15, floor=1, room=2, kind=3)
    (delivery,) = side.receive(fire, at(0)).deliveries
    side.not_kept(delivery.number)
    (again,) = side.receive(fire, at(1)).deliveries
    assert hexes(side.kept(again.number, at(1))) == ["51"]
    assert side.kept(again.number, at(1)) == ()
    out = side.receive(fire, at(2))
    assert (hexes(out.send), out.deliveries) == (["51"], [])
    assert len(side.receive(fire, at(60)).deliveries) == 1


def test_what_a_panel_says_once_is_handed_out_until_it_is_kept_in_its_order() -> None:
    side = session(Jbf193k())
    fire, reset = (panel_frames.jbf193k(e, 1, 2, 17, 3, 26, 11, 29, 2, 0, 5) for e in (0x80, 0x01))
    (delivery,) = side.receive(fire, at(0)).deliveries
    side.not_kept(delivery.number)
    assert side.receive(reset, at(0.5)).deliveries == [], "it must not overtake the fire"
    out = side.tick(at(1))
    assert [line.split()[1] for line in reported(out)] == ["on", "reset", "off"]
    for delivery in out.deliveries:
        side.not_kept(delivery.number)
    late = side.tick(at(90))
    assert (late.send, late.notices) == ([], []), "a panel is not polled while nothing can be kept"
    for delivery in late.deliveries:
        assert side.kept(delivery.number, at(90)) == ()
    after = side.tick(at(91))
    assert (after.deliveries, after.notices, len(after.send)) == ([], [], 1)


def test_while_nothing_can_be_kept_fires_are_what_stays() -> None:
    side = session(ADAPTERS["n3030"](), silence_s=0)
    fire, fault = (
        panel_frames.n3030(bytes.fromhex(head), "N003L02D019") for head in ("6B7EA566", "459C")
    )
    (first,) = side.receive(fire, at(0)).deliveries
    side.not_kept(first.number)
    for _ in range(1500):
        assert side.receive(fault, at(0)).deliveries == []
    waiting = side.tick(at(1)).deliveries
    assert len(waiting) == 1000
    assert side.counts["dropped"] == 501
    assert [told(event) for event in waiting[0].events] == ["component-1-3-0-2-19 on fire"]


def test_polls_and_answers_of_gst_carry_the_address_bit() -> None:
    side = session(Gst200(panel=3))
    (poll,) = side.tick(at(0)).send
    assert poll == AddressBytes(b"\x33")
    assert isinstance(poll, AddressBytes)
    number, zero = session(Gst500(panel=3)).tick(at(0)).send
    assert (number, zero) == (b"\x03", b"\x00")


def test_an_idle_answer_of_gst200_counts_as_heard() -> None:
    side = session(Gst200(), silence_s=5)
    notices = []
    for seconds in range(30):
        notices += side.tick(at(seconds)).notices
        notices += side.receive(b"\x51", at(seconds + 0.1)).notices
    assert notices == []
    assert side.receive(panel_frames.gst200(0x15, kind=3), at(30)).deliveries


def test_marked_bytes_begin_a_frame_where_that_is_known() -> None:
    fire = panel_frames.gst200(0x15, floor=1, room=2, kind=3)
    marked = [(byte, i == 0) for i, byte in enumerate(fire)]
    cut = marked[:9]
    for options in ({}, {"marked_starts": True}):
        side = session(Gst200(), **options)
        out = side.receive_marked([*cut, *marked], at(0))
        assert reported(out) == ["component-1-1-1-0-2 on fire"]


def test_an_exchange_with_a_gst500() -> None:
    side = session(Gst500(panel=2))
    assert hexes(side.tick(at(0)).send) == ["02", "00"]
    assert hexes(side.receive(b"\x02", at(0.1)).send) == ["0F"]
    fire = panel_frames.gst500(0xDD, floor=2, room=2, kind=3, state=1)
    for byte in fire[:-1]:
        assert side.receive(bytes([byte]), at(0.2)).send == []
    (delivery,) = side.receive(fire[-1:], at(0.3)).deliveries
    assert hexes(side.kept(delivery.number, at(0.3))) == ["1F"]


def test_the_rest_of_an_answer_of_ld128_is_dropped_at_the_next_poll() -> None:
    side = session(Ld128())
    side.tick(at(0))
    assert side.receive(b"\x01\x02", at(0.1)).deliveries == []
    side.tick(at(1))
    assert reported(side.receive(b"\x01\x03\x04", at(1.1))) == ["component-1-1-0-3-4 on fire"]
    assert side.counts["skipped_bytes"] == 2


@pytest.mark.parametrize("name", sorted(set(ADAPTERS) - {"tx3004", "n3030"}))
def test_a_pause_ends_a_frame_that_was_cut(name: str) -> None:
    frame = max(frames_of(name)[:5], key=len)
    side = session(ADAPTERS[name]())
    side.receive(frame[:-1], at(0))
    first = reported(side.receive(frame, at(5)))
    assert first == reported(session(ADAPTERS[name]()).receive(frame, at(0)))


def test_what_an_ld128_cannot_have_is_noise() -> None:
    side = session(Ld128(most_loop=8, most_address=128))
    assert side.receive(b"\x01\x09\x04\x99", at(0)).deliveries == []
    assert side.counts["skipped_bytes"] >= 2


def test_doubts_are_options() -> None:
    def first(adapter: Adapter, data: bytes) -> str:
        return reported(session(adapter).receive(data, at(0)))[0]

    restored = panel_frames.gst200(0x11, kind=3)
    assert first(Gst200(restored_ends=State.FEEDBACK), restored).endswith("off feedback")
    pressure = panel_frames.gst200(0x15, kind=29)
    assert first(Gst200(supervisory_kinds=frozenset()), pressure).endswith("on fire")
    letters = panel_frames.gst200(0x15, kind=3, text=b"ROOM 3")
    assert first(Gst200(text=GstText.GB18030), letters).endswith("on fire ROOM 3")
    hydrant = panel_frames.gst500(0xDD, floor=1, room=1, kind=15, state=1)
    assert first(Gst500(fire_kinds=frozenset(range(12))), hydrant).endswith("on feedback")
    line = panel_frames.n3030(b"\xd1\xa1", "N003L02D019")
    assert first(N3030(d1a1_means=State.FEEDBACK), line).endswith("on feedback")
    poll = panel_frames.simplex(1, b"\x05")
    assert len(session(Simplex(acknowledges_polls=False)).receive(poll, at(0)).send) == 1


def test_a_fire_of_a_printer_is_reported_when_its_date_does_not_come() -> None:
    side = session(ADAPTERS["tx3004"](), silence_s=0)
    assert side.receive("火警: 00102003 光电感烟火灾探测器\n".encode("gbk"), at(0)).deliveries == []
    assert side.tick(at(0.4)).deliveries == []
    assert reported(side.tick(at(0.6))) == ["component-1-1-0-2-3 on fire 光电感烟火灾探测器"]
    assert side.tick(at(9)).deliveries == []


def test_two_fires_of_a_printer_within_one_minute_are_two() -> None:
    side = session(ADAPTERS["tx3004"]())
    found: list[str] = []
    for point in (1, 2):
        text = f"火警: 00102{point:03} 光电感烟火灾探测器\n26/11/29 02:00\n"
        out = side.receive(text.encode("gbk"), at(0))
        found += reported(out)
        for delivery in out.deliveries:
            side.kept(delivery.number, at(0))
    assert [line.split()[0] for line in found] == ["component-1-1-0-2-1", "component-1-1-0-2-2"]


def test_a_reset_without_a_number_is_one_of_all_panels() -> None:
    state, side = PanelState(), session(ADAPTERS["jbf-5010"]())
    for data in (
        panel_frames.jbf5010(0x80, bytes([0x80, 4, 2, 17, 0, 0, 0, 0, 0, 0])),
        panel_frames.jbf5010(0x0D, b"\0"),
    ):
        for delivery in side.receive(data, at(0)).deliveries:
            for event in delivery.events:
                state.fold(event)
    assert not len(state)


def test_what_no_table_knows_is_an_error_of_its_frame() -> None:
    with pytest.raises(FrameError):
        Jbf193k().decode(panel_frames.jbf193k(0xC3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
