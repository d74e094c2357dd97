"""`footfall up`: the whole pipeline on this machine."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console

from service_kit.settings import SettingsError, load

CANNOT_START = 1
INVALID_SETTINGS = 2
_WELCOME = """
footfall is running.

  Live page   {http}
  Frontends   {http}/docs/collect
  Kafka       {kafka}
  Postgres    {postgres} (`footfall env` has the password)
  Data, logs  {folder}

Send the first event:

  curl -X POST {http}/api/analytics/collect \\
    -H "Content-Type: application/json" \\
    -d '{{"event_type": "test_event", "event_data": {{"source": "manual_test"}}}}'

In another terminal: footfall tail (live events), footfall demo (simulated visitors), footfall env (endpoints).
Ctrl-C stops everything and keeps the data.
"""


def up(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start empty: remove the data of earlier starts.")
    ] = False,
) -> None:
    """Run Kafka, Postgres, the collector, stream app, sinks and dashboard on this machine.

    Settings: FOOTFALL_PORT (default 3000) and FOOTFALL_DATA_DIR. To use your own Kafka or Postgres, set
    FOOTFALL_KAFKA_BOOTSTRAP or FOOTFALL_POSTGRES_DSN.

    Exit codes: 0 stopped, 1 could not start, 2 invalid settings.

    Example: footfall up --fresh
    """
    from footfall.local.data_folder import AlreadyRunning, DataFolder, ForeignFolder
    from footfall.local.settings import LocalSettings
    from footfall.local.stack import PortInUse, Stack

    console = Console(highlight=False, soft_wrap=True)

    def echo(text: str) -> None:
        # The reader of the output may be gone (`| head`, a closed terminal); the stack must still stop in order.
        with suppress(OSError, SystemExit):
            console.print(text, markup=False)

    try:
        settings = load(LocalSettings, os.environ)
        folder = DataFolder(settings.folder)
        folder.create()
        with folder.locked():
            stack = Stack(settings, os.environ, echo)
            if fresh:
                folder.stop_orphans()
                stack.remove_data()

            def welcome(endpoints: Mapping[str, str]) -> None:
                echo(_WELCOME.format(folder=settings.folder, **endpoints))

            stack.run(welcome)
    except SettingsError as error:
        echo(str(error))
        raise typer.Exit(INVALID_SETTINGS) from error
    except (AlreadyRunning, ForeignFolder, PortInUse, TimeoutError, RuntimeError) as error:
        echo(str(error))
        raise typer.Exit(CANNOT_START) from error
