import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FrameError, ValueRangeError
from protocols.sparkplug.topics import (
    MessageKind,
    Topic,
    parse_state_topic,
    parse_topic,
    state_topic,
)

IDS = st.text(st.characters(blacklist_characters="+#/\0", blacklist_categories=("Cs",)), min_size=1)


@given(IDS, st.sampled_from(MessageKind), IDS, IDS)
def test_a_topic_formats_and_parses_to_itself(
    group: str, kind: MessageKind, node: str, device: str
) -> None:
    topic = Topic(group, kind, node, device if kind.of_device else None)
    assert parse_topic(topic.format()) == topic


def test_a_topic_is_spelt_as_the_specification_says() -> None:
    assert Topic("garden", MessageKind.NBIRTH, "gw1").format() == "spBv1.0/garden/NBIRTH/gw1"
    assert (
        Topic("garden", MessageKind.DDATA, "gw1", "pump-2").format()
        == "spBv1.0/garden/DDATA/gw1/pump-2"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spBv1.0",
        "spAv1.0/g/NDATA/n",
        "spbv1.0/g/NDATA/n",
        "spBv1.0/g/NDATA",
        "spBv1.0/g/NDATA/n/d",
        "spBv1.0/g/DDATA/n",
        "spBv1.0/g/DDATA/n/d/x",
        "spBv1.0/g/ndata/n",
        "spBv1.0/g/STATE/n",
        "spBv1.0/STATE/plantroom",
        "spBv1.0//NDATA/n",
        "spBv1.0/g/NDATA/",
        "spBv1.0/g/DDATA/n/",
        "spBv1.0/g/DDATA/+/d",
        "spBv1.0/g/DDATA/n/#",
        "spBv1.0/g/name/n",
    ],
)
def test_what_is_no_topic_is_a_frame_error(text: str) -> None:
    with pytest.raises(FrameError):
        parse_topic(text)


@given(st.text())
def test_any_text_is_a_topic_or_a_frame_error(text: str) -> None:
    try:
        topic = parse_topic(text)
    except FrameError:
        return
    assert topic.format() == text


@pytest.mark.parametrize(
    "topic",
    [
        Topic("g", MessageKind.DDATA, "n"),
        Topic("g", MessageKind.NDATA, "n", "d"),
        Topic("", MessageKind.NDATA, "n"),
        Topic("g", MessageKind.NDATA, "n/x"),
        Topic("g", MessageKind.DDATA, "n", "d+"),
    ],
)
def test_a_topic_that_cannot_be_is_refused(topic: Topic) -> None:
    with pytest.raises(ValueRangeError):
        topic.format()


def test_the_state_topic_names_the_host() -> None:
    assert state_topic("plantroom-3") == "spBv1.0/STATE/plantroom-3"
    assert parse_state_topic("spBv1.0/STATE/plantroom-3") == "plantroom-3"
    assert parse_state_topic("spBv1.0/STATE/") is None
    assert parse_state_topic("STATE/plantroom") is None
    with pytest.raises(ValueRangeError):
        state_topic("a/b")
