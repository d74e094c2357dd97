"""`footfall topics`: create missing topics, mend those that services cannot work with, and report differences."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from avro_schemas.topic import Topic
from footfall import target
from footfall.commands.json_lines import JsonOption, print_json
from footfall.kafka.topics import TopicOptions, TopicReport, check_topics, create_missing, expected_topics

DIFFERS = 1


def topics(
    check: Annotated[
        bool, typer.Option("--check", "--dry-run", help="Only compare, and say what would be changed.")
    ] = False,
    replication: Annotated[int, typer.Option(help="Replication factor of new topics.", min=1)] = 1,
    partitions: Annotated[
        int | None,
        typer.Option(help="Partitions of new topics, and of those that nothing was ever written to.", min=1),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create missing topics, mend those that services cannot work with, and compare all with their descriptions.

    Mended are the cleanup policy, the type of timestamps, a size that is too small for our records, and the number
    of partitions of topics that nothing was ever written to. Everything else stays: it may be on purpose, or moves
    or deletes something.

    FOOTFALL_EVENT_TOPICS names event types that have a topic of their own, `events-TYPE`; by default it is that
    of the running stack.

    Exit codes: 0 all are as described, 1 some differ, are faulty or missing.

    Example: footfall topics --dry-run
    """
    found = target.find()
    options = TopicOptions(replication_factor=replication, partitions=partitions)
    event_topics = found.event_topics()
    reports = asyncio.run((check_topics if check else create_missing)(found.kafka(), options, event_topics))
    if as_json:
        print_json(*map(asdict, reports))
    else:
        _show(reports, expected_topics(options, event_topics), changed="would be changed" if check else "changed")
    if any(report.state not in ("created", "as described") for report in reports):
        raise typer.Exit(DIFFERS)


def _show(reports: list[TopicReport], expected: Mapping[str, Topic], *, changed: str) -> None:
    table = Table("Topic", "Partitions", "Cleanup", "State", "Differences", box=None, pad_edge=False)
    for report in reports:
        topic = expected[report.topic]
        changes = [f"{changed}: {each}" for each in report.changes]
        notes = [*report.faults, *report.differences, *changes, *([report.unchecked] if report.unchecked else [])]
        cleanup = topic.config["cleanup.policy"]
        table.add_row(report.topic, str(topic.partitions), cleanup, report.state, "\n".join(notes))
    Console(highlight=False).print(table)
