"""Structured logs: one JSON object per line."""

import logging
import sys

import structlog

WARM_UP = "warm_up"
"""Variable of the context of the warm-up: nothing that is logged in it has happened."""


def set_up_logging(*, level: str = "info") -> None:
    """Send structlog to stdout as JSON lines; call it once, in the process's main function."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            drop_warm_up,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )


def drop_warm_up(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Leave out what is logged during the warm-up."""
    if WARM_UP in event:
        raise structlog.DropEvent
    return event
