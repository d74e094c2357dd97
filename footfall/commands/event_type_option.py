"""The option `--type`: a name that nobody has declared may still have events, so it gets a hint and no refusal."""

import typer

from avro_schemas.event_types import did_you_mean, event_type_names


def hint(event_type: str | None) -> None:
    """Say on stderr that the contract has no such type, and which one may be meant."""
    if event_type is None or event_type in event_type_names():
        return
    meant = did_you_mean(event_type)
    rest = f"did you mean {meant}?" if meant else "`footfall types list` shows those that it has."
    typer.echo(f"The contract has no event type {event_type}: {rest}", err=True)
