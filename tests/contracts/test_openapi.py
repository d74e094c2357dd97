"""The OpenAPI documents are valid, have what generators of clients need, and describe the answers as they are."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jsonschema_rs
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from httpx import ASGITransport

import dashboard.app
import registry.app
from avro_schemas.event_types import describe_event_types
from avro_schemas.schema import latest
from dashboard.event_types import catalogue
from dashboard.event_types.proposed import Example, Listing, Property, Proposed
from dashboard.event_types.routes import ACCEPT, AS_JSON, EventTypes
from dashboard.history.routes import add_history_routes
from dashboard.live.service import LiveService
from dashboard.render.pages import Pages
from dashboard.render.panels import PANELS
from dashboard.settings import Settings
from dashboard.sql import Database
from producer_api.routes.openapi import component_names
from service_kit.kafka.settings import KafkaSettings
from tests.clients import DOCUMENTS
from tests.dashboard.history.test_page import OneNameEach
from tests.dashboard.partials import partial
from tests.support.database import at

Json = dict[str, Any]


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and description of each operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def validator(document: Json, schema: Json) -> jsonschema_rs.Draft202012Validator:
    """Validates values against a schema of a document."""
    return jsonschema_rs.Draft202012Validator(schema | {"components": document["components"]})


def faults(document: Json, path: str, answer: httpx.Response, method: str = "get") -> list[str]:
    """What differs between an answer and its description."""
    responses = document["paths"][path][method]["responses"]
    described = responses.get(str(answer.status_code), responses.get("default"))
    media_type = answer.headers["content-type"].partition(";")[0]
    schema = described["content"][media_type]["schema"]
    return [
        f"{error.instance_path}: {error.message}"
        for error in validator(document, schema).iter_errors(answer.json())
    ]


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_is_valid_and_every_operation_has_its_own_id(document: Json) -> None:
    # Only the process that runs this test spends the seconds of its import.
    from openapi_spec_validator import validate

    validate(document)
    ids = [operation["operationId"] for _path, _method, operation in operations(document)]
    assert len(ids) == len(set(ids)) >= 3
    assert [server for server in document["servers"] if "://" in server["url"]] == []


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_null_is_a_type_and_never_an_alternative(document: Json) -> None:
    assert re.findall(r'\{"type": "null"[^}]*\}', json.dumps(document)) == []


def test_every_event_type_is_a_component_with_a_name_and_so_is_its_data() -> None:
    document = DOCUMENTS["collector"]
    schemas = document["components"]["schemas"]
    assert schemas["PageViewEvent"]["properties"]["event_type"]["const"] == "page_view"
    assert schemas["PageViewEvent"]["properties"]["event_data"]["$ref"].endswith("/PageViewEventData")
    mapping = schemas["Event"]["discriminator"]["mapping"]
    assert mapping.keys() == {each["event_type"] for each in describe_event_types()}
    assert [each["$ref"] for each in schemas["Event"]["oneOf"]] == list(mapping.values())
    for each in describe_event_types():
        of_this_type = validator(document, {"$ref": mapping[each["event_type"]]})
        assert of_this_type.is_valid(each["example"])
        assert not of_this_type.is_valid(each["example"] | {"event_type": "another"})


def test_names_of_classes_are_names_and_differ_whatever_the_event_types_are() -> None:
    names = component_names(["sign_up", "sign-up", "signUp", "SIGNUP", "购买", "付款", "2fa.on", "sign_up2"])
    assert names["sign_up"] == "SignUpEvent"
    assert len({name.lower() for name in names.values()}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9]+", name) for name in names.values())


def test_sessions_and_keys_are_security_schemes_and_a_cookie_has_the_name_of_the_settings() -> None:
    schemes = DOCUMENTS["collector"]["components"]["securitySchemes"]
    assert (schemes["sessionCookie"]["in"], schemes["sessionCookie"]["name"]) == ("cookie", "session")
    assert (schemes["sessionToken"]["scheme"], schemes["backendKey"]["name"]) == ("bearer", "Footfall-Key")
    for document in DOCUMENTS.values():
        for _path, _method, operation in operations(document):
            required = operation.get("security", document.get("security", []))
            named = {name for each in required for name in each}
            assert named <= document["components"].get("securitySchemes", {}).keys()


def test_the_json_schema_of_an_event_type_names_its_dialect_and_its_version() -> None:
    for each in describe_event_types():
        schema = latest()[each["event_type"] if each["kind"] == "typed" else "custom"]
        assert each["schema"]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert each["schema"]["$id"] == f"urn:footfall:event-data:{schema.name}:{schema.version}"
        jsonschema_rs.meta.validate(each["schema"])
        assert jsonschema_rs.is_valid(each["schema"], each["example"]["event_data"])
        assert not jsonschema_rs.is_valid(each["schema"], "text")


async def test_the_registry_answers_as_its_document_says() -> None:
    app = registry.app.build_app()
    document, page_view = DOCUMENTS["registry"], latest()["page_view"]
    values = {
        "schema_id": page_view.id,
        "guid": page_view.guid,
        "subject": page_view.subject,
        "version": "latest",
        "namespace": "-",
        "name": "events",
    }
    transport = ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
        assert (await client.get("/openapi.json")).json() == document
        for path, method, _operation in operations(document):
            request = {"json": {"schema": page_view.text}} if method == "post" else {}
            answer = await client.request(method, path.format(**values), **request)
            assert answer.status_code == 200, path
            assert faults(document, path, answer, method) == []
        missing = await client.get("/schemas/ids/7")
        assert faults(document, "/schemas/ids/{schema_id}", missing) == []


async def test_the_live_numbers_are_as_the_document_of_the_dashboard_says() -> None:
    app = dashboard.app.build_app(
        Settings(kafka=KafkaSettings(kafka_bootstrap="localhost:1"), trust_loopback=True)
    )
    live: LiveService = app.state.live
    start = live.snapshot()["as_of"] // 60_000 * 60_000
    for dimension in {panel.dimension for panel in PANELS if panel.dimension}:
        live.state.merge(partial(dimension, start, counts={f"one of {dimension}": 3}))
    document = DOCUMENTS["dashboard"]
    transport = ASGITransport(app, client=("127.0.0.1", 4242))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/dashboard/openapi.json")).json() == document
        shown = await client.get("/dashboard/snapshot.json")
        assert faults(document, "/dashboard/snapshot.json", shown) == []
        assert (await client.get("/dashboard/history.json")).status_code == 503
        assert faults(document, "/dashboard/history.json", await client.get("/dashboard/history.json")) == []
    names = document["components"]["schemas"]["Snapshot"]["properties"]
    assert shown.json().keys() == names.keys()
    assert shown.json()["figures"].keys() == document["components"]["schemas"]["Figures"]["properties"].keys()


async def test_the_history_is_as_the_document_of_the_dashboard_says() -> None:
    app, document = FastAPI(), DOCUMENTS["dashboard"]
    add_history_routes(app, OneNameEach(Database(at("host=nowhere"))), Pages(), 90)
    async with httpx.AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        for params in ({}, {"compare": "1", "tz": "Europe/Berlin", "range": "7d"}, {"range": "9y"}):
            answer = await client.get("/dashboard/history.json", params=params)
            assert answer.status_code == 200
            assert faults(document, "/dashboard/history.json", answer) == []
            described = document["components"]["schemas"]["History"]
            names = described["properties"] if "compare" in params else described["required"]
            assert sorted(answer.json()) == sorted(names)
        unknown = await client.get("/dashboard/history/nothing.csv")
        assert faults(document, "/dashboard/history/{panel}.csv", unknown) == []


async def test_the_event_types_are_as_the_document_of_the_dashboard_says() -> None:
    document, now = DOCUMENTS["dashboard"], datetime.now(UTC)
    example = Example("evt_1", now, None, {"cups": 1})
    found = [
        Proposed("tea_made", 2, now, now, [Property("cups", ["number"], 1.0)], example),
        Proposed("page_veiw", 1, now, now),
    ]
    shown = JSONResponse(EventTypes(catalogue.meanings(None), Listing(found, True, 3)).as_json())
    of_event_types = validator(document, {"$ref": "#/components/schemas/EventTypes"})
    assert list(of_event_types.iter_errors(json.loads(shown.body))) == []
    app = dashboard.app.build_app(
        Settings(kafka=KafkaSettings(kafka_bootstrap="localhost:1"), trust_loopback=True)
    )
    transport = ASGITransport(app, client=("127.0.0.1", 4242))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert faults(document, AS_JSON, await client.get(AS_JSON)) == []
        for status, body in {200: {"event_type": "click"}, 400: {}, 409: {"event_type": "tea_made"}}.items():
            answer = await client.post(ACCEPT, json=body)
            assert answer.status_code == status
            assert faults(document, ACCEPT, answer, "post") == []


async def test_without_access_the_dashboard_answers_as_its_document_says() -> None:
    app = dashboard.app.build_app(Settings(kafka=KafkaSettings(kafka_bootstrap="localhost:1")))
    async with httpx.AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.get("/dashboard/snapshot.json")
    response = DOCUMENTS["dashboard"]["paths"]["/dashboard/snapshot.json"]["get"]["responses"]["403"]
    assert response == {"$ref": "#/components/responses/Disabled"}
    described = DOCUMENTS["dashboard"]["components"]["responses"]["Disabled"]
    schema = described["content"]["application/json"]["schema"]
    assert (answer.status_code, validator(DOCUMENTS["dashboard"], schema).is_valid(answer.json())) == (403, True)
