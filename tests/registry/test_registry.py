"""The registry answers as Confluent's does: ids, subjects, versions, look-ups, and errors with a code."""

import json
from typing import Any

import httpx
import pytest

from avro_schemas.schema import by_id, latest
from registry.app import build_app
from registry.lenient import MEDIA_TYPE
from registry.requests import MAX_BODY
from registry.subjects import Subjects
from tests.support.registry_server import registry_client

PAGE_VIEW = latest()["page_view"]


@pytest.fixture
def client() -> httpx.AsyncClient:
    return registry_client()


async def test_every_schema_is_found_by_its_id_with_the_locked_text(client: httpx.AsyncClient) -> None:
    async with client:
        for schema in by_id().values():
            answer = await client.get(f"/schemas/ids/{schema.id}?subject=events-value")
            assert answer.headers["content-type"] == MEDIA_TYPE
            assert answer.json()["schema"] == schema.text
            assert (await client.get(f"/schemas/guids/{schema.guid}")).json()["id"] == schema.id


@pytest.mark.parametrize("subject", ["footfall.PageView", "events-value", "events-footfall.PageView"])
async def test_a_schema_has_subjects_by_record_topic_and_both(client: httpx.AsyncClient, subject: str) -> None:
    async with client:
        # Java prints schemas in its own way: key order and white space may differ.
        text = json.dumps(dict(reversed(PAGE_VIEW.definition.items())), indent=1)
        found = (await client.post(f"/subjects/{subject}?deleted=true", json={"schema": text})).json()
        assert (found["id"], found["schema"]) == (PAGE_VIEW.id, PAGE_VIEW.text)
        registered = await client.post(f"/subjects/{subject}/versions", json={"schema": text})
        assert registered.json() == {"id": PAGE_VIEW.id}
        version = await client.get(f"/subjects/{subject}/versions/{found['version']}")
        assert version.json()["id"] == PAGE_VIEW.id


async def test_a_new_schema_is_rejected_with_how_to_add_it(client: httpx.AsyncClient) -> None:
    async with client:
        answer = await client.post("/subjects/events-value/versions", json={"schema": '"string"'})
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42205)
    assert "lock file" in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/schemas/ids/7", 404, 40403),
        ("/schemas/ids/seven", 404, 40403),
        ("/subjects/nobody/versions", 404, 40401),
        ("/subjects/nobody/versions/1", 404, 40401),
        ("/subjects/events-value/versions/99", 404, 40402),
        ("/subjects/events-value/versions/first", 422, 42202),
        ("/subjects/events-value/versions/0", 422, 42202),
        (f"/subjects/events-value/versions/{'9' * 5000}", 422, 42202),
        (f"/schemas/ids/{'9' * 5000}", 404, 40403),
        ("/schemas/guids/none", 404, 40403),
        ("/config/nobody", 404, 40408),
        ("/mode/nobody", 404, 40409),
        ("/no/such/route", 404, 404),
    ],
)
async def test_errors_have_a_code(client: httpx.AsyncClient, path: str, status: int, code: int) -> None:
    async with client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


async def test_the_fixed_responses_satisfy_clients(client: httpx.AsyncClient) -> None:
    async with client:
        # 405 here would make every client with default settings fail.
        assert (await client.get("/associations/resources/-/events?resourceType=topic")).json() == []
        assert (await client.get("/config/footfall.PageView")).json() == {"compatibilityLevel": "FULL_TRANSITIVE"}
        # The subject has several records: each is compatible with its own versions only.
        assert (await client.get("/config/events-value")).json() == {"compatibilityLevel": "NONE"}
        assert (await client.get("/mode")).json() == {"mode": "READONLY"}
        assert (await client.get("/schemas/types")).json() == ["AVRO"]
        assert "events-value" in (await client.get("/subjects")).json()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/config/events-value"),
        ("PUT", "/mode"),
        ("DELETE", "/subjects/events-value"),
        ("DELETE", "/subjects/events-value/versions/1"),
        ("DELETE", "/config/events-value"),
        ("DELETE", "/contexts/.else"),
        ("PUT", "/contexts/:.:/config"),
        ("POST", "/associations"),
    ],
)
async def test_nothing_can_be_changed(client: httpx.AsyncClient, method: str, path: str) -> None:
    async with client:
        answer = await client.request(method, path, json={"mode": "IMPORT"})
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42205)
    assert "footfall types lock" in answer.json()["message"]


