"""The compatibility check: whether a schema could be the next version of a subject."""

from collections.abc import Iterable

from avro_schemas.evolution import Problem, misread, unresolvable
from avro_schemas.schema import Definition, Schema


def incompatibilities(new: Definition, held: Iterable[tuple[int, Schema]]) -> list[str]:
    """Why it could not, in sentences. In a subject of several records only those of the same name are compared."""
    versions = list(held)
    same_name = [(number, schema) for number, schema in versions if schema.subject == new.get("name")]
    has_several_records = len({schema.subject for _number, schema in versions}) > 1
    compared = same_name if same_name or has_several_records else versions
    return [
        f"version {number}: {problem.where}: {problem.what}"
        for number, schema in compared
        for problem in _both_ways(schema.definition, new)
    ]


def _both_ways(old: Definition, new: Definition) -> list[Problem]:
    # fastavro writes full names, but Avro's rules expect name and namespace apart.
    return [*unresolvable(old, new), *unresolvable(new, old), *misread(_with_namespace(old), _with_namespace(new))]


def _with_namespace(definition: Definition) -> Definition:
    namespace, _, name = definition["name"].rpartition(".")
    return definition | {"name": name, "namespace": namespace} if namespace else definition
