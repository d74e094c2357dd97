"""The read side of the Confluent Schema Registry API, from the schemas in git: no storage, no leader.

Every schema has one id and several subjects: its record name and, if a topic carries it, the topic's name and both
names. So a client finds it whatever its naming strategy.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from avro_schemas.schema import Schema
from registry import metrics, openapi
from registry.asyncapi import document
from registry.catalogue import add_catalogue
from registry.compatibility import incompatibilities, record_name
from registry.contexts import split
from registry.errors import RegistryError, read_only, schema_not_found
from registry.installation import Installation, installation
from registry.lenient import MEDIA_TYPE, LenientRequests
from registry.requests import BODY_DESCRIPTION, Flag, definition, page
from registry.settings import Settings
from registry.subjects import Subjects
from service_kit.metrics import CONTENT_TYPE, exposition
from service_kit.request_metrics import RequestMetrics

# Of the contract as a whole. The first number changes when subscribers must change.
CONTRACT_VERSION = "1.0.0"
DEFAULTS = Settings()
_IMMUTABLE = {"cache-control": "public, max-age=31536000, immutable"}

# Every request that would change something, with its methods.
_WRITES = {
    "/subjects/{subject}": ["DELETE"],
    "/subjects/{subject}/versions/{version}": ["DELETE"],
    "/config": ["PUT", "DELETE"],
    "/config/{subject}": ["PUT", "DELETE"],
    "/mode": ["PUT", "DELETE"],
    "/mode/{subject}": ["PUT", "DELETE"],
    "/contexts/{context}": ["DELETE"],
    "/associations": ["POST", "PUT"],
    "/associations:batch": ["POST"],
    "/associations/resources/{resource}": ["DELETE"],
}

Json = Any
# A parameter of the name that Confluent's registry has.
Deleted = Annotated[Flag, Query(description="Accepted, and without effect: nothing is ever deleted.")]
DeletedOnly = Annotated[Flag, Query(alias="deletedOnly", description="True: an empty list.")]
Prefix = Annotated[str, Query(alias="subjectPrefix", description="May begin with a context, as `:.:`.")]
DefaultToGlobal = Annotated[Flag, Query(alias="defaultToGlobal")]
Normalize = Annotated[Flag, Query(description="Accepted, and without effect: schemas are compared by meaning.")]


class RegistryJson(JSONResponse):
    """JSON with the media type that registry clients expect."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        # Escaped, as a message can quote text of a client that UTF-8 cannot carry.
        return json.dumps(content, separators=(",", ":")).encode()


def build_app(settings: Settings = DEFAULTS) -> FastAPI:
    """The application. It loads all schemas before it serves, as clients cache a 404."""
    here = installation(settings)
    subjects = Subjects(here.topics.values())
    app = FastAPI(
        title="footfall schema registry",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        default_response_class=RegistryJson,
        generate_unique_id_function=openapi.operation_id,
    )
    app.add_middleware(RequestMetrics, requests=metrics.REQUESTS, seconds=metrics.REQUEST_SECONDS)
    app.add_middleware(LenientRequests)
    _add_schemas(app, subjects)
    _add_ids(app, subjects)
    _add_subjects(app, subjects)
    _add_lookups(app, subjects)
    _add_settings(app, subjects)
    _add_writes(app)
    _add_fixed_responses(app, here)
    add_catalogue(app, here)
    _add_errors(app)
    described = openapi.document(app, MEDIA_TYPE, here.public_url)
    app.openapi = lambda: described  # type: ignore[method-assign] # as FastAPI documents it
    return app


def _add_schemas(app: FastAPI, subjects: Subjects) -> None:
    @app.get("/schemas")
    async def all_schemas(
        prefix: Prefix = "",
        deleted: Deleted = False,
        latest_only: Annotated[Flag, Query(alias="latestOnly")] = False,
        rule_type: Annotated[list[str] | None, Query(alias="ruleType", description="No schema has rules.")] = None,
        offset: int = 0,
        limit: int = -1,
    ) -> list[Json]:
        listed = [] if rule_type else subjects.entries(prefix, latest_only=latest_only)
        return [_entry(*entry) for entry in page(listed, offset, limit)]

    @app.get("/schemas/types")
    async def types() -> list[str]:
        return ["AVRO"]

    @app.get("/schemas/guids/{guid}")
    async def by_guid(guid: str) -> Json:
        found = subjects.by_guid(guid)
        return {"schema": found.text, "id": found.id, "guid": found.guid}

    @app.get("/schemas/guids/{guid}/ids")
    async def ids_of_guid(guid: str) -> list[Json]:
        return [{"context": ".", "id": subjects.by_guid(guid).id}]