async def test_all_schemas_are_listed_with_their_subjects(client: httpx.AsyncClient) -> None:
    async with client:
        listed = (await client.get("/schemas")).json()
        assert {entry["id"] for entry in listed} == set(by_id())
        assert {entry["subject"] for entry in listed} == set((await client.get("/subjects")).json())
        assert (await client.get(f"/schemas/guids/{PAGE_VIEW.guid}/ids")).json() == [
            {"context": ".", "id": PAGE_VIEW.id}
        ]
        assert (await client.get("/subjects/events-value/versions/latest/referencedby")).json() == []


def with_field(**field: Any) -> dict[str, str]:
    definition = json.loads(PAGE_VIEW.text)
    definition["fields"].append({"name": "seats", "doc": "Seats."} | field)
    return {"schema": json.dumps(definition)}


@pytest.mark.parametrize("subject", ["footfall.PageView", "events-value"])
@pytest.mark.parametrize("version", ["", "/latest", "/1"])
async def test_a_schema_is_checked_against_those_of_a_subject(
    client: httpx.AsyncClient, subject: str, version: str
) -> None:
    path = f"/compatibility/subjects/{subject}/versions{version}?verbose=true"
    if subject == "events-value" and version:
        path = f"/compatibility/subjects/{subject}/versions?verbose=true"
    async with client:
        fine = (await client.post(path, json=with_field(type=["null", "int"], default=None))).json()
        assert fine == {"is_compatible": True, "messages": []}
        breaking = (await client.post(path, json=with_field(type="int"))).json()
    assert breaking["is_compatible"] is False
    assert "seats" in breaking["messages"][0]


async def test_another_record_cannot_be_the_next_version_of_a_record(client: httpx.AsyncClient) -> None:
    other = {"schema": latest()["user_rate"].text}
    async with client:
        answer = await client.post("/compatibility/subjects/footfall.PageView/versions", json=other)
        elsewhere = await client.post("/compatibility/subjects/events-value/versions", json=other)
    assert answer.json() == {"is_compatible": False}
    assert elsewhere.json() == {"is_compatible": True}


async def test_a_breaking_version_of_one_record_is_found_in_a_subject_of_several(
    client: httpx.AsyncClient,
) -> None:
    # The latest version of the subject is another record: the latest of the same record counts.
    path = "/compatibility/subjects/events-value/versions/latest?verbose=true"
    async with client:
        checked = (await client.post(path, json=with_field(type="int"))).json()
    assert checked["is_compatible"] is False
    assert "seats" in checked["messages"][0]


