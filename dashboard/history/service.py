"""Asks Postgres what a question wants to know: all in one moment of the database, and kept for a minute."""

import logging
from collections import OrderedDict
from datetime import timedelta
from typing import Any

import psycopg

from dashboard.history import result
from dashboard.history.query import Question
from dashboard.history.result import Answer, Found
from dashboard.render.web_vitals import METRICS
from dashboard.sql import Database, queries

log = logging.getLogger(__name__)

# The page shows fewer; the exports have them all.
_MAX_ROWS = 100
_MAX_CACHED = 64


class Unanswered(Exception):
    """Postgres did not answer; the message says why, in words for the reader."""


class History:
    """Answers questions. The same question in the same minute is asked once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[Question, Answer] = OrderedDict()

    async def ask(self, asked: Question) -> Answer:
        """The answer. Raise `Unanswered`."""
        if asked not in self._kept:
            try:
                async with self._database.reading() as connection:
                    self._kept[asked] = await _answer(connection, asked)
            except psycopg.errors.QueryCanceled as error:
                raise Unanswered("That took too long. Ask for fewer days.") from error
            except psycopg.errors.UndefinedTable as error:
                raise Unanswered("Nothing has landed yet: the sinks have not made their tables.") from error
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("the history cannot be asked", extra={"error": repr(error)})
                raise Unanswered("Postgres does not answer. The live page needs none of it.") from error
            while len(self._kept) > _MAX_CACHED:
                self._kept.popitem(last=False)
        return self._kept[asked]


async def _answer(connection: psycopg.AsyncConnection, asked: Question) -> Answer:
    values = _values(asked)

    async def chosen(name: str) -> Found:
        cursor = await connection.execute(queries["chosen"] + queries[name], values)
        return await cursor.fetchall()

    (summary,) = await chosen("summary")
    figures = result.figures(summary)
    panels = result.ranked(asked, await chosen("ranked"), figures[0].now)
    return Answer(
        asked,
        figures,
        result.steps_of(asked, await _steps(connection, asked, asked.starts)),
        result.sums_before(asked, await _steps(connection, asked, asked.before_starts)) if asked.compares else [],
        {
            **panels,
            "forms": result.forms(asked, await chosen("forms")),
            "errors": result.errors(asked, await chosen("errors")),
            "speed": result.speed(asked, await chosen("speed")),
        },
    )


async def _steps(connection: psycopg.AsyncConnection, asked: Question, starts: list[Any]) -> Found:
    is_hourly = all(start.timestamp() % 3600 == 0 for start in starts)
    needs_rows = asked.filters.page or asked.filters.device
    name = "steps_of_hours" if is_hourly and not needs_rows else "steps"
    step = timedelta(hours=1) if asked.step == "hour" else timedelta(days=1)
    values = _values(asked) | {"starts": starts, "first": starts[0], "end": min(starts[-1] + step, asked.until)}
    cursor = await connection.execute(queries[name], values)
    return await cursor.fetchall()


def _values(asked: Question) -> dict[str, Any]:
    filters = asked.filters
    return {
        "since": asked.since,
        "until": asked.until,
        "before_since": asked.before_since,
        "before_until": asked.before_until,
        "type": filters.type,
        "page": filters.page,
        "device": filters.device,
        "top": _MAX_ROWS,
        "metrics": [metric.name for metric in METRICS],
        "good": [float(metric.good) for metric in METRICS],
        "poor": [float(metric.poor) for metric in METRICS],
    }