def _add_ids(app: FastAPI, subjects: Subjects) -> None:
    @app.get("/schemas/ids/{schema_id}")
    async def schema(
        schema_id: int, subject: str = "", fetch_max_id: Annotated[Flag, Query(alias="fetchMaxId")] = False
    ) -> Response:
        found = subjects.schema(schema_id, subject)
        content = {"schema": found.text, "guid": found.guid}
        if fetch_max_id:
            return RegistryJson(content | {"maxId": subjects.max_id()})
        return RegistryJson(content, headers=_IMMUTABLE)

    @app.get("/schemas/ids/{schema_id}/schema")
    async def schema_text(schema_id: int, subject: str = "") -> Response:
        return Response(subjects.schema(schema_id, subject).text, media_type=MEDIA_TYPE, headers=_IMMUTABLE)

    @app.get("/schemas/ids/{schema_id}/subjects")
    async def subjects_of(
        schema_id: int, subject: str = "", deleted: Deleted = False, offset: int = 0, limit: int = -1
    ) -> list[str]:
        held = subjects.holding(subjects.schema(schema_id, subject))
        return [name for name, _version in page(held, offset, limit)]

    @app.get("/schemas/ids/{schema_id}/versions")
    async def versions_of(
        schema_id: int, subject: str = "", deleted: Deleted = False, offset: int = 0, limit: int = -1
    ) -> list[Json]:
        held = subjects.holding(subjects.schema(schema_id, subject))
        return [{"subject": name, "version": version} for name, version in page(held, offset, limit)]


def _add_subjects(app: FastAPI, subjects: Subjects) -> None:
    @app.get("/subjects")
    async def all_subjects(
        prefix: Prefix = "",
        deleted: Deleted = False,
        deleted_only: DeletedOnly = False,
        offset: int = 0,
        limit: int = -1,
    ) -> list[str]:
        return page([] if deleted_only else subjects.names(prefix), offset, limit)

    @app.get("/subjects/{subject}/versions")
    async def versions(
        subject: str,
        deleted: Deleted = False,
        deleted_only: DeletedOnly = False,
        offset: int = 0,
        limit: int = -1,
    ) -> list[int]:
        numbers = list(range(1, len(subjects.of(subject)) + 1))
        return page([] if deleted_only else numbers, offset, limit)

    @app.get("/subjects/{subject}/versions/{version}")
    async def one_version(subject: str, version: str, deleted: Deleted = False) -> Json:
        number, schema = subjects.version(subject, version)
        return _entry(subject, number, schema)

    @app.get("/subjects/{subject}/versions/{version}/schema")
    async def version_text(subject: str, version: str, deleted: Deleted = False) -> Response:
        return Response(subjects.version(subject, version)[1].text, media_type=MEDIA_TYPE)

    @app.get("/subjects/{subject}/versions/{version}/referencedby")
    async def referenced_by(subject: str, version: str, deleted: Deleted = False) -> list[int]:
        subjects.version(subject, version)
        return []

    @app.get("/subjects/{subject}/metadata")
    async def latest_with_metadata(subject: str, key: Annotated[list[str] | None, Query()] = None) -> Json:
        number, schema = subjects.version(subject, "latest")
        if key:
            # No schema has metadata.
            raise schema_not_found()
        return _entry(subject, number, schema)


def _add_lookups(app: FastAPI, subjects: Subjects) -> None:
    @app.post("/subjects/{subject}", openapi_extra=BODY_DESCRIPTION)
    async def lookup(
        subject: str, request: Request, normalize: Normalize = False, deleted: Deleted = False
    ) -> Json:
        number, schema = subjects.find(subject, await definition(request))
        return _entry(subject, number, schema)

    @app.post("/subjects/{subject}/versions", openapi_extra=BODY_DESCRIPTION)
    async def register(subject: str, request: Request, normalize: Normalize = False) -> Json:
        try:
            _number, schema = subjects.find(subject, await definition(request))
        except RegistryError as error:
            if error.status != 404:
                raise
            raise read_only() from error
        return {"id": schema.id}

    @app.post("/compatibility/subjects/{subject}/versions", openapi_extra=BODY_DESCRIPTION)
    async def compatibility_with_all(
        subject: str, request: Request, verbose: Flag = False, normalize: Normalize = False
    ) -> Json:
        return await _check(subject, "", request, verbose=verbose)

    @app.post("/compatibility/subjects/{subject}/versions/{version}", openapi_extra=BODY_DESCRIPTION)
    async def compatibility(
        subject: str, version: str, request: Request, verbose: Flag = False, normalize: Normalize = False
    ) -> Json:
        return await _check(subject, version, request, verbose=verbose)

    async def _check(subject: str, version: str, request: Request, *, verbose: bool) -> Json:
        new = await definition(request)
        compared = subjects.compared(subject, version, record_name(new))
        # In a thread, as a large schema takes long, and other requests go on meanwhile.
        messages = await run_in_threadpool(incompatibilities, new, compared)
        return {"is_compatible": not messages} | ({"messages": messages} if verbose else {})


