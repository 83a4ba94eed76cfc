"""Figures of the uplink."""

from dataclasses import dataclass


@dataclass(slots=True)
class UplinkStats:
    """Figures for the status page; counts since the start.

    Attributes:
        link: broker_away, waits_for_clock, waits_for_host or online.
        why: Why the broker is away; empty when it is not.
        problem: What people should look at, with its probable cause; empty: nothing.
        unnumbered: Readings published without a row in the journal.
        given_up: Readings neither published nor kept.
        failed_reads: Times that the journal could not be read.
        synchronised: Whether the clock is synchronised.
    """

    online: bool
    link: str
    why: str
    problem: str
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
