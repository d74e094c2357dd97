"""`footfall acls`: the access rules of the cluster."""

import json
import os
from typing import Annotated

import typer

from footfall.contract.access import SERVICES, SUBSCRIBERS, kafka_acls, strimzi_user
from footfall.kafka.topics import EventTopicsSettings
from service_kit.settings import load_or_exit


def acls(
    strimzi: Annotated[bool, typer.Option("--strimzi", help="Print KafkaUser objects for Strimzi.")] = False,
    prefix: Annotated[str, typer.Option(help="The FOOTFALL_TOPIC_PREFIX of the cluster.")] = "",
) -> None:
    """Print the access rules of the cluster as arguments of `kafka-acls`, one rule per line.

    FOOTFALL_EVENT_TOPICS names event types that have a topic of their own.

    Example: footfall acls --strimzi
    """
    event_topics = load_or_exit(EventTopicsSettings, os.environ).event_topics
    if strimzi:
        for principal in (*SERVICES, SUBSCRIBERS):
            typer.echo("---\n" + json.dumps(strimzi_user(principal, prefix, event_topics), indent=2))
    else:
        typer.echo("\n".join(kafka_acls(prefix, event_topics)))
