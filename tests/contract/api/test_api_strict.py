"""Nothing of a request is passed over in silence; the tests walk the whole interface."""

import json
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Any, TypeVar

import pytest

from server.assets.model import Equipment, Site
from tests.contract.api.conftest import Api

PROBLEM = "application/problem+json"
NUMBERS = {"integer": "1", "number": "1.5", "boolean": "true"}

Case = TypeVar("Case")
Operation = tuple[str, str, dict[str, Any]]


def _operations(api: Api) -> list[Operation]:
    document = api.client.app.openapi()  # type: ignore[attr-defined]
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _takes_a_file(operation: Operation) -> bool:
    """Whether the body is no JSON but a file."""
    content = operation[2].get("requestBody", {}).get("content", {"application/json": {}})
    return "application/json" not in content


def _turns(cases: Sequence[Case], seed: int) -> Iterator[Case]:
    """One case for each operation or parameter; each meets all over as many seeds as cases."""
    return islice(cycle(cases), seed, None)


def _address(path: str, operation: dict[str, Any]) -> str:
    """The path with something in each of its places."""
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            schema = parameter["schema"]
            value = schema.get("enum", [NUMBERS.get(schema.get("type", ""), "x")])[0]
            if "$ref" in schema:
                value = "close"
            path = path.replace("{" + parameter["name"] + "}", value)
    return path


def _send(api: Api, operation: Operation, **more: Any) -> Any:
    method, path, about = operation
    headers = api.bearer("administrator") | more.pop("headers", {})
    return api.client.request(method, _address(path, about), headers=headers, **more)


@pytest.mark.long
def test_an_unknown_parameter_is_refused_everywhere(api: Api) -> None:
    for operation in _operations(api):
        answer = _send(api, operation, params={"serach": "x"})
        assert answer.status_code == 422, operation[:2]
        assert answer.headers["content-type"] == PROBLEM
        errors = answer.json()["errors"]
        mine = next(error for error in errors if error["field"] == "query.serach")
        names = {one["name"] for one in operation[2].get("parameters", []) if one["in"] == "query"}
        assert set(mine["allowed"]) == names, operation[:2]


@pytest.mark.long
def test_a_repeated_parameter_is_refused_everywhere(api: Api) -> None:
    for operation in _operations(api):
        for parameter in operation[2].get("parameters", []):
            if parameter["in"] != "query" or '"array"' in json.dumps(parameter["schema"]):
                continue
            name = parameter["name"]
            answer = _send(api, operation, params=[(name, "1"), (name, "2")])
            assert answer.status_code == 422, (operation[:2], name)


@pytest.mark.long
def test_an_unknown_key_is_refused_everywhere(api: Api) -> None:
    bodies = 0
    for operation in _operations(api):
        if operation[0] == "GET" or _takes_a_file(operation):
            continue
        answer = _send(api, operation, json={"nmae": "x"})
        assert answer.status_code == 422, operation[:2]
        fields = {error["field"] for error in answer.json()["errors"]}
        assert fields & {"body", "body.nmae"}, operation[:2]
        bodies += "requestBody" in operation[2]
    assert bodies > 15


def test_every_body_is_closed_to_its_depth(api: Api) -> None:
    schemas = api.client.app.openapi()["components"]["schemas"]  # type: ignore[attr-defined]

    def refs(schema: Any) -> set[str]:
        found: set[str] = set()
        if isinstance(schema, dict):
            if "$ref" in schema:
                found.add(schema["$ref"].rsplit("/")[-1])
            for part in schema.values():
                found |= refs(part)
        elif isinstance(schema, list):
            for part in schema:
                found |= refs(part)
        return found

    todo = set[str]().union(*(refs(about.get("requestBody")) for _, _, about in _operations(api)))
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        seen.add(name)
        todo |= refs(schemas[name]) - seen
        if schemas[name].get("type") == "object":
            assert schemas[name].get("additionalProperties") is False, name
    assert len(seen) > 15


def test_an_operation_without_a_body_takes_none(api: Api, pump: Equipment) -> None:
    assert api.post(f"/equipment/{pump.id}/in-service", {"until": "x"}).status_code == 422
    assert api.post(f"/equipment/{pump.id}/in-service", {}).status_code == 200


