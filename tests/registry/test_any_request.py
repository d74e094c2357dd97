"""Whatever a client sends, the answer is not a 5xx, and every error has Confluent's form."""

import json
import re
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avro_schemas.schema import by_id, latest
from tests.support.registry_server import registry_client

EXAMINED = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))

SUBJECTS = ["footfall.PageView", "events-value", ":.:events-value", ":.else:a", ":*:", ":.:", "nobody", "%2F", "é"]
WORDS = st.sampled_from(
    [
        *[
            "subjects",
            "schemas",
            "ids",
            "guids",
            "versions",
            "config",
            "mode",
            "contexts",
            "compatibility",
            "latest",
        ],
        *["-1", "0", "1", "schema", "types", "referencedby", "metadata", "associations", "resources", "", "v1"],
        *SUBJECTS,
        *map(str, by_id()),
    ]
)
NAMES = [
    "subject",
    "subjectPrefix",
    "deleted",
    "deletedOnly",
    "latestOnly",
    "offset",
    "limit",
    "normalize",
    "verbose",
]
NAMES += ["defaultToGlobal", "fetchMaxId", "ruleType", "key", "format"]
TEXTS = st.text(max_size=20) | st.sampled_from(["true", "-1", "1", "9" * 5000, *SUBJECTS])
SEGMENTS = st.lists(WORDS | TEXTS.map(lambda text: quote(text, safe="")), max_size=6)

# Schemas, almost schemas and anything else that JSON can say.
ATTRIBUTES = ["type", "name", "namespace", "fields", "items", "values", "symbols", "size", "default", "aliases"]
ATTRIBUTES += ["logicalType", "precision", "scale", "doc", "__fastavro_parsed__", "__named_schemas"]
TYPES = ["null", "string", "bytes", "long", "record", "error", "enum", "fixed", "array", "map", "PageView", "a.b"]
ATOMS = (
    st.sampled_from(TYPES)
    | st.none()
    | st.booleans()
    | st.integers(-2, 40)
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=5)
)
NODES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(ATTRIBUTES), inner, max_size=6),
    max_leaves=20,
)
FIELDS = st.lists(st.fixed_dictionaries({"name": st.sampled_from("abc"), "type": NODES}), max_size=3)
RECORDS = st.fixed_dictionaries(
    {"type": st.just("record"), "name": st.just("footfall.PageView"), "fields": FIELDS | NODES}
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A schema of ours with something else in one place."""
    definition = json.loads(draw(st.sampled_from(sorted(by_id().values(), key=lambda schema: schema.id))).text)
    place: Any = definition
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = draw(st.sampled_from(list(keys)))
        if not isinstance(place[key], dict | list) or draw(st.booleans()):
            place[key] = draw(NODES)
            break
        place = place[key]
    return definition


SCHEMAS = NODES | RECORDS | mutated()
MESSAGES = st.fixed_dictionaries(
    {"schema": SCHEMAS.map(json.dumps) | st.text(max_size=10) | NODES},
    optional={"schemaType": st.sampled_from(["AVRO", "JSON", "", 1, None]), "references": NODES},
)
BODIES = MESSAGES.map(lambda message: json.dumps(message).encode()) | st.binary(max_size=50)


async def answer(method: str, path: str, **request: Any) -> httpx.Response:
    async with registry_client() as client:
        return await client.request(method, path, **request)


def check(response: httpx.Response) -> None:
    assert response.status_code < 500
    if response.status_code >= 400:
        error = response.json()
        assert str(error["error_code"]).startswith(str(response.status_code))
        assert error["message"]


@EXAMINED
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    segments=SEGMENTS,
    query=st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=4),
    body=BODIES,
)
async def test_any_path_and_query(method: str, segments: list[str], query: dict[str, str], body: bytes) -> None:
    # httpx would take what is behind two slashes for a host.
    check(await answer(method, "/" + "/".join(segments).lstrip("/"), params=query, content=body))


@EXAMINED
@given(
    path=st.sampled_from(
        [
            "/subjects/{}",
            "/subjects/{}/versions",
            "/compatibility/subjects/{}/versions?verbose=true",
            "/compatibility/subjects/{}/versions/latest",
            "/compatibility/subjects/{}/versions/1",
        ]
    ),
    subject=st.sampled_from(["footfall.PageView", ":.:footfall.Custom", "events-value"]),
    body=BODIES,
)
async def test_any_body(path: str, subject: str, body: bytes) -> None:
    check(await answer("POST", path.format(subject), content=body))


@EXAMINED
@given(key_order=st.permutations(list(latest()["page_view"].definition)), indent=st.none() | st.integers(0, 8))
async def test_a_schema_is_found_in_any_layout(key_order: list[str], indent: int | None) -> None:
    schema = latest()["page_view"]
    text = json.dumps({key: schema.definition[key] for key in key_order}, indent=indent)
    found = await answer("POST", "/subjects/footfall.PageView", json={"schema": text})
    assert found.json()["id"] == schema.id


async def test_the_openapi_document_declares_every_parameter_of_its_paths() -> None:
    document = (await answer("GET", "/openapi.json")).json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            declared = {found["name"] for found in operation.get("parameters", []) if found["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path)), path