@pytest.mark.parametrize("query", ["", "?normalize=true", "?verbose=TRUE&normalize=maybe"])
@pytest.mark.parametrize("schema", ["string", ["null", "string"], {"type": "enum", "name": "A", "symbols": ["B"]}])
@pytest.mark.parametrize("subject", ["footfall.PageView", "events-value"])
async def test_a_schema_that_is_not_a_record_is_compatible_with_nothing(
    client: httpx.AsyncClient, subject: str, schema: Any, query: str
) -> None:
    path = f"/compatibility/subjects/{subject}/versions/latest{query}"
    async with client:
        answer = await client.post(path, json={"schema": json.dumps(schema)})
    assert answer.status_code == 200
    assert answer.json()["is_compatible"] is False
    assert "not a record" in answer.json().get("messages", ["the schema is not a record"])[0]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, 400),
        (b"{", 400, 400),
        (b"\xff", 400, 400),
        (b"[]", 400, 400),
        (b"[" * 60_000, 400, 400),
        (b"{}", 422, 42201),
        (b'{"schema": {"type": "string"}}', 422, 42201),
        (b'{"schema": ""}', 422, 42201),
        (b'{"schema": "message A {}", "schemaType": "PROTOBUF"}', 422, 42201),
        (b'{"schema": "\\"string\\"", "schemaType": ["AVRO"]}', 422, 42201),
        (b'{"schema": "\\"Else\\"", "references": [{"name": "Else"}]}', 422, 42201),
        (b'{"schema": "\\"\\ud800\\""}', 422, 42201),
        (b'{"schema": "{\\"type\\": \\"record\\", \\"__fastavro_parsed__\\": true}"}', 422, 42201),
        (json.dumps({"schema": "[" * 50_000}).encode(), 422, 42201),
        (json.dumps({"schema": '"string"', "more": " " * MAX_BODY}).encode(), 422, 42209),
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "/subjects/footfall.PageView",
        "/subjects/footfall.PageView/versions",
        "/compatibility/subjects/footfall.PageView/versions/latest",
    ],
)
async def test_what_is_not_a_schema_is_an_error_with_a_code(
    client: httpx.AsyncClient, path: str, body: bytes, status: int, code: int
) -> None:
    async with client:
        answer = await client.post(path, content=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.json()["message"]


async def test_apache_avros_stricter_rules_are_an_error_of_the_schema(client: httpx.AsyncClient) -> None:
    field = {"name": "a", "type": "long", "default": "many"}
    schema = {"type": "record", "name": "PageView", "namespace": "footfall", "fields": [field]}
    async with client:
        answer = await client.post(
            "/compatibility/subjects/footfall.PageView/versions", json={"schema": json.dumps(schema)}
        )
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42201)


@pytest.mark.parametrize("name", ["footfall.PageView", ":.:footfall.PageView"])
async def test_a_subject_may_be_qualified_with_the_default_context(client: httpx.AsyncClient, name: str) -> None:
    async with client:
        entry = (await client.get(f"/subjects/{name}/versions/latest")).json()
        assert entry["subject"] == "footfall.PageView"
        assert (await client.get(f"/schemas/ids/{entry['id']}?subject={name}")).status_code == 200
        assert (await client.post(f"/subjects/{name}", json={"schema": PAGE_VIEW.text})).json() == entry
        assert (await client.get(f"/config/{name}")).json() == {"compatibilityLevel": "FULL_TRANSITIVE"}
        assert (await client.get(f"/mode/{name}")).json() == {"mode": "READONLY"}


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("/contexts/:.:/subjects", "/subjects"),
        ("/contexts/:.:/subjects/events-value/versions/1", "/subjects/events-value/versions/1"),
        (f"/contexts/:.:/schemas/ids/{PAGE_VIEW.id}", f"/schemas/ids/{PAGE_VIEW.id}"),
        ("/contexts/:.:/config", "/config"),
        ("/config/:.:", "/config"),
        ("/mode/:.:", "/mode"),
        ("/subjects/", "/subjects"),
        ("/subjects/events-value/versions/", "/subjects/events-value/versions"),
        ("/subjects?deleted=True", "/subjects"),
        ("/subjects?subjectPrefix=:*:", "/subjects"),
        ("/schemas?deleted=false&limit=-1", "/schemas"),
    ],
)
async def test_paths_that_mean_the_same(client: httpx.AsyncClient, path: str, same: str) -> None:
    async with client:
        answer, expected = await client.get(path), await client.get(same)
    assert (answer.status_code, answer.json()) == (200, expected.json())


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/contexts/.else/subjects", []),
        ("/contexts/.else/schemas?subjectPrefix=foot", []),
        ("/subjects?subjectPrefix=:.else:", []),
        ("/contexts/.else/subjects/events-value/versions", 40401),
        (f"/contexts/.else/schemas/ids/{PAGE_VIEW.id}", 40403),
        (f"/schemas/ids/{PAGE_VIEW.id}/subjects?subject=:.else:", 40403),
        ("/contexts/.else/config", 40408),
        ("/contexts/.else/config?defaultToGlobal=true", {"compatibilityLevel": "FULL_TRANSITIVE"}),
        ("/contexts/.else/mode/events-value", 40409),
    ],
)
async def test_any_other_context_is_empty(client: httpx.AsyncClient, path: str, answer: Any) -> None:
    async with client:
        found = (await client.get(path)).json()
    assert (found["error_code"] if isinstance(answer, int) else found) == answer


