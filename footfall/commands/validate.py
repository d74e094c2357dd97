"""`footfall validate`: validate events against the schemas on this machine."""

import json
import sys
import time
from typing import Annotated, Any

import typer

from avro_schemas.wire.event_writer import write_device
from producer_api.errors import Refused
from producer_api.intake import answers, body
from producer_api.intake.answers import Json, Result
from producer_api.intake.context import Visit
from producer_api.intake.event import Accepted, Intake, own_id_of
from producer_api.privacy.devices import UNSAID

INVALID = 1


def validate(
    event: Annotated[
        str, typer.Argument(help="An event or a list of events as JSON; - reads standard input.")
    ] = "-",
    any_custom: Annotated[
        bool, typer.Option("--any-custom", help="Accept custom events that the catalogue does not list.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the collector's response.")] = False,
) -> None:
    """Validate events as the collector does. Nothing is sent, and nothing needs to be running.

    Exit codes: 0 all events are valid, 1 some are not.

    Example: footfall validate '{"event_type": "click", "event_data": {"element": "buy"}}'
    """
    raw_body = sys.stdin.buffer.read() if event == "-" else event.encode()
    response = _validate(raw_body, Intake(any_custom=any_custom))
    if as_json:
        typer.echo(json.dumps(response, indent=2))
    else:
        _show(response)
    if not response["success"]:
        raise typer.Exit(INVALID)


def _validate(raw_body: bytes, intake: Intake) -> Json:
    try:
        parsed = body.parse(raw_body)
        raw_events, single = body.events_of(parsed, sys.maxsize)
        visit = _visit(body.sent_at_of(parsed))
    except Refused as refused:
        return answers.for_refused(refused).body
    results = [_result(raw, visit, intake) for raw in raw_events]
    if single:
        return answers.for_single(results[0], recorded=False).body
    return answers.for_list(results, recorded=False).body


def _visit(sent_at: int | None) -> Visit:
    return Visit(time.time_ns() // 1_000_000, sent_at, None, None, None, write_device(*UNSAID), None)


def _result(raw: Any, visit: Visit, intake: Intake) -> Result:
    own_id = own_id_of(raw)
    outcome = intake.accept(raw, visit, own_id)
    if isinstance(outcome, Accepted):
        return Result("accepted", own_id)
    return Result("rejected", own_id, tuple(outcome))


def _show(response: Json) -> None:
    for result in response.get("results", []):
        for error in result.get("errors", []):
            _show_error(error, f"/{result['index']}")
    for error in response.get("errors", []):
        _show_error(error, "")
    is_list = "results" in response
    typer.echo(response["message"] if is_list or response["success"] else "The event is not valid")


def _show_error(error: Json, where: str) -> None:
    typer.echo(f"{where}{error['pointer'] or '/'}  {error['message']}")
    typer.echo(f"    expected: {error['expected']}")
    if error["got"]:
        typer.echo(f"    got: {error['got']}")
