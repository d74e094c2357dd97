"""Logs: one JSON object a line on standard error, never a payload."""

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
    """Where it happened, and of what class; causes first.

    Messages may repeat what a client sent: they are left out, but for those of the system and of Kafka.
    """
    if error is None:
        return ""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{_stack(cause)}\n" if cause else ""
    is_harmless = isinstance(error, OSError) or type(error).__module__.startswith("aiokafka")
    said = f": {error}" if is_harmless else ""
    return before + "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__ + said


class RateLimit(logging.Filter):
    """Let a logger say `most` things every `seconds`; the next one let through counts what was held back.

    Kafka clients log each try of a reconnect: 27,000 lines in 35 seconds were seen with the broker away.
    """

    def __init__(self, most: int = 20, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most, self._seconds, self._clock = most, seconds, clock
        self._windows: dict[str, tuple[float, int]] = {}
        self._held_back: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock()
        started, said = self._windows.get(record.name, (now, 0))
        if now - started >= self._seconds:
            started, said = now, 0
        self._windows[record.name] = (started, said + 1)
        if said >= self._most:
            self._held_back[record.name] = self._held_back.get(record.name, 0) + 1
            return False
        record.suppressed = self._held_back.pop(record.name, 0)
        return True


def configure(service: str, level: str = "INFO") -> None:
    """Send every log record of this process to standard error as a JSON line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    handler.addFilter(RateLimit())
    logging.basicConfig(level=level, handlers=[handler], force=True)
