"""`footfall acls`: the access rules of the cluster."""

import json
from typing import Annotated

import typer

from footfall.contract.access import SERVICES, SUBSCRIBERS, kafka_acls, strimzi_user


def acls(
    strimzi: Annotated[bool, typer.Option("--strimzi", help="As objects of the Strimzi operator.")] = False,
    prefix: Annotated[str, typer.Option(help="The FOOTFALL_TOPIC_PREFIX of the cluster.")] = "",
) -> None:
    """Print who may do what on the cluster: arguments of `kafka-acls`, a line a rule.

    Example: footfall acls --strimzi
    """
    if strimzi:
        for principal in (*SERVICES, SUBSCRIBERS):
            typer.echo("---\n" + json.dumps(strimzi_user(principal, prefix), indent=2))
    else:
        typer.echo("\n".join(kafka_acls(prefix)))
