"""`footfall erase`: removes a user's data."""

import asyncio
import json
import time
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import psycopg
import typer
from aiokafka import AIOKafkaProducer

from avro_schemas import topic
from avro_schemas.record_key import DIGITS, KEY_SIZE, user_key_of
from avro_schemas.schema import latest
from avro_schemas.wire.codec import decode_values, encode
from footfall import target
from footfall.kafka import reader
from producer_api.privacy.hashes import Hasher
from service_kit.kafka import KafkaSettings
from service_kit.moments import utc
from sinks import erasure

FAILED = 1

Json = dict[str, Any]


def erase(
    user: Annotated[str | None, typer.Option(help="The user's id, as in sessions.")] = None,
    user_key: Annotated[str | None, typer.Option(help="Or the user key in hex, as in rows.")] = None,
    reapply: Annotated[
        bool, typer.Option("--reapply", help="Apply all earlier requests again, after a restore of Postgres.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be removed, and change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipts as a JSON list.")] = False,
) -> None:
    """Remove everything that a user has sent so far from Postgres, and keep replays from bringing it back.

    The request is also published to the topic `erasures`, for everyone who stores copies. What the user sends
    later is not affected.

    Exit codes: 0 nothing of the user is left in Postgres, 1 the request is invalid or nothing is running.

    Example: footfall erase --user 4711 --dry-run
    """
    if reapply and (user or user_key):
        typer.echo("--reapply repeats every erasure so far: name no user.", err=True)
        raise typer.Exit(FAILED)
    where = target.find()
    kafka, dsn = where.kafka(), where.require("FOOTFALL_POSTGRES_DSN")
    requests = (
        asyncio.run(_earlier_requests(kafka)) if reapply else [_new_request(_user_key(user, user_key, where))]
    )
    receipts = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for request in requests:
            # To the topic first: if the rest fails, --reapply finds the request there and finishes it.
            if not (dry_run or reapply):
                asyncio.run(_publish(kafka, request))
            receipts.append(_apply(connection, request, dry_run))
    if as_json:
        typer.echo(json.dumps(receipts, indent=2))
    else:
        for receipt in receipts:
            _show(receipt, dry_run)


def _user_key(user: str | None, user_key: str | None, where: target.Target) -> bytes:
    if (user is None) == (user_key is None):
        typer.echo("Name the user, either by --user ID or by --user-key HEX.", err=True)
        raise typer.Exit(FAILED)
    if user is not None:
        return Hasher(where.secret("FOOTFALL_HASH_KEY")).user_key(user)
    try:
        key = bytes.fromhex(user_key or "")
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        typer.echo(f"{user_key} is not a user key: that is {DIGITS} hex digits.", err=True)
        raise typer.Exit(FAILED)
    return key


def _new_request(user_key: bytes) -> Json:
    now = time.time_ns() // 1_000_000
    return {"user_key": user_key.hex(), "requested_at": now, "receipt": f"erasure-{uuid.uuid4()}"}


async def _publish(kafka: KafkaSettings, request: Json) -> None:
    """Publish the request, and a tombstone for the user's rate."""
    async with AIOKafkaProducer(**kafka.client_options(), acks="all", enable_idempotence=True) as producer:
        value, key = encode(latest()["erasure"], request), request["user_key"].encode()
        await producer.send_and_wait(kafka.name(topic.ERASURES), value, key=key)
        await producer.send_and_wait(kafka.name(topic.USER_RATES), None, key=key)


async def _earlier_requests(kafka: KafkaSettings) -> list[Json]:
    """The newest request for each user, from the topic."""
    async with reader.open_consumer(kafka, kafka.name(topic.ERASURES)) as consumer:
        end = await reader.end_offsets(consumer)
        await reader.seek_to_time(consumer, 0)
        values = [record.value async for record in reader.read_until(consumer, end)]
    # Others may write to the topic too: what is not a request is passed over, and logged.
    requests = list(decode_values(values, "erasure"))
    requests.sort(key=lambda request: request["requested_at"])
    newest = {request["user_key"]: request for request in requests}
    for name in [name for name in newest if user_key_of(name.encode()) is None]:
        typer.echo(f"A request names no user key but {name[:DIGITS]!r}: it is left out.", err=True)
        del newest[name]
    return list(newest.values())


def _apply(connection: psycopg.Connection, request: Json, dry_run: bool) -> Json:
    """Remove what the request covers, or only count it. Return the receipt."""
    user_key = bytes.fromhex(request["user_key"])
    receipt = request["receipt"] or f"erasure-of-{request['user_key']}"
    requested_at = utc(request["requested_at"])
    if dry_run:
        removed = erasure.count(connection, user_key, requested_at)
    else:
        # Listed before anything is removed: from here on no replay can land rows of this user behind the removal.
        erasure.request(connection, user_key, requested_at, receipt)
        removed = erasure.remove(connection, user_key, requested_at, receipt)
    return {
        "receipt": receipt,
        "user_key": request["user_key"],
        "requested_at": requested_at.isoformat(timespec="milliseconds"),
        "rows": removed.rows,
        "dead_letters": removed.dead_letters,
        "deleted_from_kafka_by": _deleted_from_kafka_by(requested_at),
    }


def _deleted_from_kafka_by(requested_at: datetime) -> Mapping[str, str]:
    """When Kafka will have deleted its copies, by topic, if the topics are configured as described."""
    deleted_by = {}
    for name in (topic.EVENTS, topic.EVENTS_REJECTED):
        config = topic.named(name).config
        # Kafka deletes only closed segments, and a segment is closed after `segment.ms`.
        max_age = int(config["retention.ms"]) + int(config.get("segment.ms", 0))
        deleted_by[name] = (requested_at + timedelta(milliseconds=max_age)).isoformat(timespec="minutes")
    return deleted_by


def _show(receipt: Json, dry_run: bool) -> None:
    verb = "Would remove" if dry_run else "Removed"
    typer.echo(
        f"{verb} {receipt['rows']} rows and {receipt['dead_letters']} dead letters "
        f"of the user key {receipt['user_key']}."
    )
    if not dry_run:
        typer.echo(f"Receipt: {receipt['receipt']}")
        for name, moment in receipt["deleted_from_kafka_by"].items():
            typer.echo(f"Kafka deletes the copies in {name} by {moment}. They will not land again.")
