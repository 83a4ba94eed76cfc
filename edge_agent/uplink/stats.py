"""Figures of the uplink."""

from dataclasses import dataclass


@dataclass(slots=True)
class UplinkStats:
    """Figures for the status page; counts since the start.

    Attributes:
        unnumbered: Readings published without a row in the journal.
        given_up: Readings neither published nor kept.
        failed_reads: Times that the journal could not be read.
        synchronised: Whether somebody vouches for the clock.
    """

    online: bool
    published: int
    resent: int
    acknowledged: int
    refused_acknowledgements: int
    unreadable: int
    due_ranges: int
    queued_bytes: int
    unnumbered: int
    given_up: int
    failed_reads: int
    synchronised: bool
