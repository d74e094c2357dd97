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

import httpx
import pytest

from tests.npm import install_shared
from tests.support.json_lines import json_lines
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
def javascript(samples: Path, shared_folder: Path) -> Path:
    return install_shared(samples / "javascript", shared_folder, SAMPLES / "javascript").parent


@pytest.fixture(scope="module")
def java(samples: Path) -> Path:
    command = ["mvn", "-q", "dependency:copy-dependencies", "-DoutputDirectory=jars"]
    subprocess.run(command, cwd=samples / "java", check=True)
    return samples / "java"


@pytest.mark.parametrize("script", ["aiokafka_consumer.py", "confluent_kafka_consumer.py"])
def test_python_reads_a_live_event(stack: Stack, samples: Path, script: str) -> None:
    reads_a_live_event(stack, samples, [sys.executable, f"python/{script}"])


@needs("node")
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


def test_a_topic_of_one_event_type_has_all_that_events_has(stack: Stack, samples: Path) -> None:
    command = [sys.executable, "python/confluent_kafka_consumer.py"]
    with reading(stack, samples, command, "events-page_view") as next_record:
        stack.post({"event_type": "click", "event_data": {}})
        sent = stack.post({"event_type": "page_view", "event_data": {"page": "/copied"}}).json()["event_id"]
        records = [next_record()]
        while records[-1]["event_id"] != sent:
            records.append(next_record())
    assert {record["event_type"] for record in records} == {"page_view"}
    subject = stack.get("/registry/subjects/events-page_view-value/versions/latest").json()
    assert json.loads(subject["schema"])["name"] == "PageView"
    assert stack.get("/catalogue/events-page_view").status_code == 200


def test_the_commands_know_the_topics_of_the_running_stack(stack: Stack) -> None:
    topics = json_lines(stack.footfall("topics", "--check", "--json").stdout)
    (copies,) = [each for each in topics if each["topic"] == "events-page_view"]
    assert (copies["state"], copies["faults"], copies["differences"]) == ("as described", [], [])
    assert "--topic events-page_view" in stack.footfall("acls").stdout
    findings = json_lines(stack.footfall("doctor", "--json").stdout)
    (found,) = [each["message"] for each in findings if each["part"] == "topics"]
    assert found == f"{len(topics)} are as described"


def test_the_documents_name_this_stack(stack: Stack) -> None:
    document = stack.get("/asyncapi.json").json()
    assert "events-page_view" in document["channels"]
    (server,) = document["servers"].values()
    assert server["host"] == stack.state["kafka"]
    registry = server["bindings"]["kafka"]["schemaRegistryUrl"]
    assert httpx.get(f"{registry}/subjects").json() == stack.get("/registry/subjects").json()
    page = stack.get("/catalogue/events").text
    assert stack.state["kafka"] in page
    assert registry in page


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
