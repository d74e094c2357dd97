"""What an answer of the collector means for the events of a request. Decisions only, no I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_WAIT_SECONDS = 3600.0
# For what only an operator can mend: a wrong key, a wrong URL.
MISCONFIGURED_SECONDS = 60.0
_MAX_BACKOFF_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why the collector rejected an event. The same for all events with the same fault."""

    event_type: str
    code: str
    pointer: str
    expected: str


@dataclass(slots=True)
class Verdict:
    """What to do with each event of a request, by its index, and with the request as a whole."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    # Events that may be sent again, and in how many seconds.
    again: dict[int, float] = field(default_factory=dict)
    # The request was answered as a whole: all of its events are sent again after `wait`, or given up.
    failed: bool = False
    give_up: bool = False
    # It may be too large, so it is sent again in halves.
    halve: bool = False
    # The events themselves may be the cause.
    unexplained: bool = False
    # Nothing is sent before so many seconds have passed. None: nobody said so; longer with each failure.
    wait: float | None = None
    # For the log.
    problem: str = ""


def judge(status: int, headers: Mapping[str, str], body: bytes, event_types: list[str]) -> Verdict:
    """The verdict on an answer to a request with events of these types."""
    answer = _json(body)
    results = answer.get("results")
    if status in (200, 400, 429, 503) and (each := _of_events(results, len(event_types))):
        return _each(each, event_types)
    wait = _seconds(headers.get("retry-after"))
    problem = f"HTTP {status}: {answer.get('message') or 'this is not an answer of a collector'}"
    if status in (429, 503) and wait is not None:
        return Verdict(failed=True, wait=wait, problem=problem)
    if status == 413:
        return Verdict(failed=True, halve=True, wait=0.0, problem=problem)
    if status in (400, 415, 422) and answer.get("errors"):
        return Verdict(failed=True, give_up=True, wait=0.0, problem=problem)
    if status in (401, 403, 404, 405) or 200 <= status < 400:
        return Verdict(failed=True, wait=MISCONFIGURED_SECONDS, problem=problem)
    return Verdict(failed=True, unexplained=True, problem=problem)


def unreachable(reason: str) -> Verdict:
    """The verdict if there was no answer. The events may have been stored: their ids will tell."""
    return Verdict(failed=True, problem=reason)


def backoff(failures: int, random: float) -> float:
    """Seconds to wait after so many failures in a row. `random`, 0 to 1, keeps processes apart."""
    return float(min(_MAX_BACKOFF_SECONDS, 0.5 * 2 ** min(failures, 10))) * (0.5 + random / 2)


def _each(results: list[dict[str, Any]], event_types: list[str]) -> Verdict:
    verdict = Verdict(wait=0.0)
    for index, result in enumerate(results):
        status = result.get("status")
        if status == "accepted":
            verdict.accepted += 1
        elif status == "duplicate":
            verdict.duplicates += 1
        elif status in ("limited", "retry"):
            verdict.again[index] = _seconds(result.get("retry_after")) or 1.0
        else:
            verdict.rejected += 1
            verdict.rejections.append(_rejection(event_types[index], result))
    return verdict


def _rejection(event_type: str, result: Mapping[str, Any]) -> Rejection:
    error = next(iter(result.get("errors") or ()), None) or {}
    code, pointer, expected = (str(error.get(name, "")) for name in ("code", "pointer", "expected"))
    return Rejection(event_type, code, pointer, expected or str(error.get("message", "")))


def _of_events(results: Any, events: int) -> list[dict[str, Any]]:
    """The results, if there is one for each event; else none."""
    objects = [each for each in results if isinstance(each, dict)] if isinstance(results, list) else []
    return objects if len(objects) == events == len(results) else []


def _json(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _seconds(value: Any) -> float | None:
    """The seconds of a Retry-After, which may also be a date: then a second is as good as any."""
    if value is None:
        return None
    try:
        return min(MAX_WAIT_SECONDS, max(0.0, float(value)))
    except (TypeError, ValueError):
        return 1.0
