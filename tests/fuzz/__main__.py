"""``make fuzz``: schemathesis over the whole OpenAPI document, as every role.

For each operation it makes requests that the document allows and requests that it forbids, sends
them to the application over two filled estates, as one role after the other, and compares the
answers with the document: no 500, no status, header, content type or body that it does not name.
What a request writes is taken back, so each meets the same rows. The stream does not end and is
left out; tests/contract/api/test_api_stream.py asks it.
"""

import argparse
import sys
import warnings
from collections import Counter
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import binary
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks
from sqlalchemy import delete

from server.access import passwords
from server.access.model import Tries
from tests.contract.api.conftest import CHEAP_HASHER, HASH, Api
from tests.contract.api.rights_world import ELSE, KEYS, SIDES, Ids, open_world, session_id

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ENDLESS = {"/api/v1/stream"}
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


class World(NamedTuple):
    """An application and who asks it."""

    api: Api
    ids: Ids
    tokens: dict[str, int]

    @property
    def app(self) -> FastAPI:
        """What is asked."""
        return cast("FastAPI", self.api.client.app)


class Fuzzer:
    """Asks one operation after the other and keeps what was wrong."""

    def __init__(self, world: World, *, examples: int, seed_of: int) -> None:
        self._world = world
        self._examples = examples
        self._seed = seed_of
        self._who = cycle(world.tokens)
        self.asked: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.wrong: dict[str, str] = {}

    def run(self, only: str) -> None:
        """Ask everything, or what has ``only`` in its name."""
        document = self._world.app.openapi()
        for result in schemathesis.openapi.from_dict(document).get_all_operations():
            operation = result.ok()
            name = f"{operation.method.upper()} {operation.path}"
            if operation.path in ENDLESS or only not in name:
                continue
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                for side in (*SIDES, None):
                    self._ask(name, operation, mode, side)

    def _ask(self, name: str, operation: Any, mode: GenerationMode, side: str | None) -> None:
        known = self._known(operation, side)
        if side is not None and not known:
            return
        strategy = operation.as_strategy(generation_mode=mode, path_parameters=known or None)

        @seed(self._seed)
        @settings(
            max_examples=self._examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def ask(case: Case) -> None:
            self._send(name, case)

        with suppress(Unsatisfiable):  # nothing of this operation can be wrong
            ask()

    def _known(self, operation: Any, side: str | None) -> dict[str, Any]:
        if side is None:
            return {}
        room = operation.path.split("/")[3] if operation.path.startswith("/api/v1/") else ""
        known = ELSE | {"key": KEYS.get(room), "token_id": 1}
        known |= {"session_id": session_id(1), **self._world.ids[side]}
        names = [one.name for one in operation.path_parameters]
        return {name: known[name] for name in names if known.get(name) is not None}

    def _send(self, name: str, case: Case) -> None:
        who = next(self._who)
        secret = self._world.api.tokens[who]
        given = case.as_transport_kwargs(base_url="http://testserver")
        given["headers"] = {**given.get("headers", {}), "Authorization": f"Bearer {secret}"}
        # Who guesses is slowed down, which is another test's matter.
        use = self._world.app.state.services
        use.records.write(lambda session: session.execute(delete(Tries)))
        answer = self._world.api.client.request(**_plain(given))
        self.asked[who] += 1
        self.statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                words = f"{name}: {failure.title}"
                self.wrong.setdefault(words, f"as {who}: {failure.message}\n{_shown(given)}")


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``requests`` as the test client takes them."""
    kept = {
        name: given[name]
        for name in ("method", "url", "params", "headers", "json", "data")
        if given.get(name) is not None
    }
    if "data" in kept and isinstance(kept["data"], str | bytes):
        kept["content"] = kept.pop("data")
    return kept


def _shown(given: dict[str, Any]) -> str:
    told = {key: value for key, value in given.items() if value and key != "headers"}
    return "    " + str(told)[:600]


def main() -> int:
    """Run and say what was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--examples", type=int, default=4, help="of each operation, kind and estate"
    )
    parser.add_argument("--seed", type=int, default=1, help="of what is made")
    parser.add_argument("--only", default="", help="operations with this in method and path")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    schemathesis.openapi.media_type(XLSX, binary(max_size=64))
    passwords._hasher, passwords._nobody_hash = CHEAP_HASHER, HASH
    with TemporaryDirectory(prefix="plantroom-fuzz-") as folder, open_world(Path(folder)) as there:
        fuzzer = Fuzzer(World(*there), examples=options.examples, seed_of=options.seed)
        fuzzer.run(options.only)
    for name, words in sorted(fuzzer.wrong.items()):
        print(f"{name}\n    {words}\n")
    print(f"requests    {fuzzer.asked.total()}, by {len(fuzzer.asked)} people of every role")
    print(f"answers     {dict(sorted(fuzzer.statuses.items()))}")
    print(f"wrong       {len(fuzzer.wrong)}")
    return 1 if fuzzer.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
