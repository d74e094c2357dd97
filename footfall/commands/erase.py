"""`footfall erase`: removes a user's data."""

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, get_args

import psycopg
import typer
from aiokafka import AIOKafkaProducer

from avro_schemas import topic
from avro_schemas.record_key import DIGITS, KEY_SIZE, user_key_of
from avro_schemas.schema import latest
from avro_schemas.wire.codec import decode_values, encode
from footfall import target
from footfall.commands.json_lines import JsonOption, print_json
from footfall.kafka import reader
from producer_api.privacy.hashes import Hasher
from service_kit.kafka.settings import KafkaSettings
from service_kit.moments import utc
from sinks import erasure
from sinks.connect import connect

Json = dict[str, Any]


def erase(
    user: Annotated[str | None, typer.Option(help="The user's id, as in sessions.")] = None,
    user_key: Annotated[str | None, typer.Option(help="Or the user key in hex, as in rows.")] = None,
    visitor: Annotated[
        str | None, typer.Option(metavar="KEY", help="Or a browser: its visitor key in hex, as in rows.")
    ] = None,
    session: Annotated[
        str | None, typer.Option(metavar="KEY", help="Or a session: its session key in hex, as in rows.")
    ] = None,
    reapply: Annotated[
        bool, typer.Option("--reapply", help="Apply all earlier requests again, after a restore of Postgres.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be removed, and change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove everything that somebody has sent so far from Postgres, and keep replays from bringing it back.

    Of a user this includes what the same browsers and sessions sent before they signed in. The request is also
    published to the topic `erasures`, for everyone who stores copies. What is sent later is not affected.

    Exit codes: 0 nothing of it is left in Postgres, 1 the request is invalid or nothing is running.

    Example: footfall erase --user 4711 --dry-run
    """
    named = [each for each in (user, user_key, visitor, session) if each is not None]
    if reapply and named:
        typer.echo("--reapply repeats every erasure so far: name nobody.", err=True)
        raise typer.Exit(target.INVALID_SETTINGS)
    if not reapply and len(named) != 1:
        typer.echo("Name one: --user ID, --user-key KEY, --visitor KEY or --session KEY.", err=True)
        raise typer.Exit(target.INVALID_SETTINGS)
    where = target.find()
    kafka, postgres = where.kafka(), where.postgres()
    if reapply:
        requests = asyncio.run(_earlier_requests(kafka))
    elif user is not None:
        requests = [_new_request("user", Hasher(where.secret("FOOTFALL_HASH_KEY")).user_key(user))]
    else:
        scopes: dict[erasure.Scope, str | None] = {"user": user_key, "visitor": visitor, "session": session}
        requests = [_new_request(scope, _key(key)) for scope, key in scopes.items() if key is not None]
    receipts = dict[str, Json]()
    with connect(postgres, "footfall-erase") as connection:
        for request in requests:
            # To the topic first: if the rest fails, --reapply finds the request there and finishes it.
            if not (dry_run or reapply):
                asyncio.run(_publish(kafka, [request]))
            applied = _apply(connection, kafka, request, dry_run) | {
                "places": _places(request, where.event_topics())
            }
            # The guests of a user have the receipt of the user, and come later.
            receipts.setdefault(applied["receipt"], applied).update(
                rows=applied["rows"], dead_letters=applied["dead_letters"]
            )
    if as_json:
        print_json(*receipts.values())
    else:
        for receipt in receipts.values():
            _show(receipt, dry_run)


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        typer.echo(f"{text} is not a key: that is {DIGITS} hex digits.", err=True)
        raise typer.Exit(target.INVALID_SETTINGS)
    return key


def _new_request(scope: erasure.Scope, key: bytes) -> Json:
    now = time.time_ns() // 1_000_000
    return {"user_key": key.hex(), "scope": scope, "requested_at": now, "receipt": f"erasure-{uuid.uuid4()}"}


async def _publish(kafka: KafkaSettings, requests: Sequence[Json]) -> None:
    """Publish requests, and tombstones for the rates of who is named."""
    async with AIOKafkaProducer(**kafka.client_options(), acks="all", enable_idempotence=True) as producer:
        for request in requests:
            key = request["user_key"].encode()
            # The topic is compacted: a request for a guest must not replace one for all events of a visitor.
            own_key = key + b"-guest" if request["scope"] == "guest" else key
            value = encode(latest()["erasure"], request)
            await producer.send_and_wait(kafka.name(topic.ERASURES), value, key=own_key)
            await producer.send_and_wait(kafka.name(topic.USER_RATES), None, key=key)


async def _earlier_requests(kafka: KafkaSettings) -> list[Json]:
    """The newest request for each key, from the topic."""
    async with reader.open_consumer(kafka, kafka.name(topic.ERASURES)) as consumer:
        end = await reader.end_offsets(consumer)
        await reader.seek_to_time(consumer, 0)
        values = [record.value async for record in reader.read_until(consumer, end)]
    # Others may write to the topic too: what is not a request is passed over, and logged.
    requests = [{"scope": "user", **request} for request in decode_values(values, "erasure")]
    requests.sort(key=lambda request: (request["requested_at"], request["scope"] == "guest"))
    newest = {(request["user_key"], request["scope"]): request for request in requests}
    for name, scope in list(newest):
        if user_key_of(name.encode()) is None or scope not in get_args(erasure.Scope):
            typer.echo(f"A request names no key but {name[:DIGITS]!r} ({scope[:20]!r}): it is left out.", err=True)
            del newest[name, scope]
    return list(newest.values())


def _apply(connection: psycopg.Connection, kafka: KafkaSettings, request: Json, dry_run: bool) -> Json:
    """Remove what the request covers, or only count it. Return the receipt."""
    key, scope = bytes.fromhex(request["user_key"]), request["scope"]
    receipt = request["receipt"] or f"erasure-of-{request['user_key']}"
    requested_at = utc(request["requested_at"])
    if dry_run:
        removed = erasure.count(connection, key, requested_at, scope)
    else:
        # Listed before anything is removed: from here on no replay can land such rows behind the removal.
        guests = erasure.request(connection, key, requested_at, receipt, scope)
        # For those who store copies: they cannot know which browsers the user had.
        published = [request | {"user_key": guest.hex(), "scope": "guest", "receipt": receipt} for guest in guests]
        asyncio.run(_publish(kafka, published))
        removed = erasure.remove(connection, receipt, requested_at)
    return {
        "receipt": receipt,
        "scope": scope,
        "user_key": request["user_key"],
        "requested_at": requested_at.isoformat(timespec="milliseconds"),
        "rows": removed.rows,
        "dead_letters": removed.dead_letters,
    }


def _places(request: Json, copied: Sequence[str]) -> Mapping[str, str]:
    """Where else copies are, and when they are gone, if the topics are configured as described."""
    requested_at = utc(request["requested_at"])
    ours = (topic.EVENTS, topic.EVENTS_REJECTED, topic.CORRECTIONS)
    topics = [*map(topic.named, ours), *map(topic.event_type_topic, copied)]
    places = {}
    for each in topics:
        # Kafka deletes only closed segments, and a segment is closed after `segment.ms`.
        max_age = int(each.config["retention.ms"]) + int(each.config.get("segment.ms", 0))
        places[f"topic {each.name}"] = (requested_at + timedelta(milliseconds=max_age)).isoformat(
            timespec="minutes"
        )
    if not copied:
        places["topics events-TYPE"] = "as topic events, if the stream app has FOOTFALL_EVENT_TOPICS"
    places["spools of collectors"] = "when Kafka has taken them; files *.damaged until you delete them"
    places["backups of Postgres"] = "until you delete them; after a restore run `footfall erase --reapply`"
    return places


def _show(receipt: Json, dry_run: bool) -> None:
    verb = "Would remove" if dry_run else "Removed"
    typer.echo(
        f"{verb} {receipt['rows']} rows and {receipt['dead_letters']} dead letters "
        f"of the {receipt['scope']} key {receipt['user_key']}."
    )
    if not dry_run:
        typer.echo(f"Receipt: {receipt['receipt']}")
        typer.echo("Copies that will not land again are in:")
        for place, until in receipt["places"].items():
            typer.echo(f"- {place}: until {until}" if until[:1].isdigit() else f"- {place}: {until}")
