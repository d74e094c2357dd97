"""SQL engines have one schema per topic: the samples' columns must fit the records of every event type.

What the engines themselves make of them is tested by `make sql` (tests/system/test_sql_engines.py).
"""

import io
import re
from pathlib import Path
from typing import Any

import fastavro
import pytest

from avro_schemas.schema import CUSTOM, latest, typed_events
from avro_schemas.wire.codec import PREFIX_SIZE
from tests.support.events import encoded, event

SAMPLES = Path(__file__).parents[2] / "registry" / "samples"
EVENTS = (*typed_events(), CUSTOM)
# Avro types as the two dialects call them.
FLINK = {"STRING": "string", "BOOLEAN": "boolean", "INT": "int", "DOUBLE": "double", "TIMESTAMP(3)": "long"}
CLICKHOUSE = {
    "String": "string",
    "Bool": "boolean",
    "Float64": "double",
    "DateTime64(3, 'UTC')": "long",
}

Columns = dict[str, str]


def flink_columns() -> Columns:
    """Path and Avro type of each column of the sample."""
    sql = (SAMPLES / "flink" / "events.sql").read_text()
    (table,) = re.findall(r"CREATE TEMPORARY TABLE events \((.+?)\) WITH", sql, re.DOTALL)
    records = re.findall(r"(\w+) ROW<(.+?)>", table, re.DOTALL)
    nested = {f"{record}.{name}": kind for record, fields in records for name, kind in _flink(fields)}
    flat = dict(_flink(re.sub(r"\w+ ROW<[^>]+>|.+ METADATA VIRTUAL", "", table)))
    return {path: FLINK[kind] for path, kind in (nested | flat).items()}


def _flink(columns: str) -> list[tuple[str, str]]:
    return re.findall(r"`?(\w+)`? (STRING|BOOLEAN|INT|DOUBLE|TIMESTAMP\(3\))", columns)


def clickhouse_columns() -> Columns:
    sample = (SAMPLES / "clickhouse" / "events.py").read_text()
    (listed,) = re.findall(r'COLUMNS = """(.+?)"""', sample, re.DOTALL)
    lines = [line.strip().rstrip(",") for line in listed.strip().splitlines()]
    pairs = [re.sub(r"`|Nullable\((\w+)\)", r"\1", line).split(" ", 1) for line in lines]
    return {path: CLICKHOUSE[kind] for path, kind in pairs}


def contract_columns() -> Columns:
    """Path and Avro type of every field of every event type."""
    columns = dict[str, str]()
    for name in EVENTS:
        for path, kind in _fields(latest()[name].definition, ""):
            assert columns.setdefault(path, kind) == kind, f"{name}: {path}"
    return columns


def _fields(record: Any, above: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for field in record["fields"]:
        kind = field["type"]
        if isinstance(kind, list):
            (kind,) = [branch for branch in kind if branch != "null"]
        if isinstance(kind, dict) and kind["type"] == "record":
            found += _fields(kind, f"{above}{field['name']}.")
        else:
            found.append((above + field["name"], kind["type"] if isinstance(kind, dict) else kind))
    return found


@pytest.mark.parametrize("columns", [flink_columns(), clickhouse_columns()], ids=["flink", "clickhouse"])
def test_every_column_of_a_sample_is_a_field_of_the_contract_with_its_type(columns: Columns) -> None:
    assert len(columns) > 10
    assert columns.items() <= contract_columns().items()


def reader_schema(columns: Columns, written: Any) -> Any:
    """The schema with which Flink reads a table: every column optional, null by default.

    Records have the names of those that were written; Flink does not compare them.
    """
    nested: dict[str, Any] = {}
    for path, kind in columns.items():
        above, _, name = path.rpartition(".")
        (nested.setdefault(above, {}) if above else nested)[name] = kind
    return _record(nested, written)


def _record(columns: dict[str, Any], written: Any) -> Any:
    types = {field["name"]: field["type"] for field in written["fields"]}
    fields = [
        {
            "name": name,
            "default": None,
            "type": ["null", _record(kind, types[name]) if isinstance(kind, dict) else kind],
        }
        for name, kind in columns.items()
    ]
    return {"type": "record", "name": written["name"], "namespace": "footfall", "fields": fields}


@pytest.mark.parametrize("columns", [flink_columns(), clickhouse_columns()], ids=["flink", "clickhouse"])
@pytest.mark.parametrize("name", EVENTS)
def test_one_reader_schema_reads_every_event_type(name: str, columns: Columns) -> None:
    example = latest()[name].example()
    value = encoded(event(example["event_type"], event_data=_stored(example["event_data"])))
    writer = latest()[name].definition
    read: Any = fastavro.schemaless_reader(
        io.BytesIO(value[PREFIX_SIZE:]),
        fastavro.parse_schema(writer),
        fastavro.parse_schema(reader_schema(columns, writer)),
    )
    assert read["event_type"] == example["event_type"]
    assert read["event_data"]["properties"].startswith("{")
    own = example["event_data"].keys() & read["event_data"].keys() - {"properties"}
    assert {field: read["event_data"][field] for field in own} == {f: example["event_data"][f] for f in own}


def _stored(event_data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event_data.items() if name != "user_agent"}
