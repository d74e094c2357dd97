"""The Kafka of the stack: the user's own, a container, or a broker on a local JVM."""

from dataclasses import dataclass
from pathlib import Path

from footfall.local import class_archive, containers, jars, java, kafka_storage, ports
from footfall.local.jars import Echo
from footfall.local.program import Program

DEFAULT_PORT = 9092

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={log_dir}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# On one machine a group usually has one consumer, so there is nothing to wait for.
group.initial.rebalance.delay.ms=0
# (With one broker, an acknowledged record may only be in the page cache: a power failure can lose it.)
log.retention.check.interval.ms=300000
# Twice a second, by default, the metadata of all partitions would be published although nothing has changed.
metadata.max.idle.interval.ms=5000
# The default of 128 MiB is touched at once, and would be half the broker's memory.
log.cleaner.dedupe.buffer.size=16777216
"""
# A small heap, and the fast compiler, which halves the startup time.
_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
_LOG = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
)


@dataclass(frozen=True, slots=True)
class Kafka:
    """Its bootstrap servers, where it comes from, and the program to run for it, if any."""

    bootstrap: str
    origin: str
    program: Program | None = None


def find(folder: Path, *, given: str | None, port: int, environ: dict[str, str], cache: Path, echo: Echo) -> Kafka:
    """The Kafka to use: the `given` bootstrap servers, else a container, else a broker on a local JVM."""
    if given:
        return Kafka(given, "from FOOTFALL_KAFKA_BOOTSTRAP")
    if containers.docker_available():
        return Kafka(containers.start_kafka(folder, port), f"container, {containers.KAFKA_IMAGE}")
    program = broker(folder, port=port, environ=environ, cache=cache, echo=echo)
    return Kafka(f"127.0.0.1:{port}", f"Apache Kafka {jars.KAFKA_VERSION} on a local JVM", program)


def broker(folder: Path, *, port: int, environ: dict[str, str], cache: Path, echo: Echo) -> Program:
    """A broker on a local JVM. Formats its storage the first time."""
    cache.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    runtime, class_path = java.find(cache, echo), jars.class_path(cache, echo)
    run = (str(runtime), "-cp", class_path, *_JVM)
    archive = class_archive.path(cache, runtime, class_path)
    archived = class_archive.to_read(archive)
    properties = folder / "server.properties"
    log_dir = folder / "log"
    properties.write_text(_PROPERTIES.format(port=port, controller_port=ports.choose(port + 1), log_dir=log_dir))
    features = cache / f"kafka-{jars.KAFKA_VERSION}.features"
    kafka_storage.format_once(log_dir, properties, (*run, *archived), features)
    options = archived or class_archive.to_write(archive, runtime)
    return Program(
        name="kafka",
        argv=(*run, *options, *_LOG, "kafka.Kafka", str(properties)),
        environ=environ,
        is_ready=lambda: ports.accepts_connections(port),
        show_log_on_crash=True,
    )
