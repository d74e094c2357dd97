"""What the clients' own ids say about events: which are new, which repeat one that is known. No I/O."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from avro_schemas.validation.fault import Fault
from producer_api.intake.answers import Result
from producer_api.intake.event import client_event_id
from producer_api.intake.recent_ids import RecentIds, content_hash

_CONFLICT = Fault("event_id_conflict", "/event_id", "a new id for another event")


class ClientIds(NamedTuple):
    """What the ids say about the events that a request has of one sender, each named by its index among them."""

    # The valid id that the client sent with each event, if any.
    sent: list[str | None]
    # Events that are neither duplicates nor conflicts. Only they count for the rate limits.
    new: list[int]
    # The results of acknowledged duplicates and of conflicts.
    results: dict[int, Result]
    # Repetitions within the request, and the first event of the same id and content, whose result they share.
    repeated: dict[int, int]
    # Where each id came first, and the hash of its content.
    first: dict[str, tuple[int, int]]


def check_ids(events: Sequence[Any], limit_key: bytes | None, recent: RecentIds) -> ClientIds:
    """Find the events that repeat one of this request, or one that was acknowledged before."""
    sent = [client_event_id(raw) for raw in events]
    new: list[int] = []
    results: dict[int, Result] = {}
    repeated: dict[int, int] = {}
    first: dict[str, tuple[int, int]] = {}
    for index, event_id in enumerate(sent):
        if event_id is None:
            new.append(index)
            continue
        content = content_hash(events[index])
        first_index, first_content = first.setdefault(event_id, (index, content))
        check = recent.check(limit_key, event_id, content)
        if content != first_content or check == "conflict":
            results[index] = Result("rejected", event_id, (_CONFLICT,))
        elif check == "duplicate":
            results[index] = Result("duplicate", event_id)
        elif first_index != index:
            repeated[index] = first_index
        else:
            new.append(index)
    return ClientIds(sent, new, results, repeated, first)


def in_order(known: dict[int, Result], ids: ClientIds) -> list[Result]:
    """All results in the order of the events. Repetitions get the result of their first event."""
    for index, first in ids.repeated.items():
        result = known[first]
        known[index] = replace(result, status="duplicate") if result.status == "accepted" else result
    return [known[index] for index in range(len(ids.sent))]
