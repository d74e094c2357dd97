"""Logs: one JSON object per line on standard error, never with a payload."""

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "suppressed"}


class JsonLines(logging.Formatter):
    """Time, level, logger and message, then whatever the caller passed as `extra`."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if suppressed := getattr(record, "suppressed", 0):
            line["suppressed"] = suppressed
        if record.exc_info:
            line["exception"] = _stack(record.exc_info[1])
        return json.dumps(line, default=str, ensure_ascii=False)


def _stack(error: BaseException | None) -> str:
    """The traceback and the class of the error; causes first.

    Messages may repeat what a client sent. They are left out, except those of the system and of the Kafka client.
    """
    if error is None:
        return ""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{_stack(cause)}\n" if cause else ""
    is_harmless = isinstance(error, OSError) or type(error).__module__.startswith("aiokafka")
    message = f": {error}" if is_harmless else ""
    return before + "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__ + message


class RateLimit(logging.Filter):
    """Passes `max_records` of each logger per interval. The next record that passes says how many were suppressed.

    Kafka clients log each attempt to reconnect: without brokers, 27,000 lines in 35 seconds were seen.
    """

    def __init__(
        self,
        max_records: int = 20,
        interval_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._max_records, self._interval_seconds, self._clock = max_records, interval_seconds, clock
        # Per logger: when its interval started, and the records since.
        self._intervals: dict[str, tuple[float, int]] = {}
        self._suppressed: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock()
        started, count = self._intervals.get(record.name, (now, 0))
        if now - started >= self._interval_seconds:
            started, count = now, 0
        self._intervals[record.name] = (started, count + 1)
        if count >= self._max_records:
            self._suppressed[record.name] = self._suppressed.get(record.name, 0) + 1
            return False
        record.suppressed = self._suppressed.pop(record.name, 0)
        return True


def configure(service: str, level: str = "INFO") -> None:
    """Send every log record of this process to standard error as a JSON line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    handler.addFilter(RateLimit())
    logging.basicConfig(level=level, handlers=[handler], force=True)
