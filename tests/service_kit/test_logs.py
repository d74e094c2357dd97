"""Log lines are JSON objects, and a noisy logger is held back and counted."""

import json
import logging

from service_kit.logs import JsonLines, RateLimit


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "aiokafka.client", "levelname": "WARNING", "msg": message})
    vars(made).update(extra)
    return made


def test_a_line_tells_service_level_logger_and_extras() -> None:
    line = json.loads(JsonLines("sinks").format(record("away", partition=3)))
    assert (
        line.items()
        >= {
            "level": "warning",
            "service": "sinks",
            "logger": "aiokafka.client",
            "message": "away",
            "partition": 3,
        }.items()
    )


def test_a_noisy_logger_is_held_back_and_what_was_held_back_is_counted() -> None:
    now = 0.0
    limit = RateLimit(most=2, seconds=10.0, clock=lambda: now)
    assert [limit.filter(record("retry")) for _ in range(4)] == [True, True, False, False]
    now = 10.0
    after = record("back")
    assert limit.filter(after)
    assert json.loads(JsonLines("sinks").format(after))["suppressed"] == 2
