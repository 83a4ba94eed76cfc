"""``make bench``: this project's figures, printed and written to ``.bench/*.json``."""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from tests.bench import (
    agent,
    backlog,
    bus,
    chain,
    dashboard,
    fire,
    history,
    ingest,
    load,
    memory,
    pages,
    rules,
    shards,
    start,
)
from tests.bench.measure import machine, save

BENCHES: dict[str, Callable[[], dict[str, Any]]] = {
    "agent": agent.run,
    "memory": memory.run,
    "ingest": ingest.run,
    "chain": chain.run,
    "fire": fire.run,
    "rules": rules.run,
    "pages": pages.run,
    "start": start.run,
}

# Takes minutes of real time whatever the machine; ``make bench-bus``.
LONG: dict[str, Callable[[], dict[str, Any]]] = {
    "bus": bus.run,
    "backlog": backlog.run,
    "load": load.run,
    "history": history.run,
    "shards": shards.run,
    "dashboard": dashboard.run,
}

WITH_CASES: dict[str, tuple[Callable[[list[str]], dict[str, Any]], Iterable[str]]] = {
    "bus": (bus.run, bus.CASES),
    "load": (load.run, load.KNOWN),
    "history": (history.run, history.STORES),
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all short ones; after one of ``WITH_CASES``, its cases."""
    known = BENCHES | LONG
    cases: list[str] = []
    known_cases: set[str] = set()
    if names and names[0] in WITH_CASES:
        bench, (run, of_bench) = names[0], WITH_CASES[names[0]]
        names, cases, known_cases = [bench], names[1:], set(of_bench)
        known[bench] = partial(run, cases)
    unknown = [*(set(names) - known.keys()), *(set(cases) - known_cases)]
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
    cases = "\n".join(
        f"  {name} takes cases: {', '.join(known)}" for name, (_, known) in WITH_CASES.items()
    )
    short = f"without a name: {', '.join(BENCHES)}"
    return "\n".join(["python -m tests.bench [NAME ...]", *lines, cases, short])


def _title(bench: Callable[[], dict[str, Any]]) -> str:
    function = bench.func if isinstance(bench, partial) else bench
    return (function.__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
