"""`footfall topics`: create missing topics, and report where existing ones differ from their descriptions."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from footfall import target
from footfall.kafka.topics import TopicOptions, TopicReport, check_topics, create_missing, expected_topics

DIFFERS = 1


def topics(
    check: Annotated[bool, typer.Option("--check", help="Only compare; create nothing.")] = False,
    replication: Annotated[int, typer.Option(help="Replication factor of new topics.", min=1)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Create the topics that are missing and compare all of them with their descriptions.

    FOOTFALL_EVENT_TOPICS names event types that have a topic of their own, `events-TYPE`. An existing topic is
    never changed. Exit codes: 0 all are as described, 1 some differ or are missing.

    Example: footfall topics --check
    """
    kafka = target.find().kafka()
    options = TopicOptions(replication_factor=replication)
    reports = asyncio.run((check_topics if check else create_missing)(kafka, options))
    if as_json:
        typer.echo(json.dumps([asdict(report) for report in reports], indent=2))
    else:
        _show(reports)
    if any(report.state in ("differs", "missing") for report in reports):
        raise typer.Exit(DIFFERS)


def _show(reports: list[TopicReport]) -> None:
    table = Table("Topic", "Partitions", "Cleanup", "State", "Differences", box=None, pad_edge=False)
    expected = expected_topics()
    for report in reports:
        topic = expected[report.topic]
        differences = "\n".join(report.differences)
        cleanup = topic.config["cleanup.policy"]
        table.add_row(report.topic, str(topic.partitions), cleanup, report.state, differences)
    Console(highlight=False).print(table)
