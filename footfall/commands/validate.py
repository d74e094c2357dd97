"""`footfall validate`: validate events against the schemas on this machine."""

import sys
import time
from typing import Annotated, Any

import typer

from avro_schemas.wire.event_writer import write_device
from footfall.commands.events_argument import HELP, read_events
from footfall.commands.json_lines import JsonOption, print_json
from producer_api.errors import RequestRejected
from producer_api.intake import answers, body
from producer_api.intake.answers import Json, Result
from producer_api.intake.body import Envelope
from producer_api.intake.context import RandomPool, RequestContext
from producer_api.intake.event import EncodedEvent, EventProcessor, client_event_id
from producer_api.intake.event_names import EventNames, hint
from producer_api.privacy.devices import UNKNOWN

INVALID = 1


def validate(
    event: Annotated[str, typer.Argument(help=HELP)] = "-",
    accept_unknown: Annotated[
        bool, typer.Option("--accept-unknown", help="As with FOOTFALL_UNKNOWN_EVENTS=accept.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Validate events as the collector does. Nothing is sent, and nothing needs to be running.

    Exit codes: 0 all events are valid, 1 some are not.

    Example: footfall validate '{"event_type": "click", "event_data": {"element": "buy"}}'
    """
    response = _validate(read_events(event), EventProcessor(names=EventNames(accepts_unknown=accept_unknown)))
    if as_json:
        print_json(response)
    else:
        _show(response)
    if not response["success"]:
        raise typer.Exit(INVALID)


def _validate(raw_body: bytes, processor: EventProcessor) -> Json:
    try:
        envelope = body.parse(raw_body, sys.maxsize)
    except RequestRejected as rejected:
        return answers.for_rejected_request(rejected).body
    context = _context(envelope)
    results = [_result(raw, context, processor) for raw in envelope.events]
    if envelope.single:
        return answers.for_single(results[0], recorded=False).body
    return answers.for_list(results, recorded=False).body


def _context(envelope: Envelope) -> RequestContext:
    now = time.time_ns() // 1_000_000
    return RequestContext(
        received_at=now,
        sent_at=envelope.sent_at,
        device=write_device(*UNKNOWN),
        random=RandomPool(),
        client=envelope.context,
    )


def _result(raw: Any, context: RequestContext, processor: EventProcessor) -> Result:
    event_id = client_event_id(raw)
    outcome = processor.process(raw, context, event_id)
    if isinstance(outcome, EncodedEvent):
        return Result("accepted", event_id, hint=hint(outcome.event_type))
    return Result("rejected", event_id, tuple(outcome))


def _show(response: Json) -> None:
    for result in response.get("results", []):
        for error in result.get("errors", []):
            _show_error(error, f"/{result['index']}")
    for error in response.get("errors", []):
        _show_error(error, "")
    for hint_text in (each["hint"] for each in (response, *response.get("results", [])) if "hint" in each):
        typer.echo(f"hint: {hint_text}")
    is_list = "results" in response
    typer.echo(response["message"] if is_list or response["success"] else "The event is not valid")


def _show_error(error: Json, where: str) -> None:
    typer.echo(f"{where}{error['pointer'] or '/'}  {error['message']}")
    typer.echo(f"    expected: {error['expected']}")
    if error["got"]:
        typer.echo(f"    got: {error['got']}")
