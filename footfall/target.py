"""What a command talks to: what the environment names, else the stack that runs on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from footfall.local.local_keys import read_or_make
from footfall.local.settings import LocalSettings
from footfall.local.stack_file import DataFolder
from service_kit.kafka import KafkaSettings
from service_kit.settings import SettingsError, load

NOTHING_RUNS = 1
WRONG_SETTINGS = 2


@dataclass(frozen=True, slots=True)
class Target:
    """The settings of a command: the environment, completed from the running stack."""

    environ: Mapping[str, str]

    def kafka(self) -> KafkaSettings:
        """How to reach Kafka."""
        self.require("FOOTFALL_KAFKA_BOOTSTRAP")
        return load(KafkaSettings, self.environ)

    def require(self, name: str) -> str:
        """A setting that the command cannot do without."""
        if value := self.environ.get(name):
            return value
        typer.echo(f"Nothing is running here. Start it with `footfall up`, or set {name}.", err=True)
        raise typer.Exit(NOTHING_RUNS)

    def secret(self, name: str) -> str:
        """A key: of the environment, else of the stack on this machine."""
        return self.environ.get(name) or read_or_make(Path(self.require("FOOTFALL_DATA_DIR")))[name]


def find() -> Target:
    """The target of this command; ends it with a message if the settings are wrong."""
    try:
        settings = load(LocalSettings, os.environ)
        record = DataFolder(settings.folder).read() or {}
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(WRONG_SETTINGS) from error
    running = {
        "FOOTFALL_URL": record.get("http", ""),
        "FOOTFALL_KAFKA_BOOTSTRAP": record.get("kafka", ""),
        "FOOTFALL_POSTGRES_DSN": record.get("postgres", ""),
        "FOOTFALL_DATA_DIR": str(settings.folder),
    }
    return Target(running | dict(os.environ))
