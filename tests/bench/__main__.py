"""``make bench``: this project's figures, printed and written to ``.bench/*.json``."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.bench import agent, backlog, bus, chain, ingest, load, pages, rules
from tests.bench.measure import machine, save

BENCHES: dict[str, Callable[[], dict[str, Any]]] = {
    "agent": agent.run,
    "ingest": ingest.run,
    "chain": chain.run,
    "rules": rules.run,
    "pages": pages.run,
}

# Takes minutes of real time whatever the machine; ``make bench-bus``.
LONG: dict[str, Callable[[], dict[str, Any]]] = {
    "bus": bus.run,
    "backlog": backlog.run,
    "load": load.run,
}


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all; after ``load``, its named cases."""
    print(machine())
    known = BENCHES | LONG
    if names and names[0] == "load":
        known, names = {"load": partial(load.run, names[1:])}, ["load"]
    for name in names or list(BENCHES):
        print(f"\n{name}: {_title(known[name])}", flush=True)
        figures = known[name]()
        save(name, figures)
        for key, value in figures.items():
            print(f"  {key:34} {value}")
    print("\nwritten to .bench/*.json")


def _title(bench: Callable[[], dict[str, Any]]) -> str:
    function = bench.func if isinstance(bench, partial) else bench
    return (function.__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    main(sys.argv[1:])
