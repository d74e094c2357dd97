"""`footfall send`: posts an event like a frontend does, and shows the answer."""

import sys
from typing import Annotated

import typer

from footfall import target

FAILED = 1


def send(
    event: Annotated[str, typer.Argument(help="An event or a list of events as JSON; - reads from stdin.")] = "-",
    token: Annotated[str | None, typer.Option(help="A session (JWT), if the collector requires one.")] = None,
) -> None:
    """Post an event to the collector and show its answer.

    Exit codes: 0 accepted; 1 rejected, or the collector does not answer.

    Example: footfall send '{"event_type": "test_event", "event_data": {"source": "shell"}}'
    """
    import httpx

    url = target.find().require("FOOTFALL_URL") + "/api/analytics/collect"
    body = sys.stdin.read() if event == "-" else event
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    try:
        response = httpx.post(url, content=body.encode(), headers=headers, timeout=30)
    except httpx.TransportError as error:
        typer.echo(f"{url} does not answer: {error}", err=True)
        raise typer.Exit(FAILED) from error
    typer.echo(response.text)
    if response.status_code != 200:
        raise typer.Exit(FAILED)
