"""The samples that the docs and the catalogue give to subscribers read live events, each as its page says."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from tests.system.stack import Stack

SAMPLES = Path(__file__).parents[2] / "registry" / "samples"

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

# A sample and what makes it run, of which `{}` is the folder of samples.
Command = list[str]


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, as packages are installed into it."""
    return shutil.copytree(
        SAMPLES,
        tmp_path_factory.mktemp("subscriber") / "samples",
        ignore=shutil.ignore_patterns("node_modules", "jars"),
    )


@pytest.fixture(scope="module")
def javascript(samples: Path) -> Path:
    subprocess.run(["npm", "ci", "--silent"], cwd=samples / "javascript", check=True)
    return samples / "javascript"


@pytest.fixture(scope="module")
def java(samples: Path) -> Path:
    command = ["mvn", "-q", "dependency:copy-dependencies", "-DoutputDirectory=jars"]
    subprocess.run(command, cwd=samples / "java", check=True)
    return samples / "java"


@pytest.mark.parametrize("script", ["aiokafka_consumer.py", "confluent_kafka_consumer.py"])
def test_python_reads_a_live_event(stack: Stack, samples: Path, script: str) -> None:
    reads_a_live_event(stack, samples, [sys.executable, f"python/{script}"])


@needs("npm")
@pytest.mark.parametrize("script", ["kafkajs.mjs", "confluentinc.mjs"])
def test_javascript_reads_a_live_event(stack: Stack, javascript: Path, script: str) -> None:
    reads_a_live_event(stack, javascript, ["node", script])


@needs("mvn")
@needs("javac")
def test_java_reads_a_live_event(stack: Stack, java: Path) -> None:
    reads_a_live_event(stack, java, ["java", "-cp", "jars/*", "Consumer.java"])


@pytest.mark.parametrize("topic", ["live-aggregates", "user-rates", "events-rejected"])
def test_every_topic_for_subscribers_is_read_with_the_same_sample(stack: Stack, samples: Path, topic: str) -> None:
    page_views = [{"event_type": "page_view", "event_data": {"page": page}} for page in (7, "/")]
    stack.post(page_views[0], headers=stack.session())  # to be rejected
    stack.post(page_views[1:] * 100, headers=stack.session())  # takes a user to the limit
    with reading(stack, samples, [sys.executable, "python/aiokafka_consumer.py"], topic) as next_record:
        assert next_record().keys() >= FIELDS[topic]


FIELDS = {
    "live-aggregates": {"dimension", "window_start", "counts"},
    "user-rates": {"user_key", "blocked_until"},
    "events-rejected": {"reason"},
}


def reads_a_live_event(stack: Stack, folder: Path, command: Command) -> None:
    """The sample prints an event that was posted after it had started to read."""
    with reading(stack, folder, command, "events") as next_record:
        stack.post({"event_type": "page_view", "event_data": {"page": "/first"}})
        next_record()
        answer = stack.post({"event_type": "page_view", "event_data": {"page": "/subscribers", "title": "é"}})
        sent = answer.json()["event_id"]
        while (record := next_record())["event_id"] != sent:
            pass
    assert record["event_type"] == "page_view"
    assert (record["event_data"]["page"], record["event_data"]["title"]) == ("/subscribers", "é")


@contextmanager
def reading(stack: Stack, folder: Path, command: Command, topic: str) -> Iterator[Callable[[], dict[str, Any]]]:
    """The sample while it runs; a call waits for the next record that it prints."""
    environ = {
        "BOOTSTRAP": stack.state["kafka"],
        "REGISTRY": stack.url + "/registry",
        "TOPIC": topic,
        "GROUP": f"subscriber-{Path(command[-1]).stem}-{topic}",
    }
    printed: Queue[str] = Queue()
    with (folder / f"{topic}.err").open("w+") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | environ, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout
        reader = threading.Thread(
            target=lambda lines: [printed.put(line) for line in lines], args=(process.stdout,)
        )
        reader.start()

        def next_record() -> dict[str, Any]:
            try:
                record: dict[str, Any] = json.loads(printed.get(timeout=60))
            except Empty:
                raise AssertionError(Path(errors.name).read_text()) from None
            return record

        try:
            yield next_record
        finally:
            process.kill()
            process.wait()
            reader.join()
            process.stdout.close()
