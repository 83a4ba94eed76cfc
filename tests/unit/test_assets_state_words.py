"""What is said for a value of a point, whatever it is."""

import pytest

from protocols.reading import Value
from server.assets.state_words import StateWord, StateWordsText, shared, word_of

WORDS = (
    StateWord("auto", "Automatic", "自动"),
    StateWord("other ({raw})", "Other ({raw})", "其他({raw})"),
    StateWord("other (7)", "Seventh", "第七"),
)


@pytest.mark.parametrize(
    ("value", "zh"),
    [
        ("auto", "自动"),
        ("other (12)", "其他(12)"),
        ("other (-3)", "其他(-3)"),
        ("other (7)", "第七"),
        ("other (x)", None),
        ("other (12) ", None),
        ("manual", None),
        (True, None),
        (12, None),
        (None, None),
    ],
)
def test_a_state_is_said_in_its_words(value: Value, zh: str | None) -> None:
    found = word_of(value, WORDS)
    assert (found and found.zh) == zh


def test_words_come_back_from_a_row_as_they_went_and_only_once() -> None:
    column = StateWordsText()
    text = column.process_bind_param(WORDS, None)  # type: ignore[arg-type] (no dialect needed)
    back = column.process_result_value(text, None)  # type: ignore[arg-type]
    assert back == WORDS
    assert back is shared(WORDS)
    assert column.process_bind_param((), None) == ""  # type: ignore[arg-type]
