"""What a command talks to: what the environment names, else the stack that is running on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from footfall.local import keys
from footfall.local.data_folder import DataFolder
from footfall.local.settings import LocalSettings
from service_kit.event_topics import EventTopicsSettings
from service_kit.kafka.settings import KafkaSettings
from service_kit.postgres import PostgresSettings
from service_kit.settings import SettingsError, load, load_or_exit

NOT_RUNNING = 1
INVALID_SETTINGS = 2


@dataclass(frozen=True, slots=True)
class Target:
    """The environment of a command, completed with the endpoints of the running stack.

    `is_local`: whether its Kafka is the one of the stack on this machine.
    """

    environ: Mapping[str, str]
    is_local: bool = False

    def kafka(self) -> KafkaSettings:
        """Settings of the Kafka client."""
        self.require("FOOTFALL_KAFKA_BOOTSTRAP")
        return load(KafkaSettings, self.environ)

    def postgres(self) -> PostgresSettings:
        """Which Postgres. With an invalid setting the command exits."""
        self.require("FOOTFALL_POSTGRES_DSN")
        return load_or_exit(PostgresSettings, self.environ)

    def event_topics(self) -> tuple[str, ...]:
        """The event types that have a topic of their own here. With an invalid setting the command exits."""
        return load_or_exit(EventTopicsSettings, self.environ).event_topics

    def require(self, name: str) -> str:
        """The value of a variable; without it the command exits with a message."""
        if value := self.environ.get(name):
            return value
        typer.echo(f"Nothing is running here. Start footfall with `footfall up`, or set {name}.", err=True)
        raise typer.Exit(NOT_RUNNING)

    def secret(self, name: str) -> str:
        """A key from the environment, else of the stack on this machine; without it the command exits.

        Never another one: with a key of its own, nobody would be the user that Kafka and Postgres know.
        """
        if value := self.environ.get(name):
            return value
        if self.is_local and (value := keys.existing(Path(self.require("FOOTFALL_DATA_DIR"))).get(name)):
            return value
        typer.echo(f"Set {name} to the key of the collector that this Kafka belongs to.", err=True)
        raise typer.Exit(INVALID_SETTINGS)


def find() -> Target:
    """The target of this command. With invalid settings the command exits with a message."""
    try:
        settings = load(LocalSettings, os.environ)
        stack = DataFolder(settings.folder).read_stack() or {}
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(INVALID_SETTINGS) from error
    running = {
        "FOOTFALL_URL": stack.get("http", ""),
        "FOOTFALL_KAFKA_BOOTSTRAP": stack.get("kafka", ""),
        "FOOTFALL_POSTGRES_DSN": stack.get("postgres", ""),
        "FOOTFALL_POSTGRES_SCHEMA": stack.get("postgres_schema", ""),
        "FOOTFALL_DATA_DIR": str(settings.folder),
        "FOOTFALL_PROBE_URLS": ",".join(
            each["probes"] for each in stack.get("services", {}).values() if each.get("probes")
        ),
        "FOOTFALL_EVENT_TOPICS": stack.get("event_topics", ""),
    }
    environ = running | dict(os.environ)
    kafka = environ["FOOTFALL_KAFKA_BOOTSTRAP"]
    return Target(environ, is_local=bool(kafka) and kafka == stack.get("kafka"))