async def test_lists_are_filtered_and_paged(client: httpx.AsyncClient) -> None:
    async with client:
        everything = (await client.get("/schemas")).json()
        newest = (await client.get("/schemas?latestOnly=true")).json()
        events = (await client.get("/schemas?subjectPrefix=:.:events-value")).json()
        paged = (await client.get("/schemas?offset=1&limit=2")).json()
        subjects = (await client.get("/subjects?offset=-5&limit=3")).json()
        assert (await client.get("/subjects?deletedOnly=true")).json() == []
        assert (await client.get("/schemas?ruleType=CEL")).json() == []
        assert (await client.get("/subjects/events-value/versions?offset=1&limit=1")).json() == [2]
    assert paged == everything[1:3]
    assert subjects == sorted({entry["subject"] for entry in everything})[:3]
    assert {entry["subject"] for entry in events} == {"events-value"}
    assert [entry["subject"] for entry in newest] == sorted({entry["subject"] for entry in everything})
    assert events[-1] in newest
    assert events[0] not in newest


async def test_a_parameter_that_is_not_a_number_is_named(client: httpx.AsyncClient) -> None:
    async with client:
        answer = await client.get("/subjects?limit=all")
    assert (answer.status_code, answer.json()["error_code"]) == (400, 400)
    assert "limit" in answer.json()["message"]


@pytest.mark.parametrize("path", ["/", "/subjects", f"/schemas/ids/{PAGE_VIEW.id}", "/subjects/nobody/versions"])
async def test_head_is_a_get_without_a_body(client: httpx.AsyncClient, path: str) -> None:
    async with client:
        head, get = await client.head(path), await client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers == get.headers


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/json", "application/json"),
        ("*/*", MEDIA_TYPE),
        ("application/vnd.schemaregistry.v1+json, application/json", MEDIA_TYPE),
    ],
)
async def test_the_media_type_is_one_that_the_client_accepts(
    client: httpx.AsyncClient, accept: str, media_type: str
) -> None:
    async with client:
        answer = await client.get("/subjects", headers={"accept": accept})
    assert answer.headers["content-type"] == media_type


async def test_a_method_that_does_not_exist_says_which_do(client: httpx.AsyncClient) -> None:
    async with client:
        answer = await client.post("/schemas/types", json={})
    assert (answer.status_code, answer.json()["error_code"]) == (405, 405)
    assert answer.headers["allow"] == "GET"
    assert "read-only" in answer.json()["message"]


async def test_the_highest_id_is_part_of_an_answer_that_no_cache_keeps(client: httpx.AsyncClient) -> None:
    async with client:
        answer = await client.get(f"/schemas/ids/{PAGE_VIEW.id}?fetchMaxId=true")
    assert answer.json()["maxId"] == max(by_id())
    assert "cache-control" not in answer.headers


async def test_a_fault_of_the_registry_has_a_code_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise OSError("a disk is gone")

    monkeypatch.setattr(Subjects, "names", broken)
    transport = httpx.ASGITransport(build_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
        answer = await client.get("/subjects")
    assert (answer.status_code, answer.json()["error_code"]) == (500, 50001)
    assert "disk" not in answer.text
