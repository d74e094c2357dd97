"""The routes of the Stats API."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from dashboard.history.answer import Gone, unless_gone
from dashboard.history.measures import EVENTS, MEASURES
from dashboard.history.result import Result
from dashboard.history.service import HistoryService, HistoryUnavailable
from dashboard.render.pages import NO_STORE
from dashboard.stats_api import metrics
from dashboard.stats_api.dimensions import DIMENSIONS
from dashboard.stats_api.faults import UnusableRequest
from dashboard.stats_api.files import CSV, PARQUET, as_csv, as_parquet
from dashboard.stats_api.request import MAX_LIMIT, MAX_RANKED, Asked, Kind, parse
from dashboard.stats_api.table import Answered, as_json, as_of, is_cut, table_of

PATH = "/api/stats/v1"
RETRY_SECONDS = 10
# Tools that read files from addresses ask for the size first.
_METHODS = ["GET", "HEAD"]
_NO_POSTGRES = "There is no history: FOOTFALL_POSTGRES_DSN is not set."
# As nginx has it in its log.
_CLIENT_GONE = 499


def add_stats_api_routes(
    app: FastAPI,
    service: HistoryService | None,
    retention_days: int,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Add the routes to the application. Without a service they say what to set."""

    async def answer(kind: Kind, request: Request) -> Response:
        at = now()
        try:
            asked = parse(kind, request.query_params.multi_items(), at, retention_days)
            answered = await unless_gone(request, _answered(service, asked))
        except UnusableRequest as error:
            return JSONResponse(error.as_json(), 400, headers=NO_STORE)
        except HistoryUnavailable as error:
            headers = NO_STORE | {"retry-after": str(RETRY_SECONDS)}
            return JSONResponse({"message": str(error)}, 503, headers=headers)
        except Gone:
            return Response(status_code=_CLIENT_GONE)
        # Thousands of rows are made and written apart from the loop, which others wait for.
        return await asyncio.to_thread(_response, kind, request, asked, answered, at)

    @app.api_route(PATH, methods=_METHODS)
    async def about(request: Request) -> Response:
        described = description(retention_days)
        return _unless_known(request, tag_of(described), {}) or JSONResponse(
            described, headers=_cached(tag_of(described))
        )

    @app.api_route(f"{PATH}/totals", methods=_METHODS)
    async def totals(request: Request) -> Response:
        return await answer("totals", request)

    @app.api_route(f"{PATH}/series", methods=_METHODS)
    async def series(request: Request) -> Response:
        return await answer("series", request)

    @app.api_route(f"{PATH}/breakdown", methods=_METHODS)
    async def breakdown(request: Request) -> Response:
        return await answer("breakdown", request)


def _response(kind: Kind, request: Request, asked: Asked, answered: Answered, at: datetime) -> Response:
    """An answer in the format that is asked for; 304 if the client has it already."""
    result, table = answered.result, table_of(kind, asked, answered)
    shown = as_json(kind, asked, result, table, at)
    wanted = asked.format or _accepted(request)
    # Of everything but the moment: an answer that has not changed is the same one.
    tag = tag_of([wanted, {**shown, "as_of": None}, *([] if wanted == "json" else [table.rows])])
    moment = {"footfall-as-of": as_of(at)}
    if known := _unless_known(request, tag, moment):
        return known
    if wanted == "json":
        return JSONResponse(shown, headers=_cached(tag) | moment)
    file = table.page(asked.limit, asked.offset)
    headers = _file_headers(kind, asked, result, wanted) | _cached(tag) | moment
    headers["footfall-total-rows"] = str(len(table.rows))
    if wanted == "csv":
        return Response(as_csv(file), media_type=f"{CSV}; charset=utf-8", headers=headers)
    return Response(as_parquet(file), media_type=PARQUET, headers=headers)


def tag_of(content: Any) -> str:
    """A weak tag: the same content can be written, and compressed, in several ways."""
    return f'W/"{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]}"'


def _cached(tag: str) -> dict[str, str]:
    """Whoever keeps an answer asks whether it has changed, as who may read it can change, too."""
    return {"cache-control": "private, no-cache", "vary": "accept, authorization, cookie", "etag": tag}


def _unless_known(request: Request, tag: str, headers: Mapping[str, str]) -> Response | None:
    """That the client has the answer already, if it says so."""
    asked = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if tag.removeprefix("W/") in asked or "*" in asked:
        return Response(status_code=304, headers=_cached(tag) | dict(headers))
    return None


def _accepted(request: Request) -> str:
    """What the header `Accept` asks for."""
    accept = request.headers.get("accept", "")
    return "csv" if accept.startswith(CSV) else "parquet" if accept.startswith(PARQUET) else "json"


def _file_headers(kind: Kind, asked: Asked, result: Result, ending: str) -> dict[str, str]:
    """The name of a file, and what JSON says beside the rows."""
    query = result.query
    last = query.until - timedelta(minutes=1)
    name = f"footfall-{kind}-{query.since:%Y%m%d}-{last:%Y%m%d}.{ending}"
    return {
        "content-disposition": f'attachment; filename="{name}"',
        "footfall-is-cut": str(kind == "breakdown" and is_cut(asked, result)).lower(),
        "footfall-program-events-left-out": str(result.left_out),
    }


async def _answered(service: HistoryService | None, asked: Asked) -> Answered:
    """What the history says. Each metric of speed is a question of its own."""
    if service is None:
        raise HistoryUnavailable(_NO_POSTGRES)
    result = await service.run(replace(asked.query, measure=EVENTS))
    of_speed = [name for name in asked.metrics if name in MEASURES and MEASURES[name].metric]
    return Answered(result, {name: await service.run(replace(asked.query, measure=name)) for name in of_speed})


def description(retention_days: int) -> dict[str, Any]:
    """What can be asked."""
    tables = {"totals": metrics.TOTALS, "series": metrics.SERIES}
    return {
        "version": "1",
        "retention_days": retention_days,
        "max_limit": MAX_LIMIT,
        "max_ranked": MAX_RANKED,
        "metrics": [
            {
                "name": name,
                "unit": metric.unit,
                "about": metric.about,
                "in": [kind for kind, known in tables.items() if name in known],
            }
            for name, metric in metrics.SERIES.items()
        ],
        "dimensions": list(DIMENSIONS),
    }
