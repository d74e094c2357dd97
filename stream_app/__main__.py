"""`python -m stream_app`: one worker."""

import gc
import os
from pathlib import Path

import faust

from service_kit.probes import Probes
from service_kit.settings import load_or_exit
from service_kit.startup import begin
from stream_app import health, metrics
from stream_app.app import build_app
from stream_app.settings import Settings
from stream_app.state.event_reader import prepare
from stream_app.state_pages import View


class Worker(faust.Worker):  # type: ignore[misc] # Faust has no types here
    """Faust's worker, which leaves our logging alone."""

    def _setup_logging(self) -> None:
        """Done already, in JSON lines."""


def main() -> None:
    """Run until a signal."""
    # Rows live until a checkpoint: looking for cycles whenever 700 more have come costs a fifth of all.
    gc.set_threshold(100_000, 50, 100)
    settings = load_or_exit(Settings, os.environ)
    begin("stream_app", os.environ, level=settings.log_level, kafka=settings.kafka)
    # Before there is a session to lose by it.
    prepare()
    app = build_app(settings)
    view = View(app)
    probes = Probes(
        settings.probe_port,
        live=health.Progress(app).live,
        ready=lambda: health.ready(app, settings.max_ready_lag),
        metrics=metrics.REGISTRY,
        pages={"/state/users/": view.user, "/state": view.partitions},
    )
    probes.start()
    worker = Worker(app, workdir=Path.cwd(), redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it would write cursor movements into the log
    try:
        worker.execute_from_commandline()
    finally:
        # Sketches that outlive the interpreter are reported as leaks.
        app.owned.forget()
        gc.collect()


if __name__ == "__main__":
    main()
