"""The history's page, and the same as JSON and CSV."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from avro_schemas.event_types import event_type_names
from dashboard.history.query import DEVICES, Question, question, ranges_within
from dashboard.history.result import Answer, panels_of
from dashboard.history.service import History, Unanswered
from dashboard.render.exports import as_csv, no_such_panel
from dashboard.render.pages import NO_STORE, Pages
from dashboard.sql import Database

_NO_POSTGRES = "There is no history here: FOOTFALL_POSTGRES_DSN is not set."


def add_history(app: FastAPI, database: Database | None, pages: Pages, retention_days: int) -> None:
    """Add the routes to the application; without a database they say what to set."""
    history = History(database) if database else None

    def asked_by(request: Request) -> Question:
        return question(request.query_params, datetime.now(UTC), retention_days)

    async def ask(request: Request) -> Answer:
        if history is None:
            raise Unanswered(_NO_POSTGRES)
        return await history.ask(asked_by(request))

    @app.get("/history")
    async def page(request: Request) -> Response:
        asked = asked_by(request)
        answer, trouble = None, ""
        try:
            answer = await ask(request)
        except Unanswered as error:
            trouble = str(error)
        return pages.render(
            request,
            "history.html",
            status=503 if trouble else 200,
            asked=asked,
            answer=answer,
            trouble=trouble,
            panels=panels_of(asked),
            ranges=ranges_within(retention_days),
            devices=DEVICES,
            types=sorted(event_type_names()),
            retention_days=retention_days,
            link=_linker(request),
        )

    @app.get("/dashboard/history.json")
    async def numbers(request: Request) -> Response:
        try:
            return JSONResponse(as_json(await ask(request)), headers=NO_STORE)
        except Unanswered as error:
            return JSONResponse({"message": str(error)}, 503, headers=NO_STORE)

    @app.get("/dashboard/history/{name}.csv")
    async def table(name: str, request: Request) -> Response:
        panels = panels_of(asked_by(request))
        if name not in panels:
            return no_such_panel(name, panels)
        try:
            answer = await ask(request)
        except Unanswered as error:
            return JSONResponse({"message": str(error)}, 503, headers=NO_STORE)
        file_name = f"{name}-{answer.question.since:%Y%m%d}-{answer.question.until:%Y%m%d}"
        return as_csv(panels[name], answer.panels.get(name, {}), file_name)


def as_json(answer: Answer) -> dict[str, Any]:
    """An answer for programs; times in ISO 8601, in the zone that was asked for."""
    asked = answer.question
    return {
        "since": asked.since.isoformat(),
        "until": asked.until.isoformat(),
        "step": asked.step,
        "faults": asked.faults,
        "figures": {
            figure.name.lower(): {"now": figure.now, "before": figure.before} for figure in answer.figures
        },
        "steps": [
            {"start": start.isoformat(), "counts": step.counts}
            for start, step in zip(asked.starts, answer.steps, strict=True)
        ],
        "before": answer.before,
        "panels": answer.panels,
    }


def _linker(request: Request) -> Any:
    """Makes links to the same question with something else: `link(page="/pricing")`; None takes it away."""

    def link(path: str = "/history", **changes: str | None) -> str:
        kept = {name: value for name, value in request.query_params.items() if value} | changes
        query = urlencode({name: value for name, value in kept.items() if value is not None})
        return f"{path}?{query}" if query else path

    return link
