"""How long a failed message waits."""

import pytest

from config.server import MessageSettings
from server.notifications.outcomes import retry_delay_s

SETTINGS = MessageSettings(first_retry_s=5, max_retry_s=900, max_attempts=10)


@pytest.mark.parametrize(
    ("attempts", "jitter", "wish", "expected"),
    [
        (1, 1.0, None, 5),
        (1, 0.0, None, 2.5),
        (2, 1.0, None, 10),
        (8, 1.0, None, 640),
        (9, 1.0, None, 900),
        (9, 0.0, None, 450),
        (1, 0.0, 60, 60),
        (1, 1.0, 1, 5),
        (1, 1.0, 1e9, 900),
        (10, 1.0, None, None),
        (11, 1.0, 5, None),
    ],
)
def test_pauses_double_up_to_the_longest(
    attempts: int, jitter: float, wish: float | None, expected: float | None
) -> None:
    assert retry_delay_s(attempts, SETTINGS, jitter=jitter, retry_after_s=wish) == expected


def test_very_many_attempts_do_not_overflow() -> None:
    patient = SETTINGS.model_copy(update={"max_attempts": 10**9})
    assert retry_delay_s(10**8, patient, jitter=1.0, retry_after_s=None) == 900
