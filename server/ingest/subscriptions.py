"""What an ingest process asks the broker for: everything, or what the sites of its shard say.

A shard hears what is rare of all sites, so that it finds its new ones, and the data of devices,
which are nearly everything, of its own sites. No two filters match one topic: a broker may deliver
such a message twice.
"""

from collections.abc import Iterable
from threading import Lock
from typing import Final

from protocols.sparkplug.topics import NAMESPACE, MessageKind
from server.core.shard import WHOLE, Shard

_OF_ALL: Final = (
    f"{NAMESPACE}/+/{MessageKind.NBIRTH}/+",
    f"{NAMESPACE}/+/{MessageKind.NDATA}/+",
    f"{NAMESPACE}/+/{MessageKind.NDEATH}/+",
    f"{NAMESPACE}/+/{MessageKind.DBIRTH}/+/+",
    f"{NAMESPACE}/+/{MessageKind.DDEATH}/+/+",
)
_MOST_REMEMBERED: Final = 100_000
"""Names of sites; anybody can invent some."""


class Subscriptions:
    """The filters of one process, and which topics are its; for any thread."""

    def __init__(self, shard: Shard = WHOLE, sites: Iterable[str] = ()) -> None:
        self._shard = shard
        self._sites = {site for site in sites if shard.owns(site)}
        self._new: set[str] = set()
        self._foreign: set[str] = set()
        self._lock = Lock()

    def begin(self) -> list[str]:
        """Return what to ask for on a new connection; nothing is new then."""
        if self._shard.is_whole:
            return [f"{NAMESPACE}/#"]
        with self._lock:
            self._new.clear()
            return [*_OF_ALL, *map(data_of, sorted(self._sites))]

    def takes(self, topic: str) -> bool:
        """Return whether a message is of a site of this process; remembers the site if it is."""
        if self._shard.is_whole:
            return True
        site = topic.split("/", 2)[1:2]
        if not site or site[0] in self._foreign:
            return False
        if site[0] in self._sites:
            return True
        owned = self._shard.owns(site[0])
        with self._lock:
            if owned:
                self._sites.add(site[0])
                self._new.add(site[0])
            else:
                if len(self._foreign) >= _MOST_REMEMBERED:
                    self._foreign.clear()
                self._foreign.add(site[0])
        return owned

    def take_new(self) -> list[str]:
        """Return the filters of sites that were not asked for yet, once."""
        if not self._new:
            return []
        with self._lock:
            new, self._new = self._new, set()
        return [data_of(site) for site in sorted(new)]


def data_of(site: str) -> str:
    """Return the filter of what the devices of a site say; "+": of all sites."""
    return f"{NAMESPACE}/{site}/{MessageKind.DDATA}/+/+"