def _add_settings(app: FastAPI, subjects: Subjects) -> None:
    @app.get("/config")
    async def global_config(default_to_global: DefaultToGlobal = False) -> Json:
        return {"compatibilityLevel": subjects.compatibility_level("", default_to_global=True)}

    @app.get("/config/{subject}")
    async def config(subject: str, default_to_global: DefaultToGlobal = False) -> Json:
        level = subjects.compatibility_level(subject, default_to_global=default_to_global)
        return {"compatibilityLevel": level}

    @app.get("/mode")
    async def global_mode(default_to_global: DefaultToGlobal = False) -> Json:
        return {"mode": subjects.mode("", default_to_global=True)}

    @app.get("/mode/{subject}")
    async def mode(subject: str, default_to_global: DefaultToGlobal = False) -> Json:
        return {"mode": subjects.mode(subject, default_to_global=default_to_global)}


def _add_writes(app: FastAPI) -> None:
    async def change() -> Json:
        raise read_only()

    for path, methods in _WRITES.items():
        app.add_api_route(path, change, methods=methods, include_in_schema=False)


def _add_fixed_responses(app: FastAPI, here: Installation) -> None:
    @app.get("/v1/metadata/id")
    async def cluster() -> Json:
        return {"scope": {"path": [], "clusters": {"schema-registry-cluster": "footfall"}}}

    @app.get("/v1/metadata/version")
    async def version() -> Json:
        return {"version": CONTRACT_VERSION, "commitId": ""}

    @app.get("/asyncapi.json")
    async def asyncapi(request: Request) -> Response:
        url = here.registry_url(request.url.scheme, request.headers.get("host", ""))
        return JSONResponse(document(CONTRACT_VERSION, here, url))

    @app.get("/contexts")
    async def contexts(offset: int = 0, limit: int = -1) -> list[str]:
        return page(["."], offset, limit)

    # Some clients look here first; after an empty list they take the subject of the topic.
    @app.get("/associations/resources/{namespace}/{name}")
    async def associations(namespace: str, name: str) -> list[str]:
        return []

    @app.get("/associations/subjects/{subject}")
    async def associations_of_subject(subject: str) -> list[str]:
        return []

    @app.get("/", include_in_schema=False)
    @app.get("/healthz", include_in_schema=False)
    @app.get("/readyz", include_in_schema=False)
    async def root() -> Json:
        return {}

    @app.get("/metrics", include_in_schema=False)
    async def prometheus() -> Response:
        return Response(exposition(metrics.REGISTRY), media_type=CONTENT_TYPE)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RegistryError)
    async def registry_error(_request: Request, error: RegistryError) -> Response:
        return _error(error.status, error.code, str(error))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        message = str(error.detail)
        if error.status_code == 405:
            message = f"{request.method} is not allowed on {request.url.path}. This registry is read-only."
        return _error(error.status_code, error.status_code, message, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        where, name = error.errors()[0]["loc"][:2]
        if where == "path":
            return _error(404, 40403, "Schema not found: an id is a whole number")
        return _error(400, 400, f"The parameter {name} must be a whole number.")

    # Clients try again after a 5xx, and need a code to say so.
    @app.exception_handler(Exception)
    async def fault(_request: Request, _error_: Exception) -> Response:
        return _error(500, 50001, "Error in the registry. Its log has the reason.")


def _error(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return RegistryJson({"error_code": code, "message": message}, status_code=status, headers=headers)


def _entry(subject: str, version: int, schema: Schema) -> Json:
    return {
        "subject": split(subject)[1],
        "id": schema.id,
        "version": version,
        "schema": schema.text,
        "guid": schema.guid,
    }
