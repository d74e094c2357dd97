"""Log lines are JSON objects, and a noisy logger is held back and counted."""

import json
import logging
import sys

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
    limit = RateLimit(max_records=2, interval_seconds=10.0, clock=lambda: now)
    assert [limit.filter(record("retry")) for _ in range(4)] == [True, True, False, False]
    now = 10.0
    after = record("back")
    assert limit.filter(after)
    assert json.loads(JsonLines("sinks").format(after))["suppressed"] == 2


def test_a_stack_tells_where_and_of_what_class_but_not_what_was_sent() -> None:
    sent = "ann@example.org"
    try:
        try:
            int(sent)
        except ValueError as error:
            raise RuntimeError(sent) from error
    except RuntimeError:
        broken = record("an event broke the intake", exc_info=sys.exc_info())
    said = json.loads(JsonLines("sinks").format(broken))["exception"]
    assert sent not in said
    assert said.index("ValueError") < said.index("RuntimeError")
    assert "int(sent)" in said


def test_the_system_s_own_words_stay_in_a_stack() -> None:
    try:
        raise ConnectionRefusedError(111, "Connection refused")
    except OSError:
        broken = record("away", exc_info=sys.exc_info())
    assert "Connection refused" in json.loads(JsonLines("sinks").format(broken))["exception"]
