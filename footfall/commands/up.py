"""`footfall up`: the whole pipeline on this machine."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console

from service_kit.settings import SettingsError

_WELCOME = """
footfall is running.

  Live page   {http}
  Frontends   {http}/docs/collect
  Kafka       {kafka}
  Postgres    {postgres}
  Data, logs  {folder}

Send the first event:

  curl -X POST {http}/api/analytics/collect \\
    -H "Content-Type: application/json" \\
    -d '{{"event_type": "test_event", "event_data": {{"source": "manual_test"}}}}'

In another terminal: footfall tail (live events), footfall demo (visitors), footfall env (addresses).
Ctrl-C stops everything; the data stays.
"""


def up(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start empty: remove the data of earlier starts.")
    ] = False,
) -> None:
    """Run Kafka, Postgres, collector, stream app, sinks and dashboard on this machine.

    Settings: FOOTFALL_PORT (default 3000) and FOOTFALL_DATA_DIR; FOOTFALL_KAFKA_BOOTSTRAP and
    FOOTFALL_POSTGRES_DSN to use a Kafka and a Postgres that run already.

    Exit codes: 0 stopped, 1 could not start, 2 wrong settings.

    Example: footfall up --fresh
    """
    from footfall.local.settings import read
    from footfall.local.stack import PortTaken, Stack
    from footfall.local.stack_file import AlreadyRunning, DataFolder, ForeignFolder

    console = Console(highlight=False, soft_wrap=True)

    def say(text: str) -> None:
        # Whoever read us may be gone (`| head`, a lost terminal); the stack must still be stopped in order.
        with suppress(OSError, SystemExit):
            console.print(text, markup=False)

    try:
        settings = read(os.environ)
        folder = DataFolder(settings.folder)
        folder.make()
        with folder.locked():
            stack = Stack(settings, os.environ, say)
            if fresh:
                folder.end_orphans()
                stack.start_empty()

            def welcome(addresses: Mapping[str, str]) -> None:
                say(_WELCOME.format(folder=settings.folder, **addresses))

            stack.run(welcome)
    except SettingsError as error:
        say(str(error))
        raise typer.Exit(2) from error
    except (AlreadyRunning, ForeignFolder, PortTaken, TimeoutError, RuntimeError) as error:
        say(str(error))
        raise typer.Exit(1) from error
