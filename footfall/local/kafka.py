"""The Kafka of the stack: a given one, a container, or the real broker on a local JVM."""

import base64
import os
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from footfall.local import containers, jars, java, ports
from footfall.local.jars import Say
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
# One consumer a group is the rule on one machine: nobody to wait for.
group.initial.rebalance.delay.ms=0
# With one broker, acknowledged means written to the page cache; a power cut is the only thing that loses it.
log.retention.check.interval.ms=300000
"""
# A broker for one machine: small heap, and the fast compiler, which halves the time to start.
_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
_LOG = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
)


@dataclass(frozen=True, slots=True)
class Kafka:
    """Where Kafka answers, and the program to run for it, if any."""

    bootstrap: str
    origin: str
    program: Program | None = None


def find(folder: Path, *, given: str | None, port: int, environ: dict[str, str], cache: Path, say: Say) -> Kafka:
    """The Kafka to use, in this order: the given one, a container, a broker on a local JVM."""
    if given:
        return Kafka(given, "given by FOOTFALL_KAFKA_BOOTSTRAP")
    if containers.engine_answers():
        return Kafka(containers.start_kafka(folder, port), f"container, {containers.KAFKA_IMAGE}")
    program = broker(folder, port=port, environ=environ, cache=cache, say=say)
    return Kafka(f"127.0.0.1:{port}", f"Apache Kafka {jars.KAFKA_VERSION} on a local JVM", program)


def broker(folder: Path, *, port: int, environ: dict[str, str], cache: Path, say: Say) -> Program:
    """The broker as a program, its storage formatted if it is new."""
    cache.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    run = (str(java.find()), "-cp", jars.class_path(cache, say))
    properties = folder / "server.properties"
    log_dir = folder / "log"
    properties.write_text(_PROPERTIES.format(port=port, controller_port=ports.choose(port + 1), log_dir=log_dir))
    if not (log_dir / "meta.properties").exists():
        _format(run, properties)
    return Program(
        name="kafka",
        argv=(*run, *_JVM, *_LOG, "kafka.Kafka", str(properties)),
        environ=environ,
        is_ready=lambda: ports.answers(port),
        show_log_on_crash=True,
    )


def _format(run: tuple[str, ...], properties: Path) -> None:
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # An id may begin with a dash, so it stands behind an equals sign.
    command = (*run, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(properties))
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    if ran.returncode:
        raise RuntimeError(f"Kafka's storage could not be formatted:\n{ran.stdout}{ran.stderr}")
