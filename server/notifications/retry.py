"""When a failed message is tried again; pure."""

from config.server import MessageSettings


def retry_delay_s(
    attempts: int, settings: MessageSettings, *, jitter: float, retry_after_s: float | None
) -> float | None:
    """Return the pause before the next attempt, seconds; None when there is none.

    Attributes:
        attempts: Made so far, at least 1.
        jitter: From 0 to 1; spreads what failed together.
        retry_after_s: The receiver's own wish; longer pauses than the longest are not granted.
    """
    if attempts >= settings.max_attempts:
        return None
    # 2**30 first retries are far beyond any longest pause, and a float still carries them.
    grown = settings.first_retry_s * 2.0 ** min(attempts - 1, 30)
    pause = min(grown, settings.max_retry_s) * (0.5 + 0.5 * jitter)
    return max(pause, min(retry_after_s or 0.0, settings.max_retry_s))