@pytest.fixture
def named(api: Api, pump: Equipment) -> Api:
    assert pump.id
    body = {"name_zh": "花园", "name_en": "Garden"}
    assert api.client.put(
        "/api/v1/sites/garden", json=body, headers=api.bearer("administrator")
    ).is_success
    return api


@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        ({"name": "Garden Court"}, 422, ("花园", "Garden")),
        ({"name_en": "Garden Court"}, 200, ("花园", "Garden Court")),
        ({"name_zh": ""}, 200, ("", "Garden")),
        ({}, 200, ("花园", "Garden")),
        ({"name_zh": None}, 200, ("花园", "Garden")),
    ],
)
def test_what_is_not_given_is_not_erased(
    named: Api, body: dict[str, str], status: int, names: tuple[str, str]
) -> None:
    answer = named.client.put(
        "/api/v1/sites/garden", json=body, headers=named.bearer("administrator")
    )
    assert answer.status_code == status
    site = named.records.read(lambda session: session.query(Site).one())
    assert (site.name_zh, site.name_en) == names


def test_a_person_keeps_what_a_change_does_not_name(api: Api) -> None:
    def put(body: dict[str, Any]) -> dict[str, Any]:
        answer = api.client.put(
            "/api/v1/persons/wang", json=body, headers=api.bearer("administrator")
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    put({"name": "Wang", "role": "lead", "languages": ["en"]})
    changed = put({"name": "Wang Wei"})
    assert (changed["name"], changed["role"], changed["languages"]) == ("Wang Wei", "lead", ["en"])
    assert put({"name": "Wang Wei", "languages": ["zh"]})["languages"] == ["zh"]


NOT_KEPT = {
    "nul": b'{"name": "a\\u0000b"}',
    "half a pair": b'{"name": "\\ud800"}',
    "half a pair in a key": b'{"\\udfff": 1}',
    "half a pair in a list": b'{"name": ["\\ud800"]}',
    "twice": b'{"name": "a", "name": "b"}',
    "no number": b'{"name": NaN}',
    "infinite": b'{"name": -Infinity}',
    "too large": b'{"name": 1e999}',
    "too long": b'{"name": 1' + b"0" * 5000 + b"}",
    "too deep": b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no utf-8": b'{"name": "\xff"}',
    "utf-16": '{"name": "x"}'.encode("utf-16"),
    "a list": b"[]",
    "cut short": b'{"name": "x"',
    "empty text": b"  ",
}


@pytest.mark.seeds(2, len(NOT_KEPT))
def test_a_body_that_nobody_can_keep_is_refused_everywhere(api: Api, seed: int) -> None:
    bodies = _turns(list(NOT_KEPT.values()), seed)
    for operation in _operations(api):
        if operation[0] == "GET" or "requestBody" not in operation[2]:
            continue
        body = next(bodies)
        if body.isspace() and not operation[2]["requestBody"].get("required"):
            continue
        answer = _send(api, operation, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, (operation[:2], answer.text)
        assert answer.headers["content-type"] == PROBLEM
        answer.text.encode()


HOSTILE = [
    "\x00",
    str(2**63),
    "9" * 5000,
    "-1",
    "1e999",
    "٣",
    "x" * 5000,
    "a/b",
    "",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "IlxkODAwIg",  # a cursor that holds half of a surrogate pair
    "IlxcdTAwMDAi",
    "MWU5OTk",
]


@pytest.mark.long
@pytest.mark.seeds(1, len(HOSTILE))
def test_no_parameter_breaks_the_server(api: Api, pump: Equipment, seed: int) -> None:
    assert pump.id
    undocumented: set[tuple[str, str, int]] = set()
    values = _turns(HOSTILE, seed)
    for method, path, about in _operations(api):
        if path == "/api/v1/stream":
            continue
        for parameter in about.get("parameters", []):
            value = next(values)
            address, more = _address(path, about), {}
            headers = api.bearer("administrator")
            if parameter["in"] == "query":
                more["params"] = {parameter["name"]: value}
            elif parameter["in"] == "header":
                headers |= {parameter["name"]: value.encode()}
            else:
                quoted = "".join(f"%{byte:02X}" for byte in value.encode())
                address = path.replace("{" + parameter["name"] + "}", quoted)
                address = _address(address, about)
            answer = api.client.request(method, address, headers=headers, **more)
            assert answer.status_code < 500, (method, address, parameter["name"])
            if str(answer.status_code) not in about["responses"]:
                elsewhere = (parameter["in"] == "path" and set(value) & set("./")) or not value
                if not (elsewhere and answer.status_code in {307, 404, 405}):
                    undocumented.add((method, path, answer.status_code))
    assert not undocumented


def test_a_giant_body_is_a_problem(api: Api) -> None:
    headers = api.bearer() | {"Content-Type": "application/json"}
    answer = api.client.post("/api/v1/tokens", content=b"x" * 1_000_001, headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == PROBLEM
    assert "1000000 bytes" in answer.json()["detail"]


NO_JSON = [
    {},
    {"Content-Type": ""},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data; boundary=json"},
    {"Content-Type": "text/json"},
    {"Content-Type": "json"},
    {"Content-Type": "application/jsonx"},
    {"Content-Type": "application/json; charset=gbk"},
    {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    {"Content-Type": 'application/"\r; =;'},
]


@pytest.mark.seeds(1, len(NO_JSON))
def test_a_body_that_is_no_json_is_refused_everywhere(api: Api, seed: int) -> None:
    all_headers = _turns(NO_JSON, seed)
    for operation in _operations(api):
        if operation[0] == "GET" or _takes_a_file(operation):
            continue
        headers = next(all_headers)
        answer = _send(api, operation, content=b'{"name": "x"}', headers=headers)
        assert answer.status_code == 415, (operation[:2], answer.text)
        assert answer.headers["content-type"] == PROBLEM
        assert "415" in operation[2]["responses"]


@pytest.mark.parametrize(
    "kind",
    [
        "Application/JSON",
        "application/json; charset=UTF-8",
        "application/merge-patch+json",
        "application/json;;",
    ],
)
def test_json_may_have_any_of_its_names(api: Api, kind: str) -> None:
    headers = api.bearer() | {"Content-Type": kind}
    answer = api.client.post("/api/v1/tokens", content=b'{"name": "x"}', headers=headers)
    assert answer.status_code == 201, answer.text


def _sample(  # noqa: C901, PLR0911 (one for each type)
    schema: dict[str, Any], schemas: dict[str, Any], text: str
) -> Any:
    """Something that fits a schema; its texts are ``text`` where they may be anything."""
    if "$ref" in schema:
        return _sample(schemas[schema["$ref"].rsplit("/")[-1]], schemas, text)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return _sample(schema[word][0], schemas, text)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            named = schema.get("properties", {})
            return {name: _sample(part, schemas, text) for name, part in named.items()}
        case "array":
            return [_sample(schema.get("items", {}), schemas, text)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "string" if schema.get("format") == "date-time":
            return "2026-11-22T11:00:00Z"
        case "string":
            return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 999)]
        case _:
            return None


TEXTS = ["x", "garden", "1", "08:00", "2026-11-22"]


@pytest.mark.long
@pytest.mark.seeds(1, len(TEXTS))
def test_every_answer_to_a_body_is_documented(api: Api, pump: Equipment, seed: int) -> None:
    assert pump.id == 1
    texts = _turns(TEXTS, seed)
    schemas = api.client.app.openapi()["components"]["schemas"]  # type: ignore[attr-defined]
    undocumented: set[tuple[str, str, int]] = set()
    for method, path, about in _operations(api):
        body = about.get("requestBody", {}).get("content", {}).get("application/json")
        if method == "GET":
            continue
        sample = None if body is None else _sample(body["schema"], schemas, next(texts))
        for headers in ({}, {"If-Match": '"0"'}, {"If-Match": '"7"'}, {"Idempotency-Key": "k"}):
            answer = _send(api, (method, path, about), json=sample, headers=headers)
            assert answer.status_code < 500, (method, path, answer.text)
            if str(answer.status_code) not in about["responses"]:
                undocumented.add((method, path, answer.status_code))
    assert not undocumented
