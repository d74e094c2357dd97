"""What the collector says: one shape for a single event, one for a list, one for every fault."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from avro_schemas.reasons import REASONS
from avro_schemas.validation.faults import Fault
from producer_api.errors import Refused, status_of
from producer_api.limits.admission import Admission

Status = Literal["accepted", "duplicate", "rejected", "limited", "retry"]
Json = dict[str, Any]

RECORDED = "Event recorded successfully"
VALID = "The event is valid; nothing was recorded"
ERRORS_PAGE = "/api/analytics/errors"
# How soon to come back when Kafka is away; clients add their own jitter.
RETRY_SECONDS = 2

_TAKEN = ("accepted", "duplicate")
_SINGLE_STATUS = {"accepted": 200, "duplicate": 200, "rejected": 400, "limited": 429, "retry": 503}
# The most hopeful class names the status of a list of which nothing was taken.
_HOPE: tuple[Status, ...] = ("retry", "limited", "rejected")


@dataclass(slots=True)
class Result:
    """What became of one event; `retry_after` in seconds."""

    status: Status
    event_id: str | None = None
    faults: tuple[Fault, ...] = ()
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status, JSON body, and seconds to wait, where waiting helps."""

    status: int
    body: Json
    retry_after: int | None = None


def for_single(result: Result, *, recorded: bool = True) -> Answer:
    """The answer to a single event, as the first users know it; `recorded` is false for a dry run."""
    body: Json = {"success": result.status in _TAKEN, "event_id": result.event_id}
    if result.status in _TAKEN:
        return Answer(200, body | {"message": RECORDED if recorded else VALID})
    body["message"] = _summary(result.faults)
    body["errors"] = [_error(fault) for fault in result.faults]
    return Answer(_SINGLE_STATUS[result.status], body, result.retry_after)


def for_list(results: Sequence[Result], *, recorded: bool = True) -> Answer:
    """The answer to a list: a result an event, in the order sent."""
    taken = sum(result.status in _TAKEN for result in results)
    waits = [result.retry_after for result in results if result.retry_after is not None]
    outcome = "recorded" if recorded else "valid; nothing was recorded"
    body: Json = {
        "success": taken == len(results),
        "message": f"{taken} of {len(results)} events {outcome}",
        "results": [_entry(index, result) for index, result in enumerate(results)],
    }
    return Answer(_status_of_list(results, taken), body, max(waits, default=None))


def for_refused(refused: Refused) -> Answer:
    """The answer to a request that was refused as a whole."""
    body = {"success": False, "message": _summary((refused.fault,)), "errors": [_error(refused.fault)]}
    return Answer(status_of(refused.fault.code), body, refused.retry_after)


def limited(event_id: str | None, admission: Admission) -> Result:
    """The result of an event over the limit."""
    seconds, limit = admission.retry_after, f"at most {admission.limit} events a minute from one {admission.name}"
    fault = Fault("rate_limited", "", f"{limit}; wait {seconds} s and send the same id")
    return Result("limited", event_id, (fault,), seconds)


def in_doubt(event_id: str) -> Result:
    """The result of an event that Kafka did not acknowledge in time; it may still arrive."""
    fault = Fault("unavailable", "", "to be sent again with the same id")
    return Result("retry", event_id, (fault,), RETRY_SECONDS)


def _status_of_list(results: Sequence[Result], taken: int) -> int:
    if taken:
        return 200
    statuses = {result.status for result in results}
    return _SINGLE_STATUS[next(status for status in _HOPE if status in statuses)]


def _entry(index: int, result: Result) -> Json:
    entry: Json = {"index": index, "event_id": result.event_id, "status": result.status}
    if result.faults:
        entry["errors"] = [_error(fault) for fault in result.faults]
    if result.retry_after is not None:
        entry["retry_after"] = result.retry_after
    return entry


def _error(fault: Fault) -> Json:
    return {
        "code": fault.code,
        "pointer": fault.pointer,
        "message": REASONS[fault.code],
        "expected": fault.expected,
        "got": fault.got,
        "docs": f"{ERRORS_PAGE}#{fault.code}",
    }


def _summary(faults: Sequence[Fault]) -> str:
    first = faults[0]
    where = f"{first.pointer}: " if first.pointer else ""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    end = "" if first.expected.endswith("?") else "."
    return f"{where}{REASONS[first.code]} Expected: {first.expected}{end}{more}"
