"""`footfall send`: posts an event like a frontend does, and shows the answer."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from footfall import target
from footfall.commands.events_argument import HELP, read_events
from footfall.commands.printable import printable

FAILED = 1


def send(
    event: Annotated[str, typer.Argument(help=HELP)] = "-",
    token: Annotated[str | None, typer.Option(help="A session (JWT), if the collector requires one.")] = None,
) -> None:
    """Post an event to the collector and show its answer.

    Exit codes: 0 all are accepted; 1 one is not, or the collector does not answer; 2 there is no such file.

    Example: footfall send '{"event_type": "test_event", "event_data": {"source": "shell"}}'
    """
    import httpx

    url = target.find().require("FOOTFALL_URL") + "/api/analytics/collect"
    body = read_events(event)
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    response = httpx.post(url, content=body, headers=headers, timeout=30)
    typer.echo(printable(response.text))
    if response.status_code != 200 or not _all_recorded(response.json()):
        raise typer.Exit(FAILED)


def _all_recorded(answer: Mapping[str, Any]) -> bool:
    """Whether every event of an answer is in Kafka: now, or since an earlier request."""
    return all(result["status"] in ("accepted", "duplicate") for result in answer.get("results", ()))
