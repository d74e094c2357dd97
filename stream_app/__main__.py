"""`python -m stream_app`: one worker."""

import gc
import os
import signal
import sys
from functools import partial
from pathlib import Path

from avro_schemas import topic
from service_kit.kafka import membership, watch
from service_kit.kafka.record_batches import LIMITS
from service_kit.kafka.topic_watch import TopicWatch
from service_kit.probes import Probes
from service_kit.settings import load_or_exit
from service_kit.startup import begin
from stream_app import health, metrics
from stream_app.app import build_app
from stream_app.engine.app import Worker
from stream_app.settings import Settings
from stream_app.state.dimensions import LIVE_AGGREGATES, Dimensions
from stream_app.state_pages import StatePages


def main(dimensions: Dimensions = LIVE_AGGREGATES) -> None:
    """Run until a signal."""
    # Events live until a checkpoint. With the default threshold of 700 new objects, the search for cycles takes a
    # fifth of all CPU time.
    gc.set_threshold(100_000, 50, 100)
    settings = load_or_exit(Settings, os.environ)
    begin("stream_app", os.environ, level=settings.log_level, kafka=settings.kafka)
    # Nothing is lost: the state is in Kafka, and it says what was counted.
    membership.install(os._exit)
    watch.watch(settings.kafka, os._exit)
    # Takes a second or so of CPU, which would cost a group session if it came later.
    dimensions.reader.compile_latest()
    topics = TopicWatch(
        settings.kafka,
        topic.used_by("stream_app", settings.event_topics.event_topics),
        topic.EVENTS,
        on_described=partial(LIMITS.report_all, settings.kafka),
    )
    topics.start()
    app = build_app(settings, dimensions)
    pages = StatePages(app)
    probes = Probes(
        settings.probe_port,
        host=settings.probe_host,
        live=health.Liveness(app).check,
        ready=lambda: health.ready(app, settings.max_ready_lag, topics.reason()),
        metrics=metrics.REGISTRY,
        pages={"/state/users/": pages.user, "/state": pages.partitions},
    )
    probes.start()
    # Faust would look for topics that it did not find again after minutes.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    topics.wait_for(topic.EVENTS, topic.STREAM_STATE)
    worker = Worker(app, workdir=Path.cwd(), redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it would write cursor movements to the log
    try:
        worker.execute_from_commandline()
    finally:
        # Sketches that outlive the interpreter are reported as leaks.
        app.owned.clear()
        gc.collect()


if __name__ == "__main__":
    main()
