"""The read side of the Confluent Schema Registry API, from the schemas in git: no storage, no leader.

Every schema has one id and several subjects: its record name and, if a topic carries it, the topic's name and both
names. So a client finds it whatever its naming strategy.
"""

import json
from typing import Any

import fastavro
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from avro_schemas.schema import Schema
from registry import metrics
from registry.asyncapi import document
from registry.catalogue import add_catalogue
from registry.compatibility import incompatibilities
from registry.errors import RegistryError, read_only
from registry.subjects import Subjects
from service_kit.metrics import CONTENT_TYPE, exposition
from service_kit.request_metrics import RequestMetrics

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
# Of the contract as a whole. The first number changes when subscribers must change.
CONTRACT_VERSION = "1.0.0"
_IMMUTABLE = {"cache-control": "public, max-age=31536000, immutable"}

Json = Any


class RegistryJson(JSONResponse):
    """JSON with the media type that registry clients expect."""

    media_type = MEDIA_TYPE


def build_app() -> FastAPI:
    """The application. It loads all schemas before it serves, as clients cache a 404."""
    subjects = Subjects()
    app = FastAPI(
        title="footfall schema registry",
        version="1",
        docs_url=None,
        redoc_url=None,
        default_response_class=RegistryJson,
    )
    app.add_middleware(RequestMetrics, requests=metrics.REQUESTS, seconds=metrics.REQUEST_SECONDS)
    _add_schemas(app, subjects)
    _add_subjects(app, subjects)
    _add_fixed_responses(app, subjects)
    add_catalogue(app)
    _add_errors(app)
    return app


def _add_schemas(app: FastAPI, subjects: Subjects) -> None:
    @app.get("/schemas")
    async def all_schemas() -> list[Json]:
        return [_entry(subject, number, schema) for subject, number, schema in subjects.entries()]

    @app.get("/schemas/types")
    async def types() -> list[str]:
        return ["AVRO"]

    @app.get("/schemas/ids/{schema_id}")
    async def schema(schema_id: int) -> Response:
        found = subjects.schema(schema_id)
        return RegistryJson({"schema": found.text, "guid": found.guid}, headers=_IMMUTABLE)

    @app.get("/schemas/ids/{schema_id}/schema")
    async def schema_text(schema_id: int) -> Response:
        return Response(subjects.schema(schema_id).text, media_type=MEDIA_TYPE, headers=_IMMUTABLE)

    @app.get("/schemas/ids/{schema_id}/subjects")
    async def subjects_of(schema_id: int) -> list[str]:
        return [subject for subject, _version in subjects.holding(subjects.schema(schema_id))]

    @app.get("/schemas/ids/{schema_id}/versions")
    async def versions_of(schema_id: int) -> list[Json]:
        held = subjects.holding(subjects.schema(schema_id))
        return [{"subject": subject, "version": version} for subject, version in held]

    @app.get("/schemas/guids/{guid}")
    async def by_guid(guid: str) -> Json:
        found = subjects.by_guid(guid)
        return {"schema": found.text, "id": found.id, "guid": found.guid}

    @app.get("/schemas/guids/{guid}/ids")
    async def ids_of_guid(guid: str) -> list[Json]:
        return [{"context": ".", "id": subjects.by_guid(guid).id}]


