"""`footfall acls`: the access rules of the cluster."""

import json
from typing import Annotated

import typer

from footfall import target
from footfall.contract.access import SERVICES, SUBSCRIBERS, kafka_acls, strimzi_user


def acls(
    strimzi: Annotated[bool, typer.Option("--strimzi", help="Print KafkaUser objects for Strimzi.")] = False,
    prefix: Annotated[str, typer.Option(help="The FOOTFALL_TOPIC_PREFIX of the cluster.")] = "",
) -> None:
    """Print the access rules of the cluster as arguments of `kafka-acls`, one rule per line.

    FOOTFALL_EVENT_TOPICS names event types that have a topic of their own; by default it is that of the running
    stack.

    Example: footfall acls --strimzi
    """
    event_topics = target.find().event_topics()
    if strimzi:
        for principal in (*SERVICES, SUBSCRIBERS):
            typer.echo("---\n" + json.dumps(strimzi_user(principal, prefix, event_topics), indent=2))
    else:
        typer.echo("\n".join(kafka_acls(prefix, event_topics)))
