"""The boundary around the work for one row: a bug that one row meets must not stop the others.

Elsewhere a bug stops the process with its traceback, and the service manager starts it again. Here
that would be a loop, because the same row is due again after every start.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter

from server.core.errors import StoreError

log = structlog.get_logger()


@dataclass(slots=True)
class Met:
    """What the work met; ``error`` is set when that was a bug."""

    error: str | None = None


class ErrorIsolation:
    """Counts and logs the bugs that rows met; one for the process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._counters = [
            Counter(name, words, ["kind"], registry=registry)
            for name, words in (
                (
                    "plantroom_isolated_errors",
                    "Work for one message or timer, or one sweep, that met a bug, by kind.",
                ),
                ("plantroom_poison_rows", "Earlier name of plantroom_isolated_errors."),
            )
        ]

    @contextmanager
    def isolate_errors(self, kind: str, **fields: Any) -> Generator[Met]:  # noqa: ANN401 (fields of a log line)
        """Keep a bug inside: log it with its traceback and go on behind the block.

        Raises:
            StoreError: The records are away; that is no row's fault.
        """
        met = Met()
        try:
            yield met
        except StoreError:
            raise
        except Exception as error:
            met.error = f"{type(error).__name__}: {error}"
            for counter in self._counters:
                counter.labels(kind).inc()
            log.exception("row_met_a_bug", row=kind, **fields)
