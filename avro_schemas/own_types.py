"""A team's own event types: what they must look like with the shipped ones, and the names that are taken. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastavro.validation import validate

from avro_schemas.contract import (
    CUSTOM_EVENTS,
    NAME,
    Contract,
    Definition,
    Field,
    is_event,
    lines,
    subject_of,
)
from avro_schemas.view_names import MAX_LENGTH, RELATIONS, TOPICS, view_name

FIELD_TYPES = ("string", "int", "long", "double", "boolean")
# Every event type has these in its `event_data`; the collector takes the first one out.
RESERVED_FIELDS = ("user_agent", "properties")
# Names that generated types have besides those of the records.
_TAKEN_RECORDS = (
    "Common",
    "CustomEvent",
    "Event",
    "EventHead",
    "EventRecord",
    "Events",
    "Literal",
    "Properties",
    "TypedDict",
)


def own_type_faults(own: Contract, shipped: Contract) -> list[str]:
    """What readers of the shipped contract could not bear of another one. Its schemas are valid Avro."""
    found = [*_name_faults(own, shipped), *_record_faults(own, shipped)]
    for name, versions in own.schemas.items():
        unlike = [
            fault for version in versions for fault in _shape_faults(name, version, versions[version], shipped)
        ]
        found += unlike or _example_faults(name, max(versions), versions, own.examples)
    return found


def event_data_of(definition: Definition) -> list[Field]:
    """The fields of `event_data` of an event, but for `properties`."""
    kind = definition["fields"][-1]["type"]
    fields = kind.get("fields", []) if isinstance(kind, dict) else []
    return [field for field in fields if field["name"] != "properties"]


def plain_type(kind: Any) -> str:
    """The type of a field without null, as text."""
    branches = [branch for branch in kind if branch != "null"] if isinstance(kind, list) else [kind]
    return " or ".join(branch if isinstance(branch, str) else json.dumps(branch) for branch in branches)


def name_fault(name: str, existing: Iterable[str]) -> str | None:
    """Why an event type cannot have this name with these others, in a sentence; None if it can."""
    view, others = view_name(name), set(existing)
    if name in others:
        return f'{name}: there is an event type "{name}" already. Take another name, such as shop_{name}.'
    if not NAME.fullmatch(name) or len(view) > MAX_LENGTH:
        return f"{name}: use lower case letters, digits and single underscores, {MAX_LENGTH - 1} at most."
    if view in RELATIONS:
        return f"{name}: its view in Postgres would be {view}, and footfall has a table or view of this name."
    if taken := [other for other in others if view_name(other) == view]:
        return f"{name}: its view in Postgres would be {view}, and that is the view of {taken[0]}."
    if name in TOPICS:
        return f"{name}: its topic would be events-{name}, and footfall has another topic of this name."
    return None


def _name_faults(own: Contract, shipped: Contract) -> Iterator[str]:
    existing = {*shipped.schemas, *shipped.custom_events}
    for name in own.custom_events.keys() & own.schemas.keys():
        yield f"{name}: it has a schema and is in {CUSTOM_EVENTS} too. Remove one of them."
    for name in {**own.schemas, **own.custom_events}:
        if fault := name_fault(name, existing):
            yield fault
        existing.add(name)


def _record_faults(own: Contract, shipped: Contract) -> Iterator[str]:
    """Subjects and names of records that are taken: generated models have one class for each record."""
    taken = dict.fromkeys(_TAKEN_RECORDS, "the file of generated types")
    taken |= {record: name for name, versions in shipped.schemas.items() for record in _records(versions)}
    footfalls = {subject for subject, _version, _schema_id in lines(shipped.lock)}
    used = {subject_of(each) for versions in own.schemas.values() for each in versions.values()} | own.lock.keys()
    for subject in sorted(used & footfalls):
        yield f"{subject} is a subject of footfall. Take another namespace or name for the record."
    for name, versions in own.schemas.items():
        for record in sorted(_records(versions)):
            if taken.setdefault(record, name) != name:
                yield f"{name}: {taken[record]} has a record {record} already. Take another name for the record."


def _records(versions: Mapping[int, Definition]) -> set[str]:
    """The names of the records of an event type, without those of the head."""
    found = set()
    for definition in versions.values():
        kind = definition["fields"][-1]["type"]
        found |= {definition["name"], *([kind["name"]] if isinstance(kind, dict) and "name" in kind else [])}
    return found


def _shape_faults(name: str, version: int, definition: Definition, shipped: Contract) -> Iterator[str]:
    where = f"{name}.v{version}"
    if not is_event(definition):
        yield f"{where}: only event types can be added: the last field must be event_data."
        return
    events = [d for versions in shipped.schemas.values() for d in versions.values() if is_event(d)]
    if definition["fields"][:-1] not in [event["fields"][:-1] for event in events]:
        yield (
            f"{where}: the fields before event_data must be those of footfall's events. Make it with "
            "`footfall types new`."
        )
    kind = definition["fields"][-1]["type"]
    *fields, last = kind.get("fields") or [{}] if isinstance(kind, dict) else [{}]
    if last not in [event["fields"][-1]["type"]["fields"][-1] for event in events if _has_properties(event)]:
        yield f'{where}: the last field of event_data must be "properties", as in footfall\'s events.'
    for field in fields:
        if not NAME.fullmatch(field["name"]) or field["name"] in RESERVED_FIELDS:
            yield f"{where}: {field['name']} cannot name a field: use lower case letters, digits and underscores."
        if field["type"] not in (*FIELD_TYPES, *(["null", each] for each in FIELD_TYPES)):
            yield f"{where}: {field['name']} must be {', '.join(FIELD_TYPES)}, or a union of null and one of them."


def _has_properties(event: Definition) -> bool:
    kind = event["fields"][-1]["type"]
    return isinstance(kind, dict) and kind.get("fields", [{}])[-1].get("name") == "properties"


def _example_faults(
    name: str, newest: int, versions: Mapping[int, Definition], examples: Mapping[str, str]
) -> Iterator[str]:
    where = f"examples/{name}.v{newest}.json"
    try:
        example = json.loads(examples[f"{name}.v{newest}"])
    except KeyError:
        yield f"{where} is missing: an event of this type, as a client posts it."
        return
    except ValueError as error:
        yield f"{where} is not JSON: {error}."
        return
    match example:
        case {"event_type": str(event_type), "event_data": dict(data)} if event_type == name:
            yield from _data_faults(where, versions[newest], data)
        case _:
            yield f'{where} must be an object with "event_type": "{name}" and "event_data".'


def _data_faults(where: str, definition: Definition, data: Mapping[str, Any]) -> Iterator[str]:
    fields = {field["name"]: field for field in event_data_of(definition)}
    for unknown in sorted(data.keys() - fields.keys() - set(RESERVED_FIELDS)):
        yield f"{where}: event_data has no field {unknown}."
    for name, field in fields.items():
        if name not in data and "default" not in field:
            yield f"{where}: {name} is missing in event_data."
        elif name in data and not validate(data[name], field["type"], raise_errors=False):
            yield f"{where}: {name} must be {plain_type(field['type'])}."
