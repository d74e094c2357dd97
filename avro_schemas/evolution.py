"""Whether subscribers keep working when a schema gets another version: full and transitive compatibility.

Apache Avro's own checker finds what a reader cannot resolve. It misses what readers resolve to the wrong value:
changed logical types, and bytes that become text. Those are found here. So is what a schema must not hold, as
subscribers' tools could not read it.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import avro.errors
import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaIncompatibilityType

from avro_schemas.contract import Definition, is_event

_ADD_A_FIELD = "add another field and continue to fill this one; a new meaning is a new event type"
# What the events of the topic may hold: types, and logical types of long and string.
_PLAIN = ("string", "int", "long", "double", "boolean", "null", "timestamp-millis", "json")
_INSTEAD = {
    SchemaIncompatibilityType.name_mismatch: "keep the name; a record of another name is another event type",
    SchemaIncompatibilityType.reader_field_missing_default_value: (
        'give the field a default, such as {"type": ["null", …], "default": null}; never remove one without'
    ),
    SchemaIncompatibilityType.type_mismatch: _ADD_A_FIELD,
    SchemaIncompatibilityType.missing_union_branch: _ADD_A_FIELD,
    SchemaIncompatibilityType.fixed_size_mismatch: _ADD_A_FIELD,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A change that readers of another version do not survive: where, what, and what to do instead."""

    where: str
    what: str
    instead: str


@dataclass(frozen=True, slots=True)
class BreakingChange:
    """A reader with one version would fail on values that are written with the other, or misread them."""

    reader: int
    writer: int
    problem: Problem

    def describe(self) -> str:
        """A sentence for the author of the change."""
        if self.reader < self.writer:
            broken = f"Subscribers that read with version {self.reader} would break on version {self.writer}"
        else:
            broken = f"Readers with version {self.reader} would break on values of version {self.writer}"
        return f"{broken}: {self.problem.where}: {self.problem.what}. Instead: {self.problem.instead}."


def breaking_changes(versions: Mapping[int, Definition]) -> list[BreakingChange]:
    """Every pair of versions of a record, both ways."""
    found = []
    for old, new in combinations(sorted(versions), 2):
        for reader, writer in ((old, new), (new, old)):
            unreadable = unresolvable(versions[reader], versions[writer])
            found += [BreakingChange(reader, writer, problem) for problem in unreadable]
        found += [BreakingChange(old, new, problem) for problem in misread(versions[old], versions[new])]
    return found


def parse(definition: Definition) -> avro.schema.Schema:
    """The schema as Apache Avro reads it. Raise AvroException, ValueError or KeyError if it is not valid."""
    with warnings.catch_warnings():
        # The library does not know the logical type json, and reads the text, as it should.
        warnings.simplefilter("ignore", avro.errors.IgnoredLogicalType)
        return avro.schema.parse(json.dumps(definition))


def unresolvable(reader: Definition, writer: Definition) -> list[Problem]:
    """What Avro's schema resolution does not allow."""
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call] # its __init__ has no types
    result = checker.get_compatibility(parse(reader), parse(writer))
    where = ", ".join(sorted(result.locations))
    kinds = result.incompatibilities
    instead = dict.fromkeys(_INSTEAD.get(kind, _ADD_A_FIELD) for kind in kinds)
    if not kinds:
        return []
    what = ", ".join(str(kind.value).replace("_", " ") for kind in kinds)
    return [Problem(where, f"{what} ({'; '.join(sorted(map(str, result.messages)))})", "; ".join(instead))]


def misread(old: Definition, new: Definition) -> list[Problem]:
    """What readers resolve to another value without noticing."""
    found = []
    if old.get("namespace") != new.get("namespace"):
        found.append(Problem("/", "the namespace changed", "keep it"))
    before, after = dict(_leaves(old, "")), dict(_leaves(new, ""))
    for where in before.keys() & after.keys():
        found += list(_changes(where, before[where], after[where]))
    return sorted(found, key=lambda problem: problem.where)


