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


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all short ones; after ``load``, its named cases."""
    known = BENCHES | LONG
    cases: list[str] = []
    if names and names[0] == "load":
        names, cases = ["load"], names[1:]
        known["load"] = partial(load.run, cases)
    unknown = [*(set(names) - known.keys()), *(set(cases) - load.KNOWN.keys())]
    if unknown:
        print(_usage())
        return 0 if unknown == ["--help"] else 2
    print(machine())
    for name in names or list(BENCHES):
        print(f"\n{name}: {_title(known[name])}", flush=True)
        figures = known[name]()
        save(name, figures)
        for key, value in figures.items():
            print(f"  {key:34} {value}")
    print("\nwritten to .bench/*.json")
    return 0


def _usage() -> str:
    benches = (BENCHES | LONG).items()
    lines = [f"  {name:8} {_title(bench)}" for name, bench in benches]
    cases = f"  load takes cases: {', '.join(load.KNOWN)}"
    short = f"without a name: {', '.join(BENCHES)}"
    return "\n".join(["python -m tests.bench [NAME ...]", *lines, cases, short])


def _title(bench: Callable[[], dict[str, Any]]) -> str:
    function = bench.func if isinstance(bench, partial) else bench
    return (function.__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
