"""The compatibility check: whether a schema could be the next version of a subject."""

from collections.abc import Iterable
from typing import Any

from avro.errors import AvroException

from avro_schemas.evolution import Problem, misread, unresolvable
from avro_schemas.schema import Definition, Schema
from registry.errors import invalid_schema


def record_name(new: Any) -> str | None:
    """The full name of a parsed schema if it is a record. Every schema of this registry is one."""
    return new["name"] if isinstance(new, dict) and new.get("type") == "record" else None


def incompatibilities(new: Any, compared: Iterable[tuple[int, Schema]]) -> list[str]:
    """Why a parsed schema could not be the next version, in sentences."""
    if not record_name(new):
        return ["the schema is not a record, and a value of every subject here is one"]
    try:
        return [
            f"version {number}: {problem.where}: {problem.what}"
            for number, schema in compared
            for problem in _both_ways(schema.definition, new)
        ]
    except (AvroException, RecursionError) as error:
        # Apache Avro's parser is stricter than fastavro's, for example about defaults.
        raise invalid_schema(error) from error


def _both_ways(old: Definition, new: Definition) -> list[Problem]:
    # fastavro writes full names, but Avro's rules expect name and namespace apart.
    return [*unresolvable(old, new), *unresolvable(new, old), *misread(_with_namespace(old), _with_namespace(new))]


def _with_namespace(definition: Definition) -> Definition:
    namespace, _, name = definition["name"].rpartition(".")
    return definition | {"name": name, "namespace": namespace} if namespace else definition