def lint(definition: Definition) -> list[str]:
    """What a schema lacks to be extended later, and what tools could not read, in sentences."""
    found = [fault for where, node in _nodes(definition, "") for fault in _faults(where, node)]
    return [*found, *_event_faults(definition)] if is_event(definition) else found


def _event_faults(definition: Definition) -> Iterator[str]:
    """SQL engines read plain types only, and all event types of a topic with one table."""
    for where, kind in _kinds(definition, ""):
        if kind not in _PLAIN:
            yield f"{where} is of type {kind}: events have nothing but {', '.join(_PLAIN)}, each may be null."
        if (kind == "json") != (where == "/event_data/properties"):
            yield f"{where}: properties, and nothing else, is a JSON text."
    match definition["fields"][-1]["type"]:
        case {"type": "record", "fields": [*_, {"name": "properties"}]}:
            return
    yield "/event_data must be a record whose last field is properties."


def _kinds(node: Any, where: str) -> Iterator[tuple[str, str]]:
    """The type, or the logical type, of every field that is not a record, with its path."""
    match node:
        case str():
            yield where, node
        case list():
            for branch in node:
                yield from _kinds(branch, where)
        case {"type": "record", "fields": fields}:
            for field in fields:
                yield from _kinds(field["type"], f"{where}/{field['name']}")
        case {"logicalType": kind} | {"type": kind}:
            yield where, kind


def _changes(where: str, old: Definition, new: Definition) -> Iterator[Problem]:
    if old.get("logicalType") != new.get("logicalType"):
        what = f"the logical type changed from {old.get('logicalType')} to {new.get('logicalType')}"
        yield Problem(where, what, _ADD_A_FIELD)
    if {old["type"], new["type"]} == {"bytes", "string"}:
        yield Problem(where, f"{old['type']} became {new['type']}", _ADD_A_FIELD)


def _leaves(node: Any, where: str) -> Iterator[tuple[str, Definition]]:
    """Every type that is not a record, map or list of others, by its path of field names."""
    match node:
        case str():
            yield where, {"type": node}
        case list():
            for branch in node:
                yield from _leaves(branch, _branch(where, branch, is_optional=len(node) == 2))
        case {"type": "record", "fields": fields}:
            for field in fields:
                yield from _leaves(field["type"], f"{where}/{field['name']}")
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            yield from _leaves(inner, f"{where}[]")
        case {"type": str()}:
            yield where, node


def _branch(where: str, branch: Any, *, is_optional: bool) -> str:
    """The path of a branch of a union; the path of an optional value is that of its field."""
    if is_optional and branch != "null":
        return where
    return f"{where}|{branch if isinstance(branch, str) else branch.get('name', branch['type'])}"


def _nodes(node: Any, where: str) -> Iterator[tuple[str, Definition]]:
    if isinstance(node, dict):
        here = f"{where}/{node['name']}" if "name" in node else where
        yield here, node
        for value in node.values():
            yield from _nodes(value, here)
    elif isinstance(node, list):
        for item in node:
            yield from _nodes(item, where)


def _faults(where: str, node: Definition) -> Iterator[str]:
    if "name" in node and not node.get("doc"):
        yield f"{where} has no doc: say what it means in a sentence."
    if node.get("type") == "enum":
        yield f"{where} is an enum, which SQL engines cannot read: use a string, and list its values in the doc."
    if "aliases" in node:
        yield f"{where} has aliases: subscribers with an older version do not know them."
    if isinstance(node.get("type"), list) and "name" in node:
        if node["type"][0] != "null":
            yield f'{where} is a union that does not begin with "null".'
        elif len(node["type"]) != 2:
            yield f"{where} is a union of more than null and one other type, which SQL engines cannot read."
        elif node.get("default", ...) is not None:
            yield f'{where} may be null and has no "default": null.'
