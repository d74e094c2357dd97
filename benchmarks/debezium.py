"""Debezium's JDBC sink on standalone Kafka Connect, from Maven Central, for comparison in `benchmarks.sink`."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo

from footfall.local import jars, java
from footfall.local.settings import cache_folder

_BUNDLE = jars.Bundle(
    "debezium-jdbc",
    "3.3.1",
    "org.apache.kafka:connect-runtime:4.1.0+io.debezium:debezium-connector-jdbc:3.3.1.Final+org.slf4j:slf4j-simple:1.7.36",
    megabytes=60,
)
_BATCH = 5000
KEYS = ("user_key", "visitor_key", "session_key")
TEXTS = ("page", "route", "country", "language", "screen", "release", "hostname")
_FIELDS = {
    "event_id": "string",
    "occurred_at": "int64",
    "received_at": "int64",
    "event_type": "int16",
    "schema_id": "int32",
    "device": "int32",
    "time_flag": "int16",
    **dict.fromkeys(KEYS, "bytes"),
    **dict.fromkeys(TEXTS, "string"),
    "event_data": "string",
}
_SCHEMA = {
    "type": "struct",
    "fields": [{"field": name, "type": kind, "optional": name != "event_id"} for name, kind in _FIELDS.items()],
}
# Like `raw_events`, with the columns that the events have and the same key, in the types that the connector writes; not
# partitioned.
_TYPES = {"string": "text", "int64": "bigint", "int32": "integer", "int16": "smallint", "bytes": "bytea"}
_TABLE = "create table debezium_events ({}, primary key (event_id))".format(
    ", ".join(f"{name} {_TYPES[kind]}" for name, kind in _FIELDS.items())
)


def message(values: dict[str, Any]) -> bytes:
    """A row as Kafka Connect's JSON converter expects it, with its schema."""
    return json.dumps({"schema": _SCHEMA, "payload": values}).encode()


def create_table(dsn: str) -> None:
    """Create the table that the connector writes to."""
    with psycopg.connect(dsn) as connection:
        connection.execute("drop table if exists debezium_events")
        connection.execute(_TABLE.encode())


@contextmanager
def connector(folder: Path, bootstrap: str, topic: str, dsn: str) -> Iterator[int]:
    """Run the connector, and yield its process id. It upserts by key: a second copy of an event must not fail."""
    parts = conninfo.conninfo_to_dict(dsn)
    worker = {
        "bootstrap.servers": bootstrap,
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "offset.storage.file.filename": str(folder / "connect.offsets"),
        "plugin.discovery": "only_scan",
        "listeners": "http://127.0.0.1:0",
        "consumer.auto.offset.reset": "earliest",
        "consumer.max.poll.records": str(_BATCH),
        "consumer.max.partition.fetch.bytes": "8388608",
    }
    sink = {
        "name": "debezium",
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "topics": topic,
        "tasks.max": "1",
        "connection.url": f"jdbc:postgresql://{parts['host']}:{parts['port']}/{parts['dbname']}?reWriteBatchedInserts=true",
        "connection.username": str(parts["user"]),
        "connection.password": "none",
        "insert.mode": "upsert",
        "primary.key.mode": "record_value",
        "primary.key.fields": "event_id",
        "collection.name.format": "debezium_events",
        "schema.evolution": "none",
        "batch.size": str(_BATCH),
    }
    files = [_properties(folder / "worker.properties", worker), _properties(folder / "sink.properties", sink)]
    run = [str(java.find()), "-cp", jars.class_path(cache_folder(), print, _BUNDLE), "-Xmx1g"]
    run += [
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "org.apache.kafka.connect.cli.ConnectStandalone",
        *files,
    ]
    with (folder / "connect.log").open("wb") as log:
        process = subprocess.Popen(run, stdout=log, stderr=log, env=dict(os.environ))
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)


def _properties(path: Path, values: dict[str, str]) -> str:
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return str(path)
