"""The bodies of responses: one form for a single event, one for a list, one for every fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from avro_schemas.reasons import REASONS
from avro_schemas.validation.fault import Fault
from producer_api.errors import RETRY_SECONDS, RequestRejected, status_of
from producer_api.limits.admission import Admission

Outcome = Literal["accepted", "duplicate", "rejected", "limited", "retry"]
Json = dict[str, Any]

RECORDED = "Event recorded successfully"
VALID = "The event is valid; nothing was recorded"
ERRORS_PAGE = "/api/analytics/errors"

# Of the events of a list together, besides the first fault of each.
MAX_FURTHER_FAULTS = 200
_MAX_EXPECTED_LENGTH = 500

_SUCCESSFUL = ("accepted", "duplicate")
# Of a rejected event, its first fault has the status.
_SINGLE_STATUS = {"accepted": 200, "duplicate": 200, "limited": 429, "retry": 503}
# If no event of a list succeeded, the first outcome of these that occurred decides the status: sooner or later it
# can be sent again with success.
_STATUS_ORDER: tuple[Outcome, ...] = ("retry", "limited", "rejected")
_LIMITED_BY: Mapping[str, str] = {"user": "user", "ip": "IP address", "backend": "backend"}


@dataclass(slots=True)
class Result:
    """The outcome of one event. `retry_after` is in seconds, `hint` is for the sender of an accepted event."""

    status: Outcome
    event_id: str | None = None
    faults: tuple[Fault, ...] = ()
    retry_after: int | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status, JSON body, and seconds to wait, where waiting helps."""

    status: int
    body: Json
    retry_after: int | None = None


def for_single(result: Result, *, recorded: bool = True) -> Answer:
    """The answer to a single event. `recorded` is false for a dry run."""
    body: Json = {"success": result.status in _SUCCESSFUL, "event_id": result.event_id}
    if result.status in _SUCCESSFUL:
        body["message"] = RECORDED if recorded else VALID
        return Answer(200, body | ({"hint": result.hint} if result.hint else {}))
    body["message"] = _summary(result.faults)
    body["errors"] = [_error(fault) for fault in result.faults]
    return Answer(_status(result), body, result.retry_after)


def for_list(results: Sequence[Result], *, recorded: bool = True) -> Answer:
    """The answer to a list: one result per event, in the order sent."""
    successful = sum(result.status in _SUCCESSFUL for result in results)
    waits = [result.retry_after for result in results if result.retry_after is not None]
    outcome = "recorded" if recorded else "valid; nothing was recorded"
    body: Json = {
        "success": successful == len(results),
        "message": f"{successful} of {len(results)} events {outcome}",
        "results": _entries(results),
    }
    return Answer(200 if successful else _failed_status(results), body, max(waits, default=None))


def for_rejected_request(rejected: RequestRejected) -> Answer:
    """The answer to a request that was rejected as a whole."""
    body = {
        "success": False,
        "message": _summary(rejected.faults),
        "errors": [_error(fault) for fault in rejected.faults],
    }
    return Answer(status_of(rejected.fault.code), body, rejected.retry_after)


def limited(event_id: str | None, admission: Admission) -> Result:
    """The result of an event over the limit."""
    seconds = admission.retry_after
    limit = f"at most {admission.limit} events per minute from one {_LIMITED_BY[admission.name]}"
    fault = Fault("rate_limited", "", f"{limit}; wait {seconds} s and send the same id")
    return Result("limited", event_id, (fault,), seconds)


def over_bytes(limited_by: str, max_bytes: int, seconds: int) -> RequestRejected:
    """The rejection of a request of a sender that has sent too many bytes, before the request is read."""
    limit = f"at most {max_bytes} bytes per minute from one {_LIMITED_BY[limited_by]}"
    return RequestRejected("rate_limited", f"{limit}; wait {seconds} s and send the same ids", retry_after=seconds)


def not_published(event_id: str, fault: Fault | None) -> Result:
    """The result of an event that Kafka takes in no batch, or did not acknowledge in time: it may still arrive."""
    if fault:
        return Result("rejected", event_id, (fault,))
    return Result("retry", event_id, (Fault("unavailable", "", ""),), RETRY_SECONDS)


def too_large(max_bytes: int, needed: int) -> Fault:
    """What is wrong with an event that the topic takes in no batch. Only the operator can change that."""
    expected = (
        f"at most {max_bytes} bytes as a record, or max.message.bytes of the topic events set to {needed} or more"
    )
    return Fault("topic_limit", "", expected, f"{needed} bytes")


def _failed_status(results: Sequence[Result]) -> int:
    outcomes = {result.status for result in results}
    first = next(outcome for outcome in _STATUS_ORDER if outcome in outcomes)
    return _status(next(result for result in results if result.status == first))


def _status(result: Result) -> int:
    return status_of(result.faults[0].code) if result.status == "rejected" else _SINGLE_STATUS[result.status]


def _entries(results: Sequence[Result]) -> list[Json]:
    """Every result with its first fault, and with all others until there are too many; the rest is counted."""
    entries, left = list[Json](), MAX_FURTHER_FAULTS
    for index, result in enumerate(results):
        shown = result.faults[: 1 + left]
        left -= max(0, len(shown) - 1)
        entries.append(_entry(index, result, shown))
    return entries


def _entry(index: int, result: Result, shown: Sequence[Fault]) -> Json:
    entry: Json = {"index": index, "event_id": result.event_id, "status": result.status}
    if shown:
        entry["errors"] = [_error(fault) for fault in shown]
    if len(shown) < len(result.faults):
        entry["more_errors"] = len(result.faults) - len(shown)
    if result.hint:
        entry["hint"] = result.hint
    if result.retry_after is not None:
        entry["retry_after"] = result.retry_after
    return entry


def _error(fault: Fault) -> Json:
    return {
        "code": fault.code,
        "pointer": fault.pointer,
        "message": REASONS[fault.code],
        "expected": _cut(fault.expected),
        "got": fault.got,
        "docs": f"{ERRORS_PAGE}#{fault.code}",
    }


def _cut(text: str) -> str:
    """A list of all names that an installation has can be long."""
    return text if len(text) <= _MAX_EXPECTED_LENGTH else text[: _MAX_EXPECTED_LENGTH - 1] + "…"


def _summary(faults: Sequence[Fault]) -> str:
    first = faults[0]
    pointer = f"{first.pointer}: " if first.pointer else ""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{pointer}{REASONS[first.code]}{_expectation(_cut(first.expected))}{more}"


def _expectation(expected: str) -> str:
    if expected.endswith("?"):
        return f" {expected[0].upper()}{expected[1:]}"
    return f" Expected: {expected}." if expected else ""
