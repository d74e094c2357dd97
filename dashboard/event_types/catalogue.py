"""The catalogue as it is now: what this process started with, and lines that were added to the folder since."""

from collections.abc import Mapping
from pathlib import Path

from avro_schemas import custom_events_file
from avro_schemas.custom_events_file import NotWritten
from avro_schemas.event_types import describe_event_types
from avro_schemas.own_types import name_fault
from avro_schemas.schema import latest

DEFAULT_ABOUT = "No description yet."
NO_FOLDER = "Set FOOTFALL_CONTRACT to the folder of your own contract"


def meanings(folder: Path | None) -> Mapping[str, str]:
    """Every event type with its meaning. A folder that cannot be read adds nothing."""
    started_with = {each["event_type"]: each["description"] for each in describe_event_types()}
    try:
        return {**started_with, **(custom_events_file.read(folder) if folder else {})}
    except NotWritten:
        return started_with


def accept(folder: Path | None, event_type: str, about: str) -> bool:
    """Write the line of a custom event into the folder; false if it is in the catalogue. Raise `NotWritten`."""
    known = meanings(folder)
    if event_type in known:
        return False
    if fault := name_fault(event_type, [*known, *latest()]):
        raise NotWritten(fault)
    about = about.strip() or DEFAULT_ABOUT
    if folder is None:
        line = custom_events_file.line(event_type, about)
        raise NotWritten(f"{NO_FOLDER}, or add this line to {custom_events_file.NAME} in it: {line}")
    return custom_events_file.add(folder, event_type, about)
