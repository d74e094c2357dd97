"""The OpenAPI document of the registry: the paths as FastAPI knows them, with what goes in and comes out.

The answers are plain dictionaries, as Confluent's registry gives them, so their schemas are written here.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

Json = dict[str, Any]


def operation_id(route: APIRoute) -> str:
    """The id of an operation: the name of its function, as `subjectsOf`."""
    first, *words = route.name.split("_")
    return first + "".join(word.capitalize() for word in words)


def document(app: FastAPI, media_type: str, public_url: str = "") -> Json:
    """The whole document. Without a URL, paths are relative to where it is served, which may be below a prefix."""
    made = get_openapi(title=app.title, version=app.version, routes=app.routes)
    made["info"]["description"] = "The read side of the Confluent Schema Registry API. Its schemas are in git."
    made["servers"] = [
        {"url": f"{public_url}/registry", "description": "This installation."}
        if public_url
        else {"url": ".", "description": "Where this document is served."}
    ]
    made["components"] = {"schemas": _SCHEMAS}
    for path_item in made["paths"].values():
        for operation in path_item.values():
            _describe(operation, media_type)
    return made


def _describe(operation: Json, media_type: str) -> None:
    name = operation["operationId"]
    media = "application/json" if name == "asyncapi" else media_type
    answer = {"description": "As Confluent's registry answers.", "content": {media: {"schema": _ANSWERS[name]}}}
    error = {"description": "What is wrong.", "content": {media_type: {"schema": _reference("Error")}}}
    # FastAPI's own 422 never occurs: the application turns it into an error of the registry.
    operation["responses"] = {"200": answer, "default": error}
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _without_null(parameter["schema"])


def _without_null(schema: Json) -> Json:
    """A parameter has no null: it is absent."""
    if "anyOf" not in schema:
        return schema
    (present,) = [branch for branch in schema["anyOf"] if branch != {"type": "null"}]
    return {"title": schema["title"], **present}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(description: str, properties: Json, optional: tuple[str, ...] = ()) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "properties": properties, "required": required}


def _list_of(items: Json) -> Json:
    return {"type": "array", "items": items}


_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer"}
_AVRO_TEXT: Json = {"type": "string", "description": "The schema in Avro: JSON as text."}
_GUID: Json = {"type": "string", "description": "Names a schema by its content."}
_ID: Json = {"type": "integer", "description": "The id in front of every record, in bytes 1 to 4."}
_AVRO: Json = {"type": "object", "description": "A schema in Avro."}
_SCHEMAS: Json = {
    "Error": _object("An error.", {"error_code": _NUMBER, "message": _TEXT}),
    "Definition": _object(
        "A schema to look up or to compare.",
        {
            "schema": _AVRO_TEXT,
            "schemaType": {"type": "string", "enum": ["AVRO"]},
            "references": {"type": "array", "items": {"type": "object"}, "maxItems": 0},
        },
        optional=("schemaType", "references"),
    ),
    "SchemaVersion": _object(
        "A schema as a version of a subject.",
        {"subject": _TEXT, "id": _ID, "version": _NUMBER, "schema": _AVRO_TEXT, "guid": _GUID},
    ),
    "SchemaOfId": _object(
        "A schema by its id.",
        {"schema": _AVRO_TEXT, "guid": _GUID, "maxId": {"type": "integer", "description": "The highest id."}},
        optional=("maxId",),
    ),
    "SchemaOfGuid": _object("A schema by its guid.", {"schema": _AVRO_TEXT, "id": _ID, "guid": _GUID}),
    "SchemaId": _object("The id of a schema.", {"id": _ID}),
    "ContextId": _object("An id in a context.", {"context": _TEXT, "id": _ID}),
    "SubjectVersion": _object("Where a schema is.", {"subject": _TEXT, "version": _NUMBER}),
    "Compatibility": _object(
        "Whether a schema is compatible.",
        {"is_compatible": {"type": "boolean"}, "messages": _list_of(_TEXT)},
        optional=("messages",),
    ),
    "Config": _object("What versions must be compatible with.", {"compatibilityLevel": _TEXT}),
    "Mode": _object("Whether schemas can be registered.", {"mode": _TEXT}),
    "ClusterId": _object("The cluster.", {"scope": {"type": "object"}}),
    "Version": _object("The version of the contract.", {"version": _TEXT, "commitId": _TEXT}),
}
_ANSWERS: Json = {
    "allSchemas": _list_of(_reference("SchemaVersion")),
    "types": _list_of(_TEXT),
    "schema": _reference("SchemaOfId"),
    "schemaText": _AVRO,
    "subjectsOf": _list_of(_TEXT),
    "versionsOf": _list_of(_reference("SubjectVersion")),
    "byGuid": _reference("SchemaOfGuid"),
    "idsOfGuid": _list_of(_reference("ContextId")),
    "allSubjects": _list_of(_TEXT),
    "versions": _list_of(_NUMBER),
    "oneVersion": _reference("SchemaVersion"),
    "versionText": _AVRO,
    "referencedBy": _list_of(_NUMBER),
    "latestWithMetadata": _reference("SchemaVersion"),
    "lookup": _reference("SchemaVersion"),
    "register": _reference("SchemaId"),
    "compatibility": _reference("Compatibility"),
    "compatibilityWithAll": _reference("Compatibility"),
    "config": _reference("Config"),
    "globalConfig": _reference("Config"),
    "mode": _reference("Mode"),
    "globalMode": _reference("Mode"),
    "cluster": _reference("ClusterId"),
    "version": _reference("Version"),
    "asyncapi": {"type": "object", "description": "An AsyncAPI document."},
    "contexts": _list_of(_TEXT),
    "associations": _list_of(_TEXT),
    "associationsOfSubject": _list_of(_TEXT),
}
