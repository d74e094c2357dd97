"""Log lines are JSON objects; records of a noisy logger are suppressed and counted."""

import json
import logging
import sys

from service_kit.logs import JsonLines, RateLimit


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "aiokafka.client", "levelname": "WARNING", "msg": message})
    vars(made).update(extra)
    return made


def test_a_line_has_service_level_logger_and_extras() -> None:
    line = json.loads(JsonLines("sinks").format(record("unavailable", partition=3)))
    assert (
        line.items()
        >= {
            "level": "warning",
            "service": "sinks",
            "logger": "aiokafka.client",
            "message": "unavailable",
            "partition": 3,
        }.items()
    )


def test_records_of_a_noisy_logger_are_suppressed_and_counted() -> None:
    now = 0.0
    limit = RateLimit(max_records=2, interval_seconds=10.0, clock=lambda: now)
    assert [limit.filter(record("retry")) for _ in range(4)] == [True, True, False, False]
    now = 10.0
    after = record("back")
    assert limit.filter(after)
    assert json.loads(JsonLines("sinks").format(after))["suppressed"] == 2


def test_a_traceback_has_place_and_class_but_no_message_that_repeats_what_was_sent() -> None:
    sent = "ann@example.org"
    try:
        try:
            int(sent)
        except ValueError as error:
            raise RuntimeError(sent) from error
    except RuntimeError:
        broken = record("an event broke the intake", exc_info=sys.exc_info())
    logged = json.loads(JsonLines("sinks").format(broken))["exception"]
    assert sent not in logged
    assert logged.index("ValueError") < logged.index("RuntimeError")
    assert "int(sent)" in logged


def test_a_traceback_has_the_message_of_the_system() -> None:
    try:
        raise ConnectionRefusedError(111, "Connection refused")
    except OSError:
        broken = record("unavailable", exc_info=sys.exc_info())
    assert "Connection refused" in json.loads(JsonLines("sinks").format(broken))["exception"]
