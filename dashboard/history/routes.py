"""The history page, and the same result as JSON and CSV."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from markupsafe import Markup

from avro_schemas.event_types import event_type_names
from dashboard.filters import FILTERS
from dashboard.history.address import STOP, Address
from dashboard.history.answer import TOTALS, Answer, Gone, Unanswered, unless_gone
from dashboard.history.measures import offered
from dashboard.history.query import VISIT_FILTERS, Query, UnusableFilter, parse_query, ranges_within
from dashboard.history.report import NOBODY, Report
from dashboard.history.result import MEANINGS, Result, panels_of
from dashboard.history.service import HistoryService, HistoryUnavailable
from dashboard.render.exports import as_csv
from dashboard.render.pages import NO_STORE, Pages
from dashboard.render.panel import Panel
from dashboard.render.panels import HISTORY

_NO_POSTGRES = "There is no history: FOOTFALL_POSTGRES_DSN is not set."
# Rows of a panel among the others, and of a page of a panel alone.
_FEW_ROWS, _ALL_ROWS = 8, 1_000
# Of these a panel says something only if there are several.
_ONLY_IF_SEVERAL = ("sites", "hostnames")
# A page that is answered by then has the right status.
_GRACE_SECONDS = 0.2
_SHOWS_PROGRESS_SECONDS = 1.0
_DAYS_OF_A_YEAR = 364
_PROGRESS = Markup('<p class="progress"><span>{}…</span> <a href="{}">Cancel</a></p>')
# As nginx has it in its log.
_CLIENT_GONE = 499
_NO_ANSWER = (UnusableFilter, HistoryUnavailable, Gone)


def add_history_routes(app: FastAPI, service: HistoryService | None, pages: Pages, retention_days: int) -> None:
    """Add the routes to the application. Without a service they say what to set."""

    def query_of(request: Request) -> Query:
        return parse_query(request.query_params.multi_items(), datetime.now(UTC), retention_days).with_more_rows

    async def run(query: Query, report: Report = NOBODY) -> Result:
        if service is None:
            raise HistoryUnavailable(_NO_POSTGRES)
        return await service.run(query, report)

    @app.get("/history")
    async def page(request: Request) -> Response:
        address = Address(request.query_params.multi_items())
        if "filter" in request.query_params:
            name, value = request.query_params["filter"], request.query_params.get("value", "")
            is_excluded = request.query_params.get("is") == "not"
            return RedirectResponse(address.added(name, value, is_excluded=is_excluded), 303, headers=NO_STORE)
        answer: Answer | Unanswered
        try:
            query = query_of(request)
        except UnusableFilter as error:
            query = parse_query({}, datetime.now(UTC), retention_days)
            answer, status = Unanswered(str(error)), 400
        else:
            is_stopped = STOP in request.query_params
            answer = Unanswered("") if is_stopped else Answer(partial(run, query))
            status = await _status(answer)
        return pages.stream(
            request,
            "history.html",
            partial(_progress, answer, address),
            answer.cancel,
            status,
            query=query,
            answer=answer,
            panels=_shown(query),
            only_if_several=_ONLY_IF_SEVERAL,
            max_rows=_ALL_ROWS if query.panel else _FEW_ROWS,
            first_row=_first_row(request.query_params.get("start", "")) if query.panel else 0,
            ranges=ranges_within(retention_days),
            filters=FILTERS,
            visit_filters=VISIT_FILTERS,
            meanings=MEANINGS,
            measures=offered(is_of_visits=query.is_of_visits, goal=query.goal),
            types=sorted(event_type_names()),
            chips=address.chips(query.filters),
            compared=[f"{FILTERS[each.name].title} {each.text}" for each in query.other.filters]
            if query.other and query.other.since == query.since
            else None,
            can_compare_years=retention_days > _DAYS_OF_A_YEAR,
            retention_days=retention_days,
            address=address,
            link=address.link,
        )

    @app.get("/dashboard/history.json")
    async def history_json(request: Request) -> Response:
        try:
            result = await unless_gone(request, run(query_of(request)))
            return JSONResponse(as_json(result), headers=NO_STORE)
        except _NO_ANSWER as error:
            return _error(error)

    @app.get("/dashboard/history/{name}.csv")
    async def panel_csv(name: str, request: Request) -> Response:
        if name not in HISTORY:
            message = f'There is no panel "{name[:50]}"; there are {", ".join(HISTORY)}.'
            return JSONResponse({"message": message}, 404)
        pairs = [pair for pair in request.query_params.multi_items() if pair[0] != "panel"]
        try:
            query = parse_query([*pairs, ("panel", name)], datetime.now(UTC), retention_days).with_more_rows
            result = await unless_gone(request, run(query))
        except _NO_ANSWER as error:
            return _error(error)
        file_name = f"footfall-{name}-{query.since:%Y%m%d}-{query.until:%Y%m%d}.csv"
        headers = NO_STORE | {"content-disposition": f'attachment; filename="{file_name}"'}
        csv = as_csv(panels_of(query)[name], result.panels[name])
        return Response(csv, media_type="text/csv; charset=utf-8", headers=headers)


def _error(error: UnusableFilter | HistoryUnavailable | Gone) -> Response:
    if isinstance(error, Gone):
        return Response(status_code=_CLIENT_GONE)
    status = 400 if isinstance(error, UnusableFilter) else 503
    return JSONResponse({"message": str(error)}, status, headers=NO_STORE)


def _first_row(start: str) -> int:
    """The place of the first row that is shown, from the parameter, which counts from one."""
    return max(0, int(start) - 1) if start.isascii() and start.isdigit() and len(start) < 10 else 0


async def _status(answer: Answer | Unanswered) -> int:
    """The status of the page, for which it waits a moment: what fails later, the page says itself."""
    until = time.monotonic() + _GRACE_SECONDS
    while not answer.has(TOTALS) and (left := until - time.monotonic()) > 0:
        await answer.change(left)
    return 503 if answer.error_message else 200


async def _progress(answer: Answer | Unanswered, address: Address, part: str) -> AsyncIterator[str]:
    """What a reader sees who waits for a part: what is read, and a way to stop it."""
    if answer.has(part):
        return
    yield ""
    shown = None
    while not answer.has(part):
        if answer.seconds >= _SHOWS_PROGRESS_SECONDS and answer.text != shown:
            shown = answer.text
            yield _PROGRESS.format(shown or "Reading", address.link(**{STOP: "1"}))
        await answer.change(_SHOWS_PROGRESS_SECONDS)


def _shown(query: Query) -> list[Panel]:
    """The panels of the page, which shows pages either by route or by path."""
    panels = panels_of(query)
    hidden = {f"{of}{'routes' if query.by_path else 'pages'}" for of in ("", "entry_", "exit_")}
    return [panel for panel in panels.values() if query.panel or panel.name not in hidden]


def _previous_period(query: Query) -> dict[str, str]:
    previous = {"previous_since": query.previous_since, "previous_until": query.previous_until}
    return {name: at.isoformat() for name, at in previous.items()}


def as_json(result: Result) -> dict[str, Any]:
    """A result for programs. Times are ISO 8601, in the reader's zone."""
    query = result.query
    return {
        "since": query.since.isoformat(),
        "until": query.until.isoformat(),
        **(_previous_period(query) if query.compare else {}),
        "step": query.step,
        "filters": [
            {"name": each.name, "value": each.value, "is_excluded": each.is_excluded} for each in query.filters
        ],
        "notices": result.notices,
        "program_events_left_out": result.left_out,
        "totals": {
            total.key: {"current": total.current}
            | ({} if total.previous is None else {"previous": total.previous})
            for total in result.totals
        },
        "steps": [
            {"start": start.isoformat(), "counts": step.counts}
            for start, step in zip(query.starts, result.steps, strict=True)
        ],
        **({"previous_sums": result.previous_sums} if query.compare else {}),
        "measure": query.measure,
        "values": result.values(is_current=True),
        **({"previous_values": result.values(is_current=False)} if query.compare else {}),
        "panels": {name: panel.as_json(result.panels[name]) for name, panel in panels_of(query).items()},
        "read": None
        if result.read is None
        else {
            "columns": result.read.days,
            "rows": result.read.rows,
            "as_of": result.read.as_of.isoformat(timespec="seconds"),
        },
    }
