"""`footfall send`: post an event as a frontend would, and show the answer."""

import sys
from typing import Annotated

import typer

from footfall import target

REFUSED = 1


def send(
    event: Annotated[str, typer.Argument(help="An event or a list, as JSON; - reads standard input.")] = "-",
    token: Annotated[str | None, typer.Option(help="A session (JWT), where one is needed.")] = None,
) -> None:
    """Post an event to the collector and show its answer.

    Exit codes: 0 recorded, 1 refused or nothing runs.

    Example: footfall send '{"event_type": "test_event", "event_data": {"source": "shell"}}'
    """
    import httpx

    url = target.find().require("FOOTFALL_URL") + "/api/analytics/collect"
    body = sys.stdin.read() if event == "-" else event
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    try:
        answer = httpx.post(url, content=body.encode(), headers=headers, timeout=30)
    except httpx.TransportError as error:
        typer.echo(f"{url} does not answer: {error}", err=True)
        raise typer.Exit(REFUSED) from error
    typer.echo(answer.text)
    if answer.status_code != 200:
        raise typer.Exit(REFUSED)