def _add_subjects(app: FastAPI, subjects: Subjects) -> None:
    @app.get("/subjects")
    async def all_subjects() -> list[str]:
        return sorted(subjects.versions)

    @app.get("/subjects/{subject}/versions")
    async def versions(subject: str) -> list[int]:
        return list(range(1, len(subjects.of(subject)) + 1))

    @app.get("/subjects/{subject}/versions/{version}")
    async def one_version(subject: str, version: str) -> Json:
        number, schema = subjects.version(subject, version)
        return _entry(subject, number, schema)

    @app.get("/subjects/{subject}/versions/{version}/schema")
    async def version_text(subject: str, version: str) -> Response:
        return Response(subjects.version(subject, version)[1].text, media_type=MEDIA_TYPE)

    @app.get("/subjects/{subject}/versions/{version}/referencedby")
    async def referenced_by(subject: str, version: str) -> list[int]:
        subjects.version(subject, version)
        return []

    @app.post("/subjects/{subject}")
    async def lookup(subject: str, request: Request) -> Json:
        number, schema = subjects.find(subject, _definition(await request.body()))
        return _entry(subject, number, schema)

    @app.post("/subjects/{subject}/versions")
    async def register(subject: str, request: Request) -> Json:
        try:
            _number, schema = subjects.find(subject, _definition(await request.body()))
        except RegistryError as error:
            if error.status != 404:
                raise
            raise read_only() from error
        return {"id": schema.id}

    @app.post("/compatibility/subjects/{subject}/versions")
    @app.post("/compatibility/subjects/{subject}/versions/{version}")
    async def compatibility(subject: str, request: Request, version: str = "", verbose: bool = False) -> Json:
        held = [subjects.version(subject, version)] if version else list(enumerate(subjects.of(subject), start=1))
        messages = incompatibilities(_definition(await request.body()), held)
        return {"is_compatible": not messages} | ({"messages": messages} if verbose else {})


def _add_fixed_responses(app: FastAPI, subjects: Subjects) -> None:
    @app.get("/config")
    @app.get("/config/{subject}")
    async def config(subject: str = "") -> Json:
        return {"compatibilityLevel": subjects.compatibility_level(subject)}

    @app.get("/mode")
    @app.get("/mode/{subject}")
    async def mode(subject: str = "") -> Json:
        return {"mode": "READONLY"}

    @app.put("/config")
    @app.put("/config/{subject}")
    @app.put("/mode")
    @app.put("/mode/{subject}")
    @app.delete("/config/{subject}")
    @app.delete("/mode/{subject}")
    @app.delete("/subjects/{subject}")
    @app.delete("/subjects/{subject}/versions/{version}")
    async def change() -> Json:
        raise read_only()

    @app.get("/v1/metadata/id")
    async def cluster() -> Json:
        return {"scope": {"path": [], "clusters": {"schema-registry-cluster": "footfall"}}}

    @app.get("/v1/metadata/version")
    async def version() -> Json:
        return {"version": CONTRACT_VERSION, "commitId": ""}

    @app.get("/asyncapi.json")
    async def asyncapi() -> Response:
        return JSONResponse(document(CONTRACT_VERSION))

    @app.get("/contexts")
    async def contexts() -> list[str]:
        return ["."]

    # Some clients look here first; after an empty list they take the subject of the topic.
    @app.get("/associations/resources/{namespace}/{name}")
    async def associations(namespace: str, name: str) -> list[str]:
        return []

    @app.get("/")
    @app.get("/healthz")
    @app.get("/readyz")
    async def root() -> Json:
        return {}

    @app.get("/metrics")
    async def prometheus() -> Response:
        return Response(exposition(metrics.REGISTRY), media_type=CONTENT_TYPE)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RegistryError)
    async def registry_error(_request: Request, error: RegistryError) -> Response:
        return _error(error.status, error.code, str(error))

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: HTTPException) -> Response:
        return _error(error.status_code, error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, _error_: RequestValidationError) -> Response:
        return _error(404, 40403, "Schema not found: an id is a whole number")


def _error(status: int, code: int, message: str) -> Response:
    return RegistryJson({"error_code": code, "message": message}, status_code=status)


def _entry(subject: str, version: int, schema: Schema) -> Json:
    return {
        "subject": subject,
        "id": schema.id,
        "version": version,
        "schema": schema.text,
        "guid": schema.guid,
    }


def _definition(body: bytes) -> Json:
    """The schema in a request, parsed by fastavro: equal schemas are equal whatever their layout."""
    try:
        return fastavro.parse_schema(json.loads(json.loads(body)["schema"]))
    except (ValueError, KeyError, TypeError, fastavro.schema.SchemaParseException) as error:
        raise RegistryError(422, 42201, f"Invalid schema: {error}") from error
