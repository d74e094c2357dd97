"""`footfall erase`: forget a user."""

import asyncio
import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import psycopg
import typer
from aiokafka import AIOKafkaProducer

from avro_schemas import topic
from avro_schemas.schema import latest
from avro_schemas.wire.codec import decode, encode
from footfall import target
from footfall.kafka import reader
from producer_api.privacy.hashes import KEY_SIZE, Hasher
from service_kit.kafka import KafkaSettings
from sinks import erasure

FAILED = 1

Json = dict[str, Any]


def erase(
    user: Annotated[str | None, typer.Option(help="The user's id, as sessions name it.")] = None,
    user_key: Annotated[str | None, typer.Option(help="Instead: the user key in hex, as rows have it.")] = None,
    again: Annotated[bool, typer.Option("--again", help="All so far: after a restore of Postgres.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
) -> None:
    """Remove all that a user sent so far, from Postgres, and see to it that replays do not bring it back.

    The request goes to the topic `erasures` too, for all who keep copies. What the user sends later is kept.
    Exit codes: 0 nothing of the user is left in Postgres, 1 it is not done.

    Example: footfall erase --user 4711 --dry-run
    """
    where = target.find()
    kafka, dsn = where.kafka(), where.require("FOOTFALL_POSTGRES_DSN")
    requests = asyncio.run(_requests(kafka)) if again else [_new_request(_key(user, user_key, where))]
    receipts = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for request in requests:
            if not (dry_run or again):
                asyncio.run(_publish(kafka, request))
            receipts.append(_erased(connection, request, dry_run))
    if as_json:
        typer.echo(json.dumps(receipts, indent=2))
    else:
        for receipt in receipts:
            _show(receipt, dry_run)


def _key(user: str | None, user_key: str | None, where: target.Target) -> bytes:
    if (user is None) == (user_key is None):
        typer.echo("Name the user: --user ID, or --user-key HEX.", err=True)
        raise typer.Exit(FAILED)
    if user is not None:
        return Hasher(where.secret("FOOTFALL_HASH_KEY")).user_key(user)
    try:
        key = bytes.fromhex(user_key or "")
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        typer.echo(f"{user_key} is no user key: it must be {2 * KEY_SIZE} hex digits.", err=True)
        raise typer.Exit(FAILED)
    return key


def _new_request(user_key: bytes) -> Json:
    now = time.time_ns() // 1_000_000
    return {"user_key": user_key, "requested_at": now, "receipt": f"erasure-{uuid.uuid4()}"}


async def _publish(kafka: KafkaSettings, request: Json) -> None:
    """Tell everybody who keeps copies, and take the user's rate off the compacted topic."""
    async with AIOKafkaProducer(**kafka.client_options(), acks="all", enable_idempotence=True) as producer:
        value = encode(latest()["erasure"], request)
        await producer.send_and_wait(kafka.name(topic.ERASURES), value, key=request["user_key"])
        await producer.send_and_wait(kafka.name(topic.USER_RATES), None, key=request["user_key"])


async def _requests(kafka: KafkaSettings) -> list[Json]:
    """The newest request for each user, from the topic."""
    async with reader.open_consumer(kafka, kafka.name(topic.ERASURES)) as consumer:
        end = await reader.end_offsets(consumer)
        await reader.seek_to_time(consumer, 0)
        found = {
            record.key: decode(record.value)[1]
            async for record in reader.read_until(consumer, end)
            if record.value
        }
    return list(found.values())


def _erased(connection: psycopg.Connection, request: Json, dry_run: bool) -> Json:
    user_key, receipt = request["user_key"], request["receipt"] or f"erasure-of-{request['user_key'].hex()}"
    requested_at = datetime.fromtimestamp(request["requested_at"] / 1000, UTC)
    if dry_run:
        removed = erasure.count(connection, user_key, requested_at)
    else:
        erasure.request(connection, user_key, requested_at, receipt)
        removed = erasure.remove(connection, user_key, requested_at, receipt)
    return {
        "receipt": receipt,
        "user_key": user_key.hex(),
        "requested_at": requested_at.isoformat(timespec="milliseconds"),
        "rows": removed.rows,
        "dead_letters": removed.dead_letters,
        "kafka_keeps_until": _kept_until(requested_at),
    }


def _kept_until(requested_at: datetime) -> Mapping[str, str]:
    """When the copies in Kafka are gone at the latest, by topic, where the topics are as described."""
    kept = {}
    for name in (topic.EVENTS, topic.EVENTS_REJECTED):
        config = topic.named(name).config
        # Only a closed segment is removed.
        age = int(config["retention.ms"]) + int(config.get("segment.ms", 0))
        kept[name] = (requested_at + timedelta(milliseconds=age)).isoformat(timespec="minutes")
    return kept


def _show(receipt: Json, dry_run: bool) -> None:
    would = "Would be removed" if dry_run else "Removed"
    typer.echo(
        f"{would}: {receipt['rows']} rows and {receipt['dead_letters']} dead letters of {receipt['user_key']}"
    )
    if not dry_run:
        typer.echo(f"Receipt: {receipt['receipt']}")
        for name, until in receipt["kafka_keeps_until"].items():
            typer.echo(f"Copies in the Kafka topic {name} are gone by {until}; they do not land again.")
