"""`footfall topics`: create missing topics, and report where existing ones differ from their descriptions."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from avro_schemas.topic import Topic
from footfall import target
from footfall.kafka.topics import TopicOptions, TopicReport, check_topics, create_missing, expected_topics

DIFFERS = 1


def topics(
    check: Annotated[bool, typer.Option("--check", help="Only compare; create nothing.")] = False,
    replication: Annotated[int, typer.Option(help="Replication factor of new topics.", min=1)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Create the topics that are missing and compare all of them with their descriptions.

    FOOTFALL_EVENT_TOPICS names event types that have a topic of their own, `events-TYPE`; by default it is that
    of the running stack. An existing topic is never changed.

    Exit codes: 0 all are as described, 1 some differ or are missing.

    Example: footfall topics --check
    """
    found = target.find()
    options, event_topics = TopicOptions(replication_factor=replication), found.event_topics()
    reports = asyncio.run((check_topics if check else create_missing)(found.kafka(), options, event_topics))
    if as_json:
        typer.echo(json.dumps([asdict(report) for report in reports], indent=2))
    else:
        _show(reports, expected_topics(options, event_topics))
    if any(report.state in ("differs", "missing") for report in reports):
        raise typer.Exit(DIFFERS)


def _show(reports: list[TopicReport], expected: Mapping[str, Topic]) -> None:
    table = Table("Topic", "Partitions", "Cleanup", "State", "Differences", box=None, pad_edge=False)
    for report in reports:
        topic = expected[report.topic]
        differences = "\n".join(report.differences)
        cleanup = topic.config["cleanup.policy"]
        table.add_row(report.topic, str(topic.partitions), cleanup, report.state, differences)
    Console(highlight=False).print(table)
